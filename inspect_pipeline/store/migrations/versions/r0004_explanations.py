"""Why a finding is called what it is called, as a document beside it; findings of before have none."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    document = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("findings", sa.Column("explanation", document, nullable=True))


def downgrade() -> None:
    """Remove the column with what it says."""
    op.drop_column("findings", "explanation")
