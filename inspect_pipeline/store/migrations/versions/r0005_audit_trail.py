"""The audit trail, its rows fixed by triggers, and changes of the version in force that were begun."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_SQLITE = """
CREATE TRIGGER audit_trail_no_{verb} BEFORE {verb} ON audit_trail
BEGIN SELECT RAISE(ABORT, 'entries of the audit trail are never changed'); END
"""
_POSTGRESQL = (
    """
    CREATE FUNCTION audit_trail_fixed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'entries of the audit trail are never changed'; END $$
    """,
    """
    CREATE TRIGGER audit_trail_fixed BEFORE UPDATE OR DELETE ON audit_trail
    FOR EACH ROW EXECUTE FUNCTION audit_trail_fixed()
    """,
    """
    CREATE TRIGGER audit_trail_kept BEFORE TRUNCATE ON audit_trail
    FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_fixed()
    """,
)


def upgrade() -> None:
    """Create the tables; what happened before has no entry in the trail."""
    op.add_column("promotions", sa.Column("kind", sa.String(), nullable=False, server_default=sa.text("'promoted'")))
    op.create_table(
        "pending_moves",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_version", sa.String(), nullable=True),
        sa.Column("to_version", sa.String(), nullable=False),
        sa.Column("previous_before", sa.String(), nullable=True),
        sa.Column("challenger_before", sa.String(), nullable=True),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", name="pk_pending_moves"),
    )
    op.create_table(
        "audit_trail",
        sa.Column("seq", _BIG, nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", _DOCUMENT, nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_trail"),
    )
    op.create_index("ix_audit_trail_subject", "audit_trail", ["subject"])
    dialect = op.get_bind().dialect.name
    statements = _POSTGRESQL if dialect == "postgresql" else [_SQLITE.format(verb=v) for v in ("UPDATE", "DELETE")]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables; what the trail recorded is lost."""
    op.drop_table("audit_trail")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_trail_fixed()")
    op.drop_table("pending_moves")
    op.drop_column("promotions", "kind")
