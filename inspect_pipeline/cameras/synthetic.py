"""The synthetic line camera as a frame source: an endless web passes it, and the truth of every frame is kept.

Every frame follows from the seed and its number, so a source that is started again in the middle, after a kill say,
delivers what it would have delivered. Several of them can look at parts of one web (``view_left_px``).
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.capture import CaptureSettings, StripEdges
from inspect_pipeline.domain.counters import first_line_from
from inspect_pipeline.domain.material import Frame, Pixels
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.line_camera import LineCamera, LineCameraSettings, stale_below
from inspect_pipeline.imaging.line_faults import TakenLines
from inspect_pipeline.imaging.web_material import WebMaterial, WebSettings
from inspect_pipeline.imaging.web_truth import TrueDefect, View, as_strip_edges, true_defects, true_edges

_PATTERN, _LINES, _NOISE, _FATE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSettings:
    """One camera over the web: how many frames it takes, its name, what it sees and how it is set.

    ``line`` is the camera itself (width, lines a frame, bit depth, noise, faults), ``web`` what passes (as wide as all
    cameras together see; None: a web of metal as wide as the view). The columns of the view begin at ``view_left_px``
    of the machine. ``seed`` sets the web; the noise of a camera hangs on its ``name`` too. Exposure,
    gain and temperature are only written into the frames. ``reference_level`` is the grey level of the white target.
    """

    frames: int = 20
    seed: int = 0
    name: str = "camera-0"
    line: LineCameraSettings = field(
        default_factory=lambda: LineCameraSettings(width_px=2048, lines_per_frame=512, dead_columns=2)
    )
    web: WebSettings | None = None
    view_left_px: int = 0
    lines_per_s: float = 20_000.0
    started_at: datetime = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    exposure_us: float = 40.0
    gain_db: float = 0.0
    temperature_c: float = 38.0
    reference_lines: int = 2048
    reference_level: int = 220

    def __post_init__(self) -> None:
        if min(self.frames, self.reference_lines) < 1 or self.seed < 0 or self.lines_per_s <= 0.0 or not self.name:
            raise BadDataError(
                f"synthetic camera {self.name!r} of {self.frames} frames, seed {self.seed}, {self.lines_per_s} lines a "
                f"second, {self.reference_lines} reference lines cannot run; give a name, 1 or more, no negative seed"
            )
        if not 0 < self.reference_level <= 255 or self.started_at.tzinfo is None:
            raise BadDataError(
                f"synthetic camera {self.name}: reference level {self.reference_level}, start {self.started_at}; give "
                "a level in 1..255 and a time with its zone"
            )
        seen = self.view_left_px + self.line.width_px
        if self.view_left_px < 0 or seen > self.material.width_px:
            raise BadDataError(
                f"synthetic camera {self.name} sees columns {self.view_left_px}..{seen}, the web has "
                f"{self.material.width_px}; move the view or widen the web"
            )

    @property
    def material(self) -> WebSettings:
        """The web, a plain one of the width of the view where none is given."""
        return WebSettings(width_px=max(self.view_left_px, 0) + self.line.width_px) if self.web is None else self.web

    @property
    def capture(self) -> CaptureSettings:
        """What the frames say of the setting of the camera."""
        return CaptureSettings(
            exposure_us=self.exposure_us,
            gain_db=self.gain_db,
            temperature_c=self.temperature_c,
            bits=self.line.bit_depth,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameTruth:
    """What is truly on one frame; of a torn one, on its valid lines.

    ``material_lines``, i64 (rows,), are the lines of the web that its rows show; ``dropped`` and ``repeated`` how many
    were missed and doubled in it. ``left_px`` and ``right_px``, f64 (rows,), are the edges of the strip in each row,
    outside the view too, ``edges`` the straight ones that fit them.
    """

    sequence: int
    source: str
    lost: bool
    material_lines: NDArray[np.int64]
    dropped: int
    repeated: int
    defects: tuple[TrueDefect, ...]
    edges: StripEdges
    left_px: NDArray[np.float64]
    right_px: NDArray[np.float64]


class SyntheticLine:
    """A frame source of raw captures; the same settings and patches give the same pixels on every pass.

    Frames are raw: correct them with a flat field built from ``dark_reference`` and ``bright_reference``. Id and source
    are ``<name>-<sequence>``. ``patches`` are u8 images (h, w), the material of the texture ``patches``. ``material``
    is for a camera that shares the web, and the work of making it, with others: one of these settings and this seed.
    """

    def __init__(
        self,
        settings: SyntheticSettings,
        *,
        patches: Sequence[NDArray[np.uint8]] = (),
        material: WebMaterial | None = None,
    ) -> None:
        self.settings = settings
        self.material = material or WebMaterial(settings.material, seed=settings.seed, patches=patches)
        if (self.material.settings, self.material.seed) != (settings.material, settings.seed):
            raise BadDataError(f"synthetic camera {settings.name} shares a web of other settings; give its own")
        self._key = (settings.seed, zlib.crc32(settings.name.encode()))
        self._camera = LineCamera(settings.line, self._generator(_PATTERN))
        self.dead_columns, self.hot_columns = self._camera.dead_columns, self._camera.hot_columns
        self._known_start = (0, 0)  # a frame, and the line of the web it begins at

    @cached_property
    def expected_lines(self) -> int:
        """Length of the web in lines, those on lost frames and those that the camera missed included."""
        return self._start(self.settings.frames)

    @property
    def expected_cameras(self) -> tuple[str, ...]:
        """The one camera that this source is."""
        return (self.settings.name,)

    @cached_property
    def dark_reference(self) -> Frame:
        """A capture with the light off, (reference_lines, width)."""
        shape = (self.settings.reference_lines, self.settings.line.width_px)
        return self._reference("dark", np.zeros(shape, np.uint8))

    @cached_property
    def bright_reference(self) -> Frame:
        """A capture of a plain target of ``reference_level``, (reference_lines, width)."""
        shape = (self.settings.reference_lines, self.settings.line.width_px)
        return self._reference("bright", np.full(shape, self.settings.reference_level, np.uint8))

    def __iter__(self) -> Iterator[Capture]:
        """Yield the raw frames in order; lost ones are missing, of torn ones only ``valid_lines`` hold."""
        return self.from_frame(0)

    def from_frame(self, first: int) -> Iterator[Capture]:
        """Yield the frames from number ``first`` on, the same as a pass from the beginning yields."""
        previous: Pixels | None = None
        for sequence in range(first, self.settings.frames):
            lost, valid = self._fate(sequence)
            if lost:
                continue
            pixels = self._exposed(sequence)
            if valid is not None and previous is None:
                previous = self._before(sequence)
            yield self._frame(sequence, pixels if valid is None else stale_below(pixels, previous, valid), valid)
            previous = pixels

    def truth(self, sequence: int) -> FrameTruth:
        """Return what is truly on a frame. Raises BadDataError for a frame that is not of this source."""
        if not 0 <= sequence < self.settings.frames:
            raise BadDataError(
                f"synthetic camera {self.settings.name} has no frame {sequence}; it takes {self.settings.frames}"
            )
        lost, valid = self._fate(sequence)
        taken = self._taken(sequence)
        lines = (self._start(sequence) + taken.offsets)[:valid]
        view = View(
            lines=lines,
            left_px=self.settings.view_left_px,
            width_px=self.settings.line.width_px,
            shift_px=self._camera.vibration.shift_px(lines),
        )
        left, right = true_edges(self.material, view)
        return FrameTruth(
            sequence=sequence,
            source=self._source(sequence),
            lost=lost,
            material_lines=lines,
            dropped=taken.dropped,
            repeated=int(taken.repeated.sum()),
            defects=tuple(true_defects(self.material, view)),
            edges=as_strip_edges(left, right, width_px=view.width_px),
            left_px=left,
            right_px=right,
        )

    def _frame(self, sequence: int, pixels: Pixels, valid: int | None) -> Frame:
        settings = self.settings
        first = self._start(sequence) + int(self._taken(sequence).offsets[0])
        jitter = settings.line.encoder_jitter_lines * self._generator(_FATE, sequence, 1).standard_normal()
        encoder = max(first + round(jitter), 0)
        return Frame(
            id=self._source(sequence),
            pixels=pixels,
            first_line=first_line_from(encoder, sequence=sequence, lines_per_frame=settings.line.lines_per_frame),
            captured_at=settings.started_at + timedelta(seconds=first / settings.lines_per_s),
            mm_per_px_across=settings.material.mm_per_px_across,
            mm_per_px_along=settings.material.mm_per_px_along,
            camera=settings.name,
            sequence=sequence,
            source=self._source(sequence),
            valid_lines=valid,
            encoder=encoder,
            settings=settings.capture,
        )

    def _exposed(self, sequence: int) -> Pixels:
        """Return the whole raw image of a frame, as the sensor took it."""
        taken, shake = self._taken(sequence), self._camera.vibration
        first = self._start(sequence) + int(taken.offsets[0])
        count = int(taken.offsets[-1] - taken.offsets[0]) + 1
        seen = self.material.lines(
            first - shake.halo_lines,
            count + 2 * shake.halo_lines,
            left_px=self.settings.view_left_px,
            width_px=self.settings.line.width_px,
        )
        lines = seen if shake.still else shake.shaken(seen, first - shake.halo_lines)
        noise = self._generator(_NOISE, sequence)
        return taken.delivered(self._camera.expose(lines[taken.offsets - taken.offsets[0]], generator=noise))

    def _before(self, sequence: int) -> Pixels | None:
        """Return what was in the buffer before this frame: the frame that arrived last."""
        arrived = (one for one in range(sequence - 1, -1, -1) if not self._fate(one)[0])
        last = next(arrived, None)
        return None if last is None else self._exposed(last)

    def _fate(self, sequence: int) -> tuple[bool, int | None]:
        """Return whether the frame is lost, and its valid lines where it is torn."""
        line = self.settings.line
        generator = self._generator(_FATE, sequence)
        lost, torn = (float(chance) for chance in generator.uniform(size=2))
        if torn >= line.torn_frame_probability or line.lines_per_frame == 1:
            return lost < line.lost_frame_probability, None
        return lost < line.lost_frame_probability, int(generator.integers(1, line.lines_per_frame))

    def _taken(self, sequence: int) -> TakenLines:
        line = self.settings.line
        return line.line_faults.taken(line.lines_per_frame, self._generator(_LINES, sequence))

    def _start(self, sequence: int) -> int:
        """Return the line of the web at which a frame begins: where the one before it ended."""
        line = self.settings.line
        if line.line_faults.none:
            return sequence * line.lines_per_frame
        known, start = self._known_start if self._known_start[0] <= sequence else (0, 0)
        start += sum(self._taken(one).consumed for one in range(known, sequence))
        self._known_start = (sequence, start)
        return start

    def _reference(self, which: str, material: NDArray[np.uint8]) -> Frame:
        settings = self.settings
        return Frame(
            id=f"{settings.name}-{which}",
            pixels=self._camera.expose(material, generator=self._generator(_NOISE, 0, 1 + (which == "bright"))),
            first_line=0,
            captured_at=settings.started_at,
            mm_per_px_across=settings.material.mm_per_px_across,
            mm_per_px_along=settings.material.mm_per_px_along,
            camera=settings.name,
            source=f"{settings.name}-{which}",
            settings=settings.capture,
        )

    def _generator(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self._key, *purpose])

    def _source(self, sequence: int) -> str:
        return f"{self.settings.name}-{sequence:06d}"


def over_one_web(
    settings: Sequence[SyntheticSettings], *, patches: Sequence[NDArray[np.uint8]] = ()
) -> tuple[SyntheticLine, ...]:
    """Return cameras that share one web and the work of making it; read them in turn, from one thread.

    Raises BadDataError for no camera, two of one name, and one whose web or seed is not that of the others.
    """
    names = [one.name for one in settings]
    if not settings or len(set(names)) < len(names):
        raise BadDataError(f"synthetic cameras {names} cannot share a web; give one or more, each with its own name")
    material = WebMaterial(settings[0].material, seed=settings[0].seed, patches=patches)
    return tuple(SyntheticLine(one, material=material) for one in settings)
