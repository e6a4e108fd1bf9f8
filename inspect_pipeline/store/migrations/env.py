"""Alembic runs this file; the connection comes from ``store.schema`` and its transaction holds the lock."""

from alembic import context

from inspect_pipeline.store.schema import VERSION_TABLE
from inspect_pipeline.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
