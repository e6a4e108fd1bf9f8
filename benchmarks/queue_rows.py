"""Rows of a plant that has run for long, put into a catalog in bulk: coils, frames, findings, groups of what waits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from inspect_pipeline.bootstrap.house import House
from inspect_pipeline.domain.explanation import Explanation, NamedBy, Neighbour
from inspect_pipeline.domain.review import group_value, point_of
from inspect_pipeline.store.engine import open_engine, take_write_lock
from inspect_pipeline.store.review_tables import ReviewGroupRow, ReviewItemRow
from inspect_pipeline.store.tables import Base, CoilRow, DefectTypeRow, FindingRow, FrameResultRow, FrameRow

LINE, OTHER_LINE = "line-1", "line-2"
TYPES = 20
_FINDINGS_A_FRAME, _FRAMES_A_COIL = 8, 500
_HEIGHT, _WIDTH = 2048, 4096
_GROUPS_A_LINE = 3000
_CHUNK = 20_000
_START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_DETECTOR = "detector.{}.default@7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much there is: of every ten findings seven are of the first line; ``waiting`` is the share that is open."""

    findings: int
    seed: int
    waiting: float = 0.4


def fill(house: House, plan: Plan) -> dict[str, int]:
    """Put the rows in and return how many there are of each kind."""
    house.catalog.close()  # made or migrated by then
    engine = open_engine(house.settings.catalog_url)
    frames = plan.findings // _FINDINGS_A_FRAME
    with engine.begin() as connection:
        take_write_lock(connection)
        _put(connection, CoilRow, _coils(frames))
        _put(connection, FrameRow, _frames(frames))
        _put(connection, FrameResultRow, _results(frames))
        _put(connection, FindingRow, _findings(frames, plan))
        _put(connection, DefectTypeRow, _types())
        _put_waiting(connection, plan)
        open_items = connection.scalar(select(ReviewGroupRow.size).order_by(ReviewGroupRow.size.desc()).limit(1))
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    waiting = int(frames * _FINDINGS_A_FRAME * plan.waiting)
    engine.dispose()
    return {
        "findings": frames * _FINDINGS_A_FRAME,
        "frames": frames,
        "waiting": waiting,
        "groups": 2 * _GROUPS_A_LINE,
        "largest_group": int(open_items or 0),
    }


def _put(connection: Connection, row: type[Base], values: Iterator[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for one in values:
        chunk.append(one)
        if len(chunk) == _CHUNK:
            connection.execute(insert(row), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(row), chunk)


def _line_of(frame: int) -> str:
    return LINE if (frame // _FRAMES_A_COIL) % 10 < 7 else OTHER_LINE


def _coils(frames: int) -> Iterator[dict[str, Any]]:
    for number in range(-(-frames // _FRAMES_A_COIL)):
        line = _line_of(number * _FRAMES_A_COIL)
        yield {
            "id": f"coil-{number:05}",
            "line": line,
            "recipe": "default",
            "family": "steel",
            "created_at": _START + timedelta(minutes=20 * number),
            "cameras": ["camera-0"],
        }


def _frames(frames: int) -> Iterator[dict[str, Any]]:
    for number in range(frames):
        at = number % _FRAMES_A_COIL
        yield {
            "id": f"{number:032x}",
            "coil": f"coil-{number // _FRAMES_A_COIL:05}",
            "camera": "camera-0",
            "sequence": at,
            "source": f"camera-0-{at:06}",
            "first_line": at * _HEIGHT,
            "line_count": _HEIGHT,
            "width_px": _WIDTH,
            "captured_at": _START + timedelta(seconds=number),
            "mm_per_px_across": 0.1,
            "mm_per_px_along": 0.1,
            "image": f"{number:064x}.tif",
        }


def _results(frames: int) -> Iterator[dict[str, Any]]:
    for number in range(frames):
        yield {
            "coil": f"coil-{number // _FRAMES_A_COIL:05}",
            "frame": f"{number:032x}",
            "detector": _DETECTOR.format(_line_of(number)),
            "verdict": "UNKNOWN",
            "heatmap": f"{number + 1:064x}.png",
        }


def _findings(frames: int, plan: Plan) -> Iterator[dict[str, Any]]:
    draw = np.random.default_rng(plan.seed)
    told = [_explanation(draw) for _ in range(256)]
    for number in range(frames):
        tops, lefts = draw.integers(0, _HEIGHT - 64, 8).tolist(), draw.integers(0, _WIDTH - 64, 8).tolist()
        kinds = draw.integers(0, len(told), 8).tolist()
        for ordinal in range(_FINDINGS_A_FRAME):
            top, left = tops[ordinal], lefts[ordinal]
            along = (number % _FRAMES_A_COIL) * _HEIGHT + top
            yield {
                "result": number + 1,
                "ordinal": ordinal,
                "top": top,
                "left": left,
                "bottom": top + 60,
                "right": left + 60,
                "defect_type": "unknown" if _waits(number, ordinal, plan) else f"type-{kinds[ordinal] % TYPES}",
                "life_cycle": "candidate" if _waits(number, ordinal, plan) else "approved",
                "score": 1.0 + kinds[ordinal] / 64.0,
                "crossweb_mm": left * 0.1,
                "downweb_m": along * 0.0001,
                "width_mm": 6.0,
                "length_mm": 6.0,
                "evidence": "anomaly",
                "runner_up": "type-1",
                "explanation": told[kinds[ordinal]],
            }


def _waits(frame: int, ordinal: int, plan: Plan) -> bool:
    return (frame * _FINDINGS_A_FRAME + ordinal) % 100 < 100 * plan.waiting


def _explanation(draw: np.random.Generator) -> dict[str, Any]:
    near = [Neighbour(label=f"sample-{n}", defect_type=f"type-{n}", distance=float(draw.random())) for n in range(3)]
    return Explanation(
        anomaly=float(1.0 + draw.random()),
        type_score=float(draw.random()),
        channel="type-0",
        named_by=NamedBy.REGION,
        nearest_type=f"type-{int(draw.integers(TYPES))}",
        margin=float(draw.random()),
        distance=float(0.5 + draw.random()),
        limit=1.0,
        neighbours=tuple(near),
        contribution={"context": 0.5, "window": 0.3, "patches": 0.2},
    ).to_document()


def _types() -> Iterator[dict[str, Any]]:
    for line in (LINE, OTHER_LINE):
        for number in range(TYPES):
            yield {"line": line, "name": f"type-{number}", "life_cycle": "approved"}


def _put_waiting(connection: Connection, plan: Plan) -> None:
    """Put what waits in groups whose sizes fall as those of words do (Zipf): a few large ones and many small."""
    draw = np.random.default_rng(plan.seed + 1)
    frames = plan.findings // _FINDINGS_A_FRAME
    reach = np.cumsum(1.0 / np.arange(1, _GROUPS_A_LINE + 1))
    first = {LINE: 1, OTHER_LINE: _GROUPS_A_LINE + 1}
    points = [point_of(draw.normal(size=256).astype(np.float32)).tobytes() for _ in range(2 * _GROUPS_A_LINE)]
    _put(connection, ReviewGroupRow, _groups(first, points))
    size = np.zeros(2 * _GROUPS_A_LINE + 1, dtype=int)
    best: dict[int, tuple[float, int, int]] = {}

    def items() -> Iterator[dict[str, Any]]:
        for number in range(frames):
            line = _line_of(number)
            kinds = np.searchsorted(reach, draw.random(_FINDINGS_A_FRAME) * reach[-1]).tolist()
            worth = draw.random(8).tolist()
            for ordinal in (at for at in range(_FINDINGS_A_FRAME) if _waits(number, at, plan)):
                group = first[line] + kinds[ordinal]
                size[group] += 1
                found = (worth[ordinal], number + 1, ordinal)
                best[group] = max(best.get(group, found), found)
                yield {
                    "result": number + 1,
                    "ordinal": ordinal,
                    "line": line,
                    "recipe": "default",
                    "frame": f"{number:032x}",
                    "reason": "unknown",
                    "name": "unknown",
                    "space": "space-1",
                    "nearest_type": "type-1",
                    "point": points[group - 1],
                    "uncertainty": worth[ordinal],
                    "informativeness": worth[ordinal],
                    "group_id": group,
                    "state": 0,
                }

    _put(connection, ReviewItemRow, items())
    table = ReviewGroupRow.__table__
    for group, (worth, result, ordinal) in best.items():
        count = int(size[group])
        values = {"size": count, "value": group_value(worth, count), "lead_result": result, "lead_ordinal": ordinal}
        connection.execute(table.update().where(table.c.id == group).values(values))  # type: ignore[attr-defined]


def _groups(first: dict[str, int], points: list[bytes]) -> Iterator[dict[str, Any]]:
    for line, begin in first.items():
        for number in range(begin, begin + _GROUPS_A_LINE):
            yield {
                "id": number,
                "line": line,
                "recipe": "default",
                "reason": "unknown",
                "name": "unknown",
                "space": "space-1",
                "nearest_type": "type-1",
                "leader": points[number - 1],
                "size": 0,
                "value": 0.0,
            }
