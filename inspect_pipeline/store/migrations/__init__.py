"""Alembic migrations of the catalog; run by ``store.schema.upgrade``, no alembic.ini needed."""
