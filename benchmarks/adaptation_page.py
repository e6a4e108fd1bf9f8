"""The tables of docs/adaptation.md, from what benchmarks/adaptation.py measured; ``benchmarks.numbers`` writes them."""

from collections.abc import Mapping, Sequence
from typing import Any


def adaptation_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the command, the table over all types, and one table a material."""
    threads = ", ".join(f"{name}={value}" for name, value in document["threads"].items() if value)
    lines = [
        f"`{document['command']}`, revision {document['revision']}, on {document['machine']} ({threads}). Differences "
        "are to the closed form on the same draws and images, with Student's 95% interval over types.",
        "",
        "| | types, draws | image AUROC | difference | escape at 5% | difference | overkill | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(name, row) for name, row in document["summary"].items()]
    lines += [
        "",
        "Image AUROC by material, mean over types and draws (in brackets the closed form on the same draws):",
        "",
    ]
    names = sorted({row["adaptation"] for rows in document["materials"].values() for row in rows} - {"closed_form"})
    lines += [f"| material, samples | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for material, rows in document["materials"].items():
        for shot in sorted({row["shot"] for row in rows}):
            cells = [_material(rows, name, shot) for name in names]
            lines.append(f"| {material}, {shot} | {' | '.join(cells)} |")
    return lines


def _row(name: str, row: Mapping[str, Any]) -> str:
    auroc, escape = row["image_auroc"], row.get("escape_at_0.05")
    return (
        f"| {name} | {row['types']}, {row['draws']} | {auroc:.3f} | {_difference(row, 'image_auroc')} | "
        f"{'not measurable' if escape is None else f'{escape:.1%}'} | {_difference(row, 'escape_at_0.05')} | "
        f"{row['overkill']:.1%} | {row['seconds']:.1f} |"
    )


def _difference(row: Mapping[str, Any], figure: str) -> str:
    found = row.get(f"{figure}_difference")
    if found is None or row[figure] is None:
        return ""
    mean, low, high = found
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def _material(rows: Sequence[Mapping[str, Any]], name: str, shot: int) -> str:
    own = {(r["type"], r["draw"]): r["image_auroc"] for r in rows if _is(r, name, shot)}
    base = {(r["type"], r["draw"]): r["image_auroc"] for r in rows if _is(r, "closed_form", shot)}
    if not own:
        return "refused"
    mean, before = (sum(values) / len(values) for values in (list(own.values()), [base[key] for key in own]))
    return f"{mean:.3f} ({before:.3f})"


def _is(row: Mapping[str, Any], name: str, shot: int) -> bool:
    return row["adaptation"] == name and row["shot"] == shot and "refused" not in row
