"""Rich tables for people; every cell is plain text, so that names from outside cannot carry markup."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inspect_pipeline.cli.text import printable


def cell(value: object) -> Text:
    """Return the text of one cell, never read as markup."""
    return Text(printable(value))


def facts(title: str, rows: Mapping[str, object]) -> Table:
    """Return a table of two columns: name and value."""
    table = Table(title=cell(title), title_justify="left", show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(cell(name), cell(value))
    return table


def grid(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table with a header."""
    table = Table(title=cell(title), title_justify="left")
    for column in columns:
        table.add_column(cell(column), overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    return table


def stacked(*parts: RenderableType | None) -> RenderableType:
    """Return the parts one under another, without those that are not there."""
    return Group(*(part for part in parts if part is not None))
