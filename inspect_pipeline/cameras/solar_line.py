"""The demo's line: real solar cells laid out as modules that pass a line camera, with the truth of every frame kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.solar_plan import CELL_PX, CELLS_PER_FRAME, PlannedCell, render
from inspect_pipeline.domain.counters import first_line_from
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.material import Frame, Pixels, Roi
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.line_camera import LineCamera, LineCameraSettings, LineCapture

CELLS_ACROSS = 6
WIDTH_PX, LINES_PER_FRAME = CELLS_ACROSS * CELL_PX, CELLS_PER_FRAME // CELLS_ACROSS * CELL_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarLineSettings:
    """The line: its camera, its speed, and how many frames get lost or torn (drawn by the seed, never the first)."""

    camera: LineCameraSettings = field(
        default_factory=lambda: LineCameraSettings(width_px=WIDTH_PX, lines_per_frame=LINES_PER_FRAME, dead_columns=2)
    )
    lost_frames: int = 1
    torn_frames: int = 1
    mm_per_px: float = 0.52  # a cell of 156 mm on 300 px
    lines_per_s: float = 2000.0
    started_at: datetime = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    reference_lines: int = 2048
    reference_level: int = 220


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedCell:
    """Where a cell lies in its frame and what it truly holds; ``mask`` is bool of the size of ``roi``, if painted."""

    roi: Roi
    cell: str
    origin: Origin
    defect_type: str | None
    mask: NDArray[np.bool_] | None = None


class SolarLine:
    """A frame source of raw captures; the same cells, settings and seed give the same pixels on every pass.

    Frames are raw: correct them with a flat field built from ``dark_reference`` and ``bright_reference`` (a target of
    ``settings.reference_level`` gives the cells their own grey levels back). Id and source are ``<camera>-<sequence>``.
    """

    def __init__(
        self, placements: Sequence[PlannedCell], settings: SolarLineSettings, *, seed: int, camera: str = "camera-0"
    ) -> None:
        if not placements or len(placements) % CELLS_PER_FRAME:
            raise BadDataError(
                f"{len(placements)} cells do not fill frames of {CELLS_PER_FRAME}; plan_cells completes the last one"
            )
        frames = len(placements) // CELLS_PER_FRAME
        if (settings.camera.width_px, settings.camera.lines_per_frame) != (WIDTH_PX, LINES_PER_FRAME):
            raise BadDataError(f"the solar line needs a camera of {WIDTH_PX} px and {LINES_PER_FRAME} lines a frame")
        if settings.lost_frames + settings.torn_frames > frames - 1:
            raise BadDataError(
                f"{settings.lost_frames} lost and {settings.torn_frames} torn frames do not fit {frames} frames; "
                "plan more cells or lose fewer frames"
            )
        self.settings = settings
        self.camera = camera
        self._placements = tuple(placements)
        self._seed = seed
        self._frames = frames
        fate = np.random.default_rng([seed, 1])
        chosen = [int(frame) + 1 for frame in fate.permutation(frames - 1)]
        self.lost_frames = frozenset(chosen[: settings.lost_frames])
        torn = chosen[settings.lost_frames : settings.lost_frames + settings.torn_frames]
        self.torn_frames = MappingProxyType({frame: int(fate.integers(60, LINES_PER_FRAME - 60)) for frame in torn})

    @property
    def expected_lines(self) -> int:
        """Length of the string of modules in lines, lost frames included."""
        return self._frames * LINES_PER_FRAME

    @cached_property
    def dark_reference(self) -> Pixels:
        """A capture with the light off, u8 (reference_lines, 1800)."""
        return self._new_camera().dark_reference(lines=self.settings.reference_lines)

    @cached_property
    def bright_reference(self) -> Pixels:
        """A capture of a plain target of ``reference_level``, u8 (reference_lines, 1800)."""
        settings = self.settings
        return self._new_camera().bright_reference(lines=settings.reference_lines, level=settings.reference_level)

    @cached_property
    def truth(self) -> Mapping[str, tuple[PlacedCell, ...]]:
        """Frame source to cells, for every frame that arrives; of a torn one the cells wholly in its valid lines."""
        return {
            self._source(frame): tuple(
                self._placed(frame, place)
                for place in range(CELLS_PER_FRAME)
                if _roi(place).bottom <= self.torn_frames.get(frame, LINES_PER_FRAME)
            )
            for frame in range(self._frames)
            if frame not in self.lost_frames
        }

    def __iter__(self) -> Iterator[Capture]:
        """Yield the raw frames in order; lost ones are missing, of torn ones only ``valid_lines`` hold."""
        camera = self._new_camera()
        material = (self._material(frame) for frame in range(self._frames))
        for capture in camera.captures(material, lost=self.lost_frames, torn=self.torn_frames):
            yield self._frame(capture)

    def _frame(self, capture: LineCapture) -> Frame:
        settings = self.settings
        first_line = first_line_from(capture.encoder_lines, sequence=capture.sequence, lines_per_frame=LINES_PER_FRAME)
        whole = capture.valid_lines >= capture.pixels.shape[0]
        return Frame(
            id=self._source(capture.sequence),
            pixels=capture.pixels,
            first_line=first_line,
            captured_at=settings.started_at + timedelta(seconds=first_line / settings.lines_per_s),
            mm_per_px_across=settings.mm_per_px,
            mm_per_px_along=settings.mm_per_px,
            camera=self.camera,
            sequence=capture.sequence,
            source=self._source(capture.sequence),
            valid_lines=None if whole else capture.valid_lines,
        )

    def _source(self, frame: int) -> str:
        return f"{self.camera}-{frame:06d}"

    def _new_camera(self) -> LineCamera:
        return LineCamera(self.settings.camera, np.random.default_rng([self._seed, 0]))

    def _planned(self, frame: int) -> tuple[PlannedCell, ...]:
        return self._placements[frame * CELLS_PER_FRAME : (frame + 1) * CELLS_PER_FRAME]

    def _material(self, frame: int) -> NDArray[np.uint8]:
        lines = np.empty((LINES_PER_FRAME, WIDTH_PX), np.uint8)
        for place, planned in enumerate(self._planned(frame)):
            roi = _roi(place)
            lines[roi.top : roi.bottom, roi.left : roi.right] = render(planned)[0]
        return lines

    def _placed(self, frame: int, place: int) -> PlacedCell:
        planned = self._planned(frame)[place]
        return PlacedCell(
            roi=_roi(place),
            cell=planned.cell.name,
            origin=planned.origin,
            defect_type=planned.defect_type,
            mask=render(planned)[1] if planned.origin is Origin.SIMULATED else None,
        )


def _roi(place: int) -> Roi:
    row, column = divmod(place, CELLS_ACROSS)
    top, left = row * CELL_PX, column * CELL_PX
    return Roi(top=top, left=left, bottom=top + CELL_PX, right=left + CELL_PX)
