"""What was measured on a frame, and versions of flat fields, between their records and their rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inspect_pipeline.domain.capture import CaptureSettings, FrameMeasures, QualityRange, StripEdges, measured_names
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.store.rows import add_new
from inspect_pipeline.store.tables import FlatFieldRow, FrameMeasuresRow, FrameRow

_PLAIN = (
    "mean",
    "contrast",
    "saturated_share",
    "dropped_lines",
    "focus",
    "stripes",
    "clipped_share",
    "zone_left_px",
    "zone_right_px",
    "encoder",
    "flat_field",
    "thumbnail",
)
_EDGES = ("left_px", "right_px", "left_slope", "right_slope")
_SETTINGS = ("exposure_us", "gain_db", "temperature_c", "reverse", "bits")


def measures_row(frame: str, measures: FrameMeasures) -> dict[str, Any]:
    """Return the values of the row of a frame."""
    edges = measures.edges
    return {
        "frame": frame,
        **{name: getattr(measures, name) for name in _PLAIN},
        **{name: None if edges is None else getattr(edges, name) for name in _EDGES},
        **_settings_values(measures.settings),
    }


def measures_of(row: FrameMeasuresRow) -> FrameMeasures:
    """Return the record of a row."""
    values = {name: getattr(row, name) for name in _PLAIN}
    return FrameMeasures(**values, edges=_edges(row), settings=_settings(row))


def quality(session: Session, coil: str) -> list[QualityRange]:
    """Return lowest, mean and highest of each measure of each camera of a coil, by camera; unmeasured ones not."""
    names = measured_names()
    numbers = [getattr(FrameMeasuresRow, name) for name in names]
    figures = [figure(number) for number in numbers for figure in (func.min, func.avg, func.max)]
    query = select(FrameRow.camera, *figures).join(FrameRow, FrameRow.id == FrameMeasuresRow.frame)
    found: list[QualityRange] = []
    rows = session.execute(query.where(FrameRow.coil == coil).group_by(FrameRow.camera)).all()
    for camera, *values in sorted(rows, key=lambda row: str(row[0])):
        for at, name in enumerate(names):
            low, mean, high = values[3 * at : 3 * at + 3]
            if mean is not None:
                found.append(
                    QualityRange(camera=camera, measure=name, low=float(low), mean=float(mean), high=float(high))
                )
    return found


def add_flat_field(session: Session, version: FlatFieldVersion) -> bool:
    """Add the version; False when it was there."""
    values = {
        "id": version.id,
        "camera": version.camera,
        "built_at": version.built_at,
        **_settings_values(version.settings),
        "width_px": version.width_px,
        "lines": version.lines,
        "target": version.target,
        "residual": version.residual,
        "address": version.address,
        "operator": version.operator,
        "dead_columns": list(version.dead_columns),
        "hot_columns": list(version.hot_columns),
    }
    return bool(add_new(session, FlatFieldRow, [values], key=["id"]))


def list_flat_fields(session: Session, *, camera: str | None) -> Sequence[FlatFieldVersion]:
    """Return the versions, newest first."""
    query = select(FlatFieldRow)
    if camera is not None:
        query = query.where(FlatFieldRow.camera == camera)
    found = [_flat_field(row) for row in session.scalars(query)]
    return sorted(found, key=lambda one: (one.built_at, one.id), reverse=True)


def _flat_field(row: FlatFieldRow) -> FlatFieldVersion:
    return FlatFieldVersion(
        id=row.id,
        camera=row.camera,
        built_at=row.built_at,
        settings=_settings(row),
        width_px=row.width_px,
        lines=row.lines,
        target=row.target,
        residual=row.residual,
        address=row.address,
        operator=row.operator,
        dead_columns=tuple(row.dead_columns),
        hot_columns=tuple(row.hot_columns),
    )


def _edges(row: FrameMeasuresRow) -> StripEdges | None:
    if row.left_slope is None or row.right_slope is None:
        return None
    return StripEdges(
        left_px=row.left_px, right_px=row.right_px, left_slope=row.left_slope, right_slope=row.right_slope
    )


def _settings(row: FrameMeasuresRow | FlatFieldRow) -> CaptureSettings:
    return CaptureSettings(
        exposure_us=row.exposure_us,
        gain_db=row.gain_db,
        temperature_c=row.temperature_c,
        reverse=row.reverse,
        bits=row.bits,
    )


def _settings_values(settings: CaptureSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in _SETTINGS}
