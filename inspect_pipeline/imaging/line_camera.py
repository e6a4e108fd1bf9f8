"""The synthetic line camera: material lines in, raw captures out, with everything that a real one does to them.

Signal model after EMVA 1288: electrons = exposure x illumination x (1 + PRNU) x material, shot noise of the electrons,
read noise, DSNU offset, quantisation. Encoder and frame counter ride along; frames get lost and torn on request, lines
dropped and repeated, and the view may tremble.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.line_faults import LineFaults, LineStream, TakenLines
from inspect_pipeline.imaging.vibration import Vibration

_DTYPES: dict[int, type[np.uint8] | type[np.uint16]] = {8: np.uint8, 10: np.uint16, 12: np.uint16, 16: np.uint16}
_BLOCK_LINES = 32  # small blocks stay in the cache: twice as fast as whole frames


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCameraSettings:
    """What the camera is like; levels are fractions of full scale.

    ``fall_off`` is the light lost at the edges of the line against its middle. A white of 255 in the material comes out
    at ``exposure`` in the middle of the line. ``full_well_e`` sets the shot noise. Probabilities of frames are per
    frame, those of lines per line. ``hot_columns`` have a dark signal of a third of full scale or more. The vibration
    moves the view sideways by ``vibration_px`` (and ``vibration_noise_px`` at random) and smears along the web.
    """

    width_px: int
    lines_per_frame: int
    bit_depth: int = 8
    exposure: float = 0.80
    dark_level: float = 0.024
    dsnu: float = 0.004
    prnu: float = 0.02
    fall_off: float = 0.25
    read_noise: float = 0.003
    full_well_e: float = 20_000.0
    dead_columns: int = 0
    encoder_jitter_lines: float = 0.4
    lost_frame_probability: float = 0.0
    torn_frame_probability: float = 0.0
    hot_columns: int = 0
    dropped_line_probability: float = 0.0
    repeated_line_probability: float = 0.0
    vibration_px: float = 0.0
    vibration_period_lines: float = 400.0
    vibration_noise_px: float = 0.0
    vibration_blur_lines: float = 0.0

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.lines_per_frame < 1 or self.bit_depth not in _DTYPES:
            raise BadDataError(
                f"line camera of {self.width_px} px, {self.lines_per_frame} lines a frame, {self.bit_depth} bit cannot "
                f"work; give sizes of 1 or more and a bit depth of {sorted(_DTYPES)}"
            )
        if min(self.dead_columns, self.hot_columns) < 0 or self.dead_columns + self.hot_columns > self.width_px:
            raise BadDataError(
                f"{self.dead_columns} dead and {self.hot_columns} hot of {self.width_px} columns cannot be; "
                "give 0 or more, together no more than the width"
            )
        _ = self.line_faults, self.vibration(seed=0)  # they refuse what cannot be

    @property
    def line_faults(self) -> LineFaults:
        """How often lines are dropped and repeated."""
        return LineFaults(dropped=self.dropped_line_probability, repeated=self.repeated_line_probability)

    def vibration(self, *, seed: int) -> Vibration:
        """Return how the view of this camera trembles."""
        return Vibration(
            amplitude_px=self.vibration_px,
            period_lines=self.vibration_period_lines,
            noise_px=self.vibration_noise_px,
            blur_lines=self.vibration_blur_lines,
            seed=seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineCapture:
    """One buffer as the camera delivers it, u8 or u16 of shape (lines, width), and where its lines truly are.

    ``encoder_lines`` is what the encoder said at the first line (it jitters); ``first_line`` is the truth. Only the
    first ``valid_lines`` are of this frame; below them the buffer still holds the frame before. ``material_lines`` is
    the truth for every row, i64 of shape (lines,): in steps of one unless lines were dropped or repeated.
    """

    sequence: int
    pixels: Pixels
    encoder_lines: int
    first_line: int
    valid_lines: int
    material_lines: NDArray[np.int64]


class LineCamera:
    """A camera with its own fixed pattern, drawn once from the generator; all its noise comes from there too.

    Hot columns, line faults and vibration draw from generators of their own, so that they change nothing else.
    """

    def __init__(self, settings: LineCameraSettings, generator: np.random.Generator) -> None:
        self.settings = settings
        self._generator = generator
        columns = np.linspace(-1.0, 1.0, settings.width_px)
        # Fine grain a column, and a slower wave as sensor taps and dust on the lens make it.
        response = 1.0 + settings.prnu * generator.standard_normal(settings.width_px)
        response *= 1.0 + 0.5 * settings.prnu * np.sin(
            columns * np.pi * generator.uniform(3, 9) + generator.uniform(0, 6)
        )
        response *= 1.0 - settings.fall_off * columns**2
        dead = generator.choice(settings.width_px, size=settings.dead_columns, replace=False)
        response[dead] = 0.0
        self._full = 2**settings.bit_depth - 1
        self._response = (response * settings.exposure * self._full / 255.0).astype(np.float32)
        offset = settings.dark_level + settings.dsnu * generator.standard_normal(settings.width_px)
        self._offset = (np.maximum(offset, 0.0) * self._full).astype(np.float32)
        self.dead_columns: tuple[int, ...] = tuple(sorted(int(column) for column in dead))
        own, self._faults = generator.spawn(2)  # leaves the state of the generator itself alone
        self.hot_columns = self._heated(own)
        self.vibration = settings.vibration(seed=int(own.integers(2**62)))

    def _heated(self, generator: np.random.Generator) -> tuple[int, ...]:
        """Raise the dark level of some columns; a third to two thirds of full scale, as hot pixels have."""
        living = np.setdiff1d(np.arange(self.settings.width_px), self.dead_columns)
        hot = generator.choice(living, size=self.settings.hot_columns, replace=False)
        self._offset[hot] = (generator.uniform(0.33, 0.66, hot.size) * self._full).astype(np.float32)
        return tuple(sorted(int(column) for column in hot))

    def expose(self, material: NDArray[np.uint8], *, generator: np.random.Generator | None = None) -> Pixels:
        """Return the raw image of material lines, u8 of shape (n, width): u8, or u16 where the bit depth is above 8.

        ``generator`` is where the noise comes from; None: the camera's own.
        """
        raw = np.empty(material.shape, _DTYPES[self.settings.bit_depth])
        noise = self._generator if generator is None else generator
        for start in range(0, material.shape[0], _BLOCK_LINES):
            raw[start : start + _BLOCK_LINES] = self._exposed(material[start : start + _BLOCK_LINES], noise)
        return cast(Pixels, raw)

    def _exposed(self, material: NDArray[np.uint8], noise: np.random.Generator) -> NDArray[np.float32]:
        settings = self.settings
        signal = material * self._response
        deviation = signal * np.float32(self._full / settings.full_well_e)
        deviation += np.float32((settings.read_noise * self._full) ** 2)
        np.sqrt(deviation, out=deviation)
        deviation *= noise.standard_normal(signal.shape, dtype=np.float32)
        signal += deviation
        signal += self._offset
        signal += np.float32(0.5)
        np.clip(signal, 0, self._full, out=signal)
        return cast("NDArray[np.float32]", signal)

    def dark_reference(self, *, lines: int = 2048) -> Pixels:
        """Return a capture with the light off."""
        return self.expose(np.zeros((lines, self.settings.width_px), np.uint8))

    def bright_reference(self, *, lines: int = 2048, level: int = 220) -> Pixels:
        """Return a capture of a plain target of the given grey level."""
        return self.expose(np.full((lines, self.settings.width_px), level, np.uint8))

    def captures(
        self,
        material: Iterable[NDArray[np.uint8]],
        *,
        lost: Collection[int] = (),
        torn: Mapping[int, int] | None = None,
    ) -> Iterator[LineCapture]:
        """Yield the captures of material given in blocks of lines (any number a block), in order.

        ``lost`` names frames that never arrive, ``torn`` the valid lines of frames that break off; more of both happen
        by the probabilities of the settings. A lost frame is not yielded: sequence and encoder jump over it. The last
        frame may be short. Of dropped lines the encoder knows: it counts on, and the next frame begins further on.
        """
        settings, previous = self.settings, None
        for sequence, (lines, taken, first_line) in enumerate(self._frames(material)):
            pixels = taken.delivered(self.expose(lines))
            chance = self._generator.uniform(size=2)
            if sequence in lost or chance[0] < settings.lost_frame_probability:
                continue
            valid = (torn or {}).get(sequence, lines.shape[0])
            if chance[1] < settings.torn_frame_probability and lines.shape[0] > 1:
                valid = min(valid, int(self._generator.integers(1, lines.shape[0])))
            jitter = settings.encoder_jitter_lines * self._generator.standard_normal()
            yield LineCapture(
                sequence=sequence,
                pixels=stale_below(pixels, previous, valid),
                encoder_lines=max(first_line + round(jitter), 0),
                first_line=first_line,
                valid_lines=valid,
                material_lines=first_line + taken.offsets - taken.offsets[0],
            )
            previous = pixels

    def _frames(self, material: Iterable[NDArray[np.uint8]]) -> Iterator[tuple[NDArray[np.uint8], TakenLines, int]]:
        """Yield the lines that each frame shows, which these are, and the material line of its first row."""
        stream = LineStream(material if self.vibration.still else self.vibration.stream(material))
        faults, first_line = self.settings.line_faults, 0
        while True:
            taken = faults.taken(self.settings.lines_per_frame, self._faults)
            block = stream.take(taken.consumed)
            if block is None:
                return
            taken = taken.cut(block.shape[0])
            if taken.offsets.size:
                yield block[taken.offsets], taken, first_line + int(taken.offsets[0])
            first_line += block.shape[0]


def stale_below(pixels: Pixels, previous: Pixels | None, valid_lines: int) -> Pixels:
    """Return the buffer of a torn frame: below the valid lines stands what was in it before."""
    if valid_lines >= pixels.shape[0]:
        return pixels
    buffer = np.zeros_like(pixels) if previous is None else previous[: pixels.shape[0]].copy()
    buffer[:valid_lines] = pixels[:valid_lines]
    return buffer
