"""What a race gave, as tables in Markdown."""

OURS = "ours"


def ratios(times):
    """Our time as a share of the best peer's, by medians and by minima, with that peer's name; None without peers."""
    if len(times) == 1:
        return None
    shares = {}
    for key in ("median_ms", "min_ms"):
        best = min((name for name in times if name != OURS), key=lambda name: times[name][key])
        shares[key.replace("_ms", "")] = {"peer": best, "ratio": times[OURS][key] / times[best][key]}
    return shares


def of_times(results, precision):
    """A row a model: median and, in brackets, minimum of each; the shares likewise."""
    names = list(dict.fromkeys(name for result in results for name in result["times"]))
    rows = [[f"alpha-resolution, {precision}", *names, "best peer", "ours / best peer"]]
    for result in results:
        times, shares = result["times"], result["ratios"]
        cells = [cell(times[name]) if name in times else "" for name in names]
        ratio = f"**{shares['median']['ratio']:.2f}** ({shares['min']['ratio']:.2f})" if shares else ""
        rows.append([result["model"], *cells, shares["median"]["peer"] if shares else "", ratio])
    return markdown(rows)


def of_differences(results):
    """A row a peer: by how much its logits differ from ours at most, over all models."""
    rows = [["peer", "largest difference of a logit", "in"]]
    for name in dict.fromkeys(name for result in results for name in result["differences"]):
        found = [result for result in results if name in result["differences"]]
        worst = max(found, key=lambda result: result["differences"][name]["error"])
        rows.append([name, f"{worst['differences'][name]['error']:.1e}", worst["model"]])
    return markdown(rows)


def of_errors(results):
    """A row a contestant: how far its logits are from ours in f32, and LiteRT's from ours, at worst over all models."""
    rows = [["logits", "least correlation with ours in f32", "in", "largest error", "in"]]
    for name in dict.fromkeys(name for result in results for name in result["differences"]):
        found = {result["model"]: result["differences"][name] for result in results if name in result["differences"]}
        least = min(found, key=lambda model: found[model]["correlation"])
        most = max(found, key=lambda model: found[model]["error"])
        rows.append([name, f"{found[least]['correlation']:.4f}", least, f"{found[most]['error']:.2f}", most])
    steps = [result["steps"] for result in results if result.get("steps") is not None]
    note = f"\n\nLiteRT, given the same file: {max(steps)} steps of a logit from ours at most." if steps else ""
    return markdown(rows) + note


def cell(times):
    return f"{times['median_ms']:.3f} ({times['min_ms']:.3f})"


def markdown(rows):
    """Rows of cells, the first the head."""
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])
