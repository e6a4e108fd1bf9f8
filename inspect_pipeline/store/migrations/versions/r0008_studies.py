"""Attribute agreement studies, the answers in them fixed by triggers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_SQLITE = """
CREATE TRIGGER study_judgements_no_{verb} BEFORE {verb} ON study_judgements
BEGIN SELECT RAISE(ABORT, 'answers of a study are never changed'); END
"""
_POSTGRESQL = (
    """
    CREATE FUNCTION study_judgements_fixed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'answers of a study are never changed'; END $$
    """,
    """
    CREATE TRIGGER study_judgements_fixed BEFORE UPDATE OR DELETE ON study_judgements
    FOR EACH ROW EXECUTE FUNCTION study_judgements_fixed()
    """,
    """
    CREATE TRIGGER study_judgements_kept BEFORE TRUNCATE ON study_judgements
    FOR EACH STATEMENT EXECUTE FUNCTION study_judgements_fixed()
    """,
)


def upgrade() -> None:
    """Create the tables."""
    _studies()
    _items()
    _judgements()
    dialect = op.get_bind().dialect.name
    statements = _POSTGRESQL if dialect == "postgresql" else [_SQLITE.format(verb=v) for v in ("UPDATE", "DELETE")]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables; the studies are lost."""
    op.drop_table("study_judgements")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION study_judgements_fixed()")
    op.drop_table("study_items")
    op.drop_table("studies")


def _studies() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("seed", _BIG, nullable=False),
        sa.Column("types", _DOCUMENT, nullable=False),
        sa.Column("people", _DOCUMENT, nullable=False),
        sa.Column("models", _DOCUMENT, nullable=False),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
    )
    op.create_index("ix_studies_line_made_at", "studies", ["line", "made_at"])


def _items() -> None:
    op.create_table(
        "study_items",
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("frame", sa.String(), nullable=False),
        sa.Column("top", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("bottom", sa.Integer(), nullable=False),
        sa.Column("right", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_study_items_study_studies"),
        sa.ForeignKeyConstraint(["frame"], ["frames.id"], name="fk_study_items_frame_frames"),
        sa.PrimaryKeyConstraint("study", "number", name="pk_study_items"),
    )
    op.create_index("ix_study_items_frame", "study_items", ["frame"])


def _judgements() -> None:
    op.create_table(
        "study_judgements",
        sa.Column("seq", _BIG, nullable=False, autoincrement=True),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("appraiser", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study", "item"],
            ["study_items.study", "study_items.number"],
            name="fk_study_judgements_study_item_study_items",
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_study_judgements"),
        sa.UniqueConstraint(
            "study", "item", "trial", "appraiser", name="uq_study_judgements_study_item_trial_appraiser"
        ),
        sqlite_autoincrement=True,
    )
