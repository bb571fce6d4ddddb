"""The public API of a crate, a line an item, from rustdoc's JSON: `api.py CRATE.json`. Signatures are the source's own text."""
import json
import re
import sys

crate = json.load(open(sys.argv[1]))
index = crate["index"]
lines = set()

CHILDREN = {"module": "items", "trait": "items", "enum": "variants"}


def signature(item):
    """The text of the source as far as the body."""
    span = item["span"]
    if not span:
        return ""
    (first, column), (last, end) = span["begin"], span["end"]
    text = open(span["filename"]).read().split("\n")[first - 1 : last]
    text[-1] = text[-1][: end - 1]
    text[0] = text[0][column - 1 :]
    text = " ".join(line for line in text if not line.strip().startswith(("//", "#[")))
    kind = next(iter(item["inner"]))
    if kind in ("function", "proc_macro", "struct", "enum", "trait", "union"):
        text = re.split(r" \{|;", text)[0]
    if kind == "struct":
        text = text.split("(")[0]
    if "const" in kind:
        text = text.split(" =")[0]
    return re.sub(r"\s+", " ", text).strip().rstrip(",")


def walk(key, path):
    item = index.get(str(key))
    if item is None or item["visibility"] not in ("public", "default"):
        return
    kind, inner = next(iter(item["inner"].items()))
    if kind != "use":
        describe(key, f"{path}::{item['name']}" if path else item["name"])
    elif str(inner["id"]) in index and not inner["is_glob"]:
        describe(inner["id"], f"{path}::{inner['name']}")
    else:
        lines.add(f"{path}: pub use {inner['source']} as {inner['name']}")


def children(kind, inner):
    """The keys of what an item is made of; private fields of a tuple have none."""
    if kind == "struct":
        shape = inner["kind"]
        fields = [] if shape == "unit" else shape["tuple"] if "tuple" in shape else shape["plain"]["fields"]
        return [field for field in fields if field is not None]
    return inner[CHILDREN[kind]] if kind in CHILDREN else []


def describe(key, path):
    item = index[str(key)]
    kind, inner = next(iter(item["inner"].items()))
    lines.add(f"{path}: {'mod' if kind == 'module' else signature(item) or kind}")
    for child in children(kind, inner):
        walk(child, path)
    for implementation in inner.get("impls", []):
        block = index.get(str(implementation))
        if block is None:
            continue
        block = block["inner"]["impl"]
        if block["trait"] is None:
            for child in block["items"]:
                if index[str(child)]["visibility"] == "public":
                    walk(child, path)
        elif not block["is_synthetic"] and not block["blanket_impl"]:
            lines.add(f"{path}: impl {block['trait']['path']}")


walk(crate["root"], "")
print("\n".join(sorted(lines)))
