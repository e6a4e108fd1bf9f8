"""The first tables: coils, frames, gaps, labels, types, verdicts, findings, stages, promotions.

Written out in full, not taken from ``store.tables``: those go on changing, a released revision does not.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "findings", "frame_results", "labels", "stage_runs", "gaps", "frames", "promotions", "defect_types", "coils",
)  # fmt: skip


def upgrade() -> None:
    """Create the tables, those pointed at first."""
    _coils()
    _frames()
    _gaps()
    _labels()
    _defect_types()
    _frame_results()
    _findings()
    _stage_runs()
    _promotions()


def downgrade() -> None:
    """Drop the tables, those that point first."""
    for table in _TABLES:
        op.drop_table(table)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _int(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable, autoincrement=False)


def _big(name: str, *, counted: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False, autoincrement=counted)


def _real(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(), nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _box() -> list[sa.Column[int]]:
    return [_int("top"), _int("left"), _int("bottom"), _int("right")]


def _coils() -> None:
    op.create_table(
        "coils",
        _text("id"),
        _text("line"),
        _text("recipe"),
        _text("family"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_coils"),
    )
    op.create_index("ix_coils_line_created_at", "coils", ["line", "created_at"])


def _frames() -> None:
    op.create_table(
        "frames",
        _text("id"),
        _text("coil"),
        _text("camera"),
        _big("sequence"),
        _text("source"),
        _big("first_line"),
        _int("line_count"),
        _int("width_px"),
        _moment("captured_at"),
        _real("mm_per_px_across"),
        _real("mm_per_px_along"),
        _text("image", nullable=True),
        _text("reason", nullable=True),
        sa.ForeignKeyConstraint(["coil"], ["coils.id"], name="fk_frames_coil_coils"),
        sa.PrimaryKeyConstraint("id", name="pk_frames"),
        sa.UniqueConstraint("coil", "id", name="uq_frames_coil_id"),
    )
    op.create_index("ix_frames_coil_first_line", "frames", ["coil", "first_line"])


def _gaps() -> None:
    op.create_table(
        "gaps",
        _text("coil"),
        _int("ordinal"),
        _big("first_line"),
        _big("line_count"),
        _text("reason"),
        sa.ForeignKeyConstraint(["coil"], ["coils.id"], name="fk_gaps_coil_coils"),
        sa.PrimaryKeyConstraint("coil", "ordinal", name="pk_gaps"),
    )


def _labels() -> None:
    op.create_table(
        "labels",
        _big("seq", counted=True),
        _text("id"),
        _text("frame"),
        *_box(),
        _text("mask", nullable=True),
        _text("source"),
        _text("kind"),
        _text("operator"),
        _moment("labelled_at"),
        _text("defect_type", nullable=True),
        _text("role"),
        _text("origin"),
        _int("severity", nullable=True),
        _text("supersedes", nullable=True),
        _text("leakage_group", nullable=True),
        sa.ForeignKeyConstraint(["frame"], ["frames.id"], name="fk_labels_frame_frames"),
        sa.ForeignKeyConstraint(["supersedes"], ["labels.id"], name="fk_labels_supersedes_labels"),
        sa.PrimaryKeyConstraint("seq", name="pk_labels"),
        sa.UniqueConstraint("id", name="uq_labels_id"),
        sqlite_autoincrement=True,
    )
    for column in ("frame", "role", "supersedes"):
        op.create_index(f"ix_labels_{column}", "labels", [column])


def _defect_types() -> None:
    op.create_table(
        "defect_types",
        _text("line"),
        _text("name"),
        _text("life_cycle"),
        sa.PrimaryKeyConstraint("line", "name", name="pk_defect_types"),
    )


def _frame_results() -> None:
    op.create_table(
        "frame_results",
        _big("seq", counted=True),
        _text("coil"),
        _text("frame"),
        _text("detector"),
        _text("verdict"),
        _text("reason", nullable=True),
        _text("heatmap", nullable=True),
        sa.ForeignKeyConstraint(
            ["coil", "frame"], ["frames.coil", "frames.id"], name="fk_frame_results_coil_frame_frames"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_frame_results"),
        sa.UniqueConstraint("frame", "detector", name="uq_frame_results_frame_detector"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_frame_results_coil_detector", "frame_results", ["coil", "detector"])


def _findings() -> None:
    op.create_table(
        "findings",
        _big("result"),
        _int("ordinal"),
        *_box(),
        _text("defect_type"),
        _text("life_cycle"),
        _real("score"),
        _real("crossweb_mm"),
        _real("downweb_m"),
        _real("width_mm"),
        _real("length_mm"),
        _text("evidence"),
        _text("runner_up", nullable=True),
        sa.ForeignKeyConstraint(["result"], ["frame_results.seq"], name="fk_findings_result_frame_results"),
        sa.PrimaryKeyConstraint("result", "ordinal", name="pk_findings"),
    )


def _stage_runs() -> None:
    op.create_table(
        "stage_runs",
        _big("seq", counted=True),
        _text("stage"),
        _moment("started_at"),
        _real("seconds"),
        _text("coil", nullable=True),
        _text("model", nullable=True),
        sa.Column("detail", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["coil"], ["coils.id"], name="fk_stage_runs_coil_coils"),
        sa.PrimaryKeyConstraint("seq", name="pk_stage_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stage_runs_coil", "stage_runs", ["coil"])
    op.create_index("ix_stage_runs_started_at", "stage_runs", ["started_at"])


def _promotions() -> None:
    op.create_table(
        "promotions",
        _big("seq", counted=True),
        _text("model"),
        _text("from_version", nullable=True),
        _text("to_version"),
        _text("operator"),
        _text("reason"),
        _moment("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_promotions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_promotions_model", "promotions", ["model"])
