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


def of_times(results):
    """A row a model: median and, in brackets, minimum of each; the shares likewise."""
    names = list(dict.fromkeys(name for result in results for name in result["times"]))
    rows = [["alpha-resolution", *names, "best peer", "ours / best peer"]]
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
        worst = max(found, key=lambda result: result["differences"][name])
        rows.append([name, f"{worst['differences'][name]:.1e}", worst["model"]])
    return markdown(rows)


def cell(times):
    return f"{times['median_ms']:.3f} ({times['min_ms']:.3f})"


def markdown(rows):
    """Rows of cells, the first the head."""
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])
