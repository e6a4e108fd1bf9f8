"""Rich tables for people; every cell is plain text, so that names from outside cannot carry markup."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inspect_pipeline.cli.text import printable


def cell(value: object) -> Text:
    """Return the text of one cell, never read as markup."""
    return Text(printable(value))


def facts(title: str, rows: Mapping[str, object]) -> RenderableType:
    """Return a table of two columns, name and value, under its title."""
    table = Table(show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(cell(name), cell(value))
    return _titled(title, table)


def grid(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> RenderableType:
    """Return a table with a header, under its title."""
    table = Table()
    for column in columns:
        table.add_column(cell(column), overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    return _titled(title, table)


def stacked(*parts: RenderableType | None) -> RenderableType:
    """Return the parts one under another, without those that are not there."""
    return Group(*(part for part in parts if part is not None))


def _titled(title: str, table: Table) -> RenderableType:
    """Return the table under its title, which may be wider than the table."""
    return Group(Text(printable(title), style="bold"), table)
