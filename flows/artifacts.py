"""Results beside the run: one small table in the Prefect page, with a link to the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect.artifacts import create_markdown_artifact

Cell = str | int | float | None


def show_table(key: str, title: str, rows: Sequence[Mapping[str, Cell]], *, report: Path | None = None) -> None:
    """Store the rows as a markdown artifact under ``key`` (lower case, dashes); the columns are those of the first."""
    text = markdown(title, rows)
    if report is not None:
        text += f"\n[report]({report.absolute().as_uri()}): `{report}`\n"
    create_markdown_artifact(markdown=text, key=key, description=title)


def markdown(title: str, rows: Sequence[Mapping[str, Cell]]) -> str:
    """Return the rows as a markdown table under a heading."""
    if not rows:
        return f"## {_cell(title)}\n"
    columns = list(rows[0])
    lines = [f"## {_cell(title)}", "", _line(columns), _line(["---"] * len(columns))]
    lines += [_line([row.get(column) for column in columns]) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", r"\|").replace("<", "&lt;").replace("\n", " ")
