"""The tables of the catalog. Rows of labels, verdicts, steps, stages, promotions and the trail are only appended."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, MetaData, String, UniqueConstraint, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from inspect_pipeline.store.columns import BigCount, Document, MaybeDocument, UtcDateTime

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
_COUNTED = {"sqlite_autoincrement": True}  # a number once given is never given again


class Base(DeclarativeBase):
    """The metadata that the migrations must produce exactly."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {  # noqa: RUF012 - as documented
        datetime: UtcDateTime(),
        str: String(),
        dict[str, Any]: Document,
        list[str]: Document,
        list[int]: Document,
    }


class CoilRow(Base):
    """One coil; its ledger is worked out from its frames, ``expected_lines`` and ``cameras``."""

    __tablename__ = "coils"
    __table_args__ = (Index(None, "line", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str]
    recipe: Mapped[str]
    family: Mapped[str]
    created_at: Mapped[datetime]
    expected_lines: Mapped[int | None] = mapped_column(BigCount)
    cameras: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    reversed: Mapped[bool] = mapped_column(server_default=false())
    offset_m: Mapped[float] = mapped_column(server_default=text("0"))


class FrameRow(Base):
    """One capture of a coil, usable or not; ``reason`` is set exactly when it is unusable."""

    __tablename__ = "frames"
    # The pair (coil, id) is unique because id is; it is there for verdicts to point at, so that none is on a frame
    # of another coil.
    __table_args__ = (UniqueConstraint("coil", "id"), Index(None, "coil", "first_line"))

    id: Mapped[str] = mapped_column(primary_key=True)
    coil: Mapped[str] = mapped_column(ForeignKey("coils.id"))
    camera: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigCount)
    source: Mapped[str]
    first_line: Mapped[int] = mapped_column(BigCount)
    line_count: Mapped[int]
    width_px: Mapped[int]
    captured_at: Mapped[datetime]
    mm_per_px_across: Mapped[float]
    mm_per_px_along: Mapped[float]
    image: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str | None]
    torn_lines: Mapped[int] = mapped_column(server_default=text("0"))
    note: Mapped[str | None]
    fingerprint: Mapped[str | None]
    downweb_m: Mapped[float | None]
    reversed: Mapped[bool] = mapped_column(server_default=false())
    offset_mm: Mapped[float] = mapped_column(server_default=text("0"))
    mirrored: Mapped[bool] = mapped_column(server_default=false())
    pruned_at: Mapped[datetime | None]


class FrameMeasuresRow(Base):
    """What was measured on one frame at ingest."""

    __tablename__ = "frame_measures"

    frame: Mapped[str] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    mean: Mapped[float | None]
    contrast: Mapped[float | None]
    saturated_share: Mapped[float | None]
    dropped_lines: Mapped[int | None]
    focus: Mapped[float | None]
    stripes: Mapped[float | None]
    clipped_share: Mapped[float | None]
    left_px: Mapped[float | None]
    right_px: Mapped[float | None]
    left_slope: Mapped[float | None]
    right_slope: Mapped[float | None]
    zone_left_px: Mapped[int | None]
    zone_right_px: Mapped[int | None]
    exposure_us: Mapped[float | None]
    gain_db: Mapped[float | None]
    temperature_c: Mapped[float | None]
    reverse: Mapped[bool]
    bits: Mapped[int | None]
    encoder: Mapped[int | None] = mapped_column(BigCount)
    flat_field: Mapped[str | None] = mapped_column(ForeignKey("flat_fields.id"))
    thumbnail: Mapped[str | None] = mapped_column(index=True)


class FlatFieldRow(Base):
    """One version of the flat field of a camera; only ever appended."""

    __tablename__ = "flat_fields"
    __table_args__ = (Index(None, "camera", "built_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    camera: Mapped[str]
    built_at: Mapped[datetime]
    exposure_us: Mapped[float | None]
    gain_db: Mapped[float | None]
    temperature_c: Mapped[float | None]
    reverse: Mapped[bool]
    bits: Mapped[int | None]
    width_px: Mapped[int]
    lines: Mapped[int]
    target: Mapped[float]
    residual: Mapped[float]
    address: Mapped[str] = mapped_column(index=True)
    operator: Mapped[str]
    dead_columns: Mapped[list[int]]
    hot_columns: Mapped[list[int]]


class LabelRow(Base):
    """One appended statement about a region; ``seq`` is the order of appending."""

    __tablename__ = "labels"
    __table_args__ = (_COUNTED,)

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    frame: Mapped[str] = mapped_column(ForeignKey("frames.id"), index=True)
    top: Mapped[int]
    left: Mapped[int]
    bottom: Mapped[int]
    right: Mapped[int]
    mask: Mapped[str | None] = mapped_column(index=True)
    source: Mapped[str]
    kind: Mapped[str]
    operator: Mapped[str]
    labelled_at: Mapped[datetime]
    defect_type: Mapped[str | None]
    role: Mapped[str] = mapped_column(index=True)
    origin: Mapped[str]
    severity: Mapped[int | None]
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("labels.id"), index=True)
    leakage_group: Mapped[str | None]


class DefectTypeRow(Base):
    """A named kind of defect on one line and how far it has come."""

    __tablename__ = "defect_types"

    line: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    life_cycle: Mapped[str]


class TypeMoveRow(Base):
    """One step of a type in its life cycle; only ever appended."""

    __tablename__ = "type_moves"
    __table_args__ = (Index(None, "line", "defect_type"), _COUNTED)

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    line: Mapped[str]
    defect_type: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str]
    operator: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class FrameResultRow(Base):
    """The verdict on one frame by one detector version; ``seq`` tells which detector judged last."""

    __tablename__ = "frame_results"
    __table_args__ = (
        UniqueConstraint("frame", "detector"),
        ForeignKeyConstraint(["coil", "frame"], ["frames.coil", "frames.id"]),
        Index(None, "coil", "detector"),
        _COUNTED,
    )

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    coil: Mapped[str]
    frame: Mapped[str]
    detector: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    heatmap: Mapped[str | None] = mapped_column(index=True)


class FindingRow(Base):
    """A region of a verdict that is not normal; boxes in px of the frame, places in mm and m of the coil."""

    __tablename__ = "findings"

    result: Mapped[int] = mapped_column(BigCount, ForeignKey("frame_results.seq"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    top: Mapped[int]
    left: Mapped[int]
    bottom: Mapped[int]
    right: Mapped[int]
    defect_type: Mapped[str]
    life_cycle: Mapped[str]
    score: Mapped[float]
    crossweb_mm: Mapped[float]
    downweb_m: Mapped[float]
    width_mm: Mapped[float]
    length_mm: Mapped[float]
    evidence: Mapped[str]
    runner_up: Mapped[str | None]
    explanation: Mapped[dict[str, Any] | None] = mapped_column(MaybeDocument)


class StageRunRow(Base):
    """What a stage did and how long it took."""

    __tablename__ = "stage_runs"
    __table_args__ = (_COUNTED,)

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    stage: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    seconds: Mapped[float]
    coil: Mapped[str | None] = mapped_column(ForeignKey("coils.id"), index=True)
    model: Mapped[str | None]
    detail: Mapped[dict[str, Any]]


class PromotionRow(Base):
    """One change of the version in force."""

    __tablename__ = "promotions"
    __table_args__ = (_COUNTED,)

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True)
    model: Mapped[str] = mapped_column(index=True)
    from_version: Mapped[str | None]
    to_version: Mapped[str]
    operator: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(server_default=text("'promoted'"))


class PendingMoveRow(Base):
    """A change of the version in force that was begun and is not yet on record; at most one a model."""

    __tablename__ = "pending_moves"

    model: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    from_version: Mapped[str | None]
    to_version: Mapped[str]
    previous_before: Mapped[str | None]
    challenger_before: Mapped[str | None]
    operator: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class AuditRow(Base):
    """One entry of the audit trail, bound to the one before; triggers of the database refuse to change or remove it."""

    __tablename__ = "audit_trail"
    __table_args__ = (Index(None, "subject"),)

    seq: Mapped[int] = mapped_column(BigCount, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]
    reason: Mapped[str]
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str]
    digest: Mapped[str]
