"""What truly is on the lines that a camera took of a web: defects, streaks and roll marks with masks, and the edges."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.capture import StripEdges
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.imaging.roll_marks import RollMark, Streak, mark_mask
from inspect_pipeline.imaging.web_defects import WebDefect, stamp
from inspect_pipeline.imaging.web_material import WebMaterial

STREAK, ROLL_MARK = "streak", "roll_mark"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueDefect:
    """One thing on a frame: its family, its box in px of the frame and its mask, bool of the size of the box.

    ``defect`` is the same object on every frame and in every camera that sees a part of it; for a roll mark ``line`` is
    where this print of it begins.
    """

    kind: str
    roi: Roi
    mask: NDArray[np.bool_]
    defect: WebDefect | Streak | RollMark
    line: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What a camera took: the material line of each row, i64 (h,), and columns ``left_px .. left_px + width_px``.

    ``shift_px``, f64 (h,), is how far right the material stood in each row because the view trembled.
    """

    lines: NDArray[np.int64]
    left_px: int
    width_px: int
    shift_px: NDArray[np.float64]


def true_defects(material: WebMaterial, view: View) -> list[TrueDefect]:
    """Return what is on the view, the scattered and listed defects first, then streaks, then roll marks."""
    return [*_defects(material, view), *_streaks(material, view), *_marks(material, view)]


def true_edges(material: WebMaterial, view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the left and the right edge of the strip in each row, f64 (h,), px of the view; outside it too."""
    left, right = material.path.edges_px(view.lines)
    return left + view.shift_px - view.left_px, right + view.shift_px - view.left_px


def as_strip_edges(left: NDArray[np.float64], right: NDArray[np.float64], *, width_px: int) -> StripEdges:
    """Return the straight edges that fit those of the rows best; None where an edge lies beyond the view."""
    left_fit, right_fit = _straight(left), _straight(right)
    return StripEdges(
        left_px=left_fit[0] if left_fit[0] > 0.0 else None,
        right_px=right_fit[0] if right_fit[0] < width_px else None,
        left_slope=left_fit[1] if left_fit[0] > 0.0 else 0.0,
        right_slope=right_fit[1] if right_fit[0] < width_px else 0.0,
    )


def _straight(edge: NDArray[np.float64]) -> tuple[float, float]:
    rows = np.arange(edge.size) - (edge.size - 1) / 2
    slope = float((rows * edge).sum() / np.square(rows).sum()) if edge.size > 1 else 0.0
    return float(edge.mean()), slope


def _defects(material: WebMaterial, view: View) -> Iterator[TrueDefect]:
    for defect in material.defects(int(view.lines.min()), int(view.lines.max()) + 1):
        rows, lines = _rows(view, defect.line, defect.line + defect.height_px)
        if rows.size:
            at = material.path.left_px + material.path.shift_px(lines) + defect.column - view.left_px
            mask = stamp(defect).mask[lines - defect.line]
            at += view.shift_px[rows]
            what = (defect.kind, defect, defect.line)
            yield from _found(what, mask=mask, rows=rows, left_px=at, width_px=view.width_px)


def _streaks(material: WebMaterial, view: View) -> Iterator[TrueDefect]:
    for streak in material.streaks(int(view.lines.min()), int(view.lines.max()) + 1):
        rows, _ = _rows(view, streak.first_line, streak.end_line)
        if rows.size:
            at = streak.columns[0] - view.left_px + view.shift_px[rows]
            mask = np.broadcast_to(streak.mask(), (rows.size, streak.mask().size))
            what = (STREAK, streak, streak.first_line)
            yield from _found(what, mask=mask, rows=rows, left_px=at, width_px=view.width_px)


def _marks(material: WebMaterial, view: View) -> Iterator[TrueDefect]:
    for mark, start in material.marks(int(view.lines.min()), int(view.lines.max()) + 1):
        rows, lines = _rows(view, start, start + mark.size_px)
        if rows.size:
            at = mark.column_px - view.left_px + view.shift_px[rows]
            mask = mark_mask(mark)[lines - start]
            what = (ROLL_MARK, mark, start)
            yield from _found(what, mask=mask, rows=rows, left_px=at, width_px=view.width_px)


def _rows(view: View, first_line: int, end_line: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that show lines ``first_line .. end_line``, and the line of each."""
    rows = np.flatnonzero((view.lines >= first_line) & (view.lines < end_line))
    return rows, view.lines[rows]


def _found(
    what: tuple[str, WebDefect | Streak | RollMark, int],
    *,
    mask: NDArray[np.bool_],
    rows: NDArray[np.int64],
    left_px: NDArray[np.float64],
    width_px: int,
) -> Iterator[TrueDefect]:
    """Yield the truth of ``what`` (family, object, first line) where it is in view.

    ``mask`` has a row for each of ``rows`` of the frame, which begins at column ``left_px``, f64 (rows,), of the view.
    """
    low = max(int(np.floor(left_px.min())), 0)
    high = min(int(np.ceil(left_px.max())) + mask.shape[1] + 1, width_px)
    if high <= low:
        return
    across = np.arange(low, high, dtype=np.float32)[None, :] - left_px.astype(np.float32)[:, None]
    down = np.broadcast_to(np.arange(rows.size, dtype=np.float32)[:, None], across.shape).copy()
    placed = cast("NDArray[np.uint8]", cv2.remap(mask.astype(np.uint8) * 255, across, down, cv2.INTER_LINEAR)) > 127
    if not placed.any():
        return
    kept_rows, kept_columns = np.flatnonzero(placed.any(axis=1)), np.flatnonzero(placed.any(axis=0))
    top, bottom = int(kept_rows[0]), int(kept_rows[-1]) + 1
    left, right = int(kept_columns[0]), int(kept_columns[-1]) + 1
    first = int(rows[0])
    kind, defect, line = what
    yield TrueDefect(
        kind=kind,
        roi=Roi(top=first + top, left=low + left, bottom=first + bottom, right=low + right),
        mask=placed[top:bottom, left:right],
        defect=defect,
        line=line,
    )
