"""Adds rows that may be there already."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inspect_pipeline.store.tables import Base

Insert = sqlite.Insert | postgresql.Insert
Values = Mapping[str, Any]


def table_of(row: type[Base]) -> Table:
    """Return the table behind a declarative class."""
    table = inspect(row).local_table
    if not isinstance(table, Table):
        raise TypeError(f"{row.__name__} is no single table")
    return table


def insert_into(session: Session, row: type[Base]) -> Insert:
    """Return the dialect's own INSERT, which can say ON CONFLICT."""
    dialect = session.get_bind().dialect.name
    return postgresql.insert(table_of(row)) if dialect == "postgresql" else sqlite.insert(table_of(row))


def add_new(session: Session, row: type[Base], values: Sequence[Values], *, key: Sequence[str]) -> int:
    """Insert the rows in the order given, leaving those whose ``key`` is there; return how many were new."""
    if not values:
        return 0
    statement = insert_into(session, row).on_conflict_do_nothing(index_elements=list(key))
    # Without preserve_rowcount, SQLAlchemy gives -1 for an INSERT on PostgreSQL.
    return session.connection().execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount
