"""The table of docs/methods.md, from what benchmarks/methods_table.py measured; ``benchmarks.numbers`` writes it."""

from collections.abc import Mapping, Sequence
from typing import Any


def methods_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the command and a row for every method, material and number of samples."""
    seeds = ", ".join(str(seed) for seed in document["seeds"])
    lines = [
        f"`{document['command']}`, revision {document['revision']}, on {document['machine']}, {document['threads']} "
        f"thread, {document['steps']} steps of training fixed beforehand, seeds {seeds} (trained figures are their "
        f"mean). Points over {document['beside']}, paired on the same episodes, 95% intervals over episodes of that "
        "material alone.",
        "",
        "| unseen | samples | method | as it starts | meta-trained | sees more |",
        "|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        trained = _points(row["trained"]["gain"]) if "trained" in row else ""
        untrained = _points(row["untrained"]["gain"])
        cells = (row["unseen"], row["shot"], row["method"], untrained, trained, row["sees_more"])
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines


def _points(gain: Sequence[float]) -> str:
    mean, low, high = (100.0 * value for value in gain)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
