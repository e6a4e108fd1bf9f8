"""What an inspection line needs to trust its intake: measures, flat fields, geometry; the ledger comes from the frames.

The table of gaps goes: it was stale after a crash. A coil keeps its expected length instead, which the gaps of before
give for coils that are there already.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ADDRESSES = (
    ("frames", "image"),
    ("frame_measures", "thumbnail"),
    ("frame_results", "heatmap"),
    ("labels", "mask"),
    ("flat_fields", "address"),
)
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the columns and tables; keep what the gaps said of the length of each coil."""
    _coils()
    _frames()
    _flat_fields()
    _frame_measures()
    _lengths()
    op.drop_table("gaps")
    # Retention asks for each file which rows point at it.
    for table, column in _ADDRESSES:
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Refuse: the gaps of before cannot be told from what retention removed since."""
    raise NotImplementedError("r0002 is not undone; restore the backup that was made before it")


def _coils() -> None:
    op.add_column("coils", sa.Column("expected_lines", _BIG, nullable=True))
    op.add_column("coils", sa.Column("cameras", _DOCUMENT, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("coils", _flag("reversed"))
    op.add_column("coils", sa.Column("offset_m", sa.Float(), nullable=False, server_default=sa.text("0")))


def _frames() -> None:
    op.add_column("frames", sa.Column("torn_lines", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("frames", _text("note", nullable=True))
    op.add_column("frames", _text("fingerprint", nullable=True))
    op.add_column("frames", _real("downweb_m", nullable=True))
    op.add_column("frames", _flag("reversed"))
    op.add_column("frames", sa.Column("offset_mm", sa.Float(), nullable=False, server_default=sa.text("0")))
    op.add_column("frames", _flag("mirrored"))
    op.add_column("frames", sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True))


def _flat_fields() -> None:
    op.create_table(
        "flat_fields",
        _text("id"),
        _text("camera"),
        _moment("built_at"),
        *_settings(),
        _int("width_px"),
        _int("lines"),
        _real("target"),
        _real("residual"),
        _text("address"),
        _text("operator"),
        sa.Column("dead_columns", _DOCUMENT, nullable=False),
        sa.Column("hot_columns", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flat_fields"),
    )
    op.create_index("ix_flat_fields_camera_built_at", "flat_fields", ["camera", "built_at"])


def _frame_measures() -> None:
    reals = ("mean", "contrast", "saturated_share", "focus", "stripes", "clipped_share")
    edges = ("left_px", "right_px", "left_slope", "right_slope")
    op.create_table(
        "frame_measures",
        _text("frame"),
        *(_real(name, nullable=True) for name in (*reals, *edges)),
        *(_int(name, nullable=True) for name in ("dropped_lines", "zone_left_px", "zone_right_px")),
        *_settings(),
        sa.Column("encoder", _BIG, nullable=True),
        _text("flat_field", nullable=True),
        _text("thumbnail", nullable=True),
        sa.ForeignKeyConstraint(["frame"], ["frames.id"], name="fk_frame_measures_frame_frames"),
        sa.ForeignKeyConstraint(["flat_field"], ["flat_fields.id"], name="fk_frame_measures_flat_field_flat_fields"),
        sa.PrimaryKeyConstraint("frame", name="pk_frame_measures"),
    )


def _lengths() -> None:
    """Give each coil the length that its last gap, or else its last frame, shows."""
    op.execute(
        sa.text(
            "UPDATE coils SET expected_lines = (SELECT max(ends.line) FROM ("
            "SELECT coil, first_line + line_count AS line FROM gaps UNION ALL "
            "SELECT coil, first_line + line_count AS line FROM frames) AS ends WHERE ends.coil = coils.id)"
        )
    )


def _settings() -> list[sa.Column[Any]]:
    numbers = [_real(name, nullable=True) for name in ("exposure_us", "gain_db", "temperature_c")]
    return [*numbers, sa.Column("reverse", sa.Boolean(), nullable=False), _int("bits", nullable=True)]


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _int(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable, autoincrement=False)


def _real(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float(), nullable=nullable)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
