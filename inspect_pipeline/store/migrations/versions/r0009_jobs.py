"""Work that the workbench does in the background."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0009"
down_revision = "r0008"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create the table of the jobs."""
    op.create_table(
        "workbench_jobs",
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("done", _BIG, nullable=False),
        sa.Column("total", _BIG, nullable=False),
        sa.Column("document", _DOCUMENT, nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_workbench_jobs"),
        sa.UniqueConstraint("id", name="uq_workbench_jobs_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_workbench_jobs_state", "workbench_jobs", ["state"])
    op.create_index("ix_workbench_jobs_line_seq", "workbench_jobs", ["line", "seq"])


def downgrade() -> None:
    """Drop the table; what was asked for and how it ended is lost."""
    op.drop_table("workbench_jobs")
