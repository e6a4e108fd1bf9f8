"""Who moved a defect type in its life cycle, when and why."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table of the steps; types that are there keep their stage and begin without a history."""
    op.create_table(
        "type_moves",
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("defect_type", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_type_moves"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_type_moves_line_defect_type", "type_moves", ["line", "defect_type"])


def downgrade() -> None:
    """Drop the table; what it recorded is lost."""
    op.drop_table("type_moves")
