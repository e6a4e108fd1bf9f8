"""Which lines of a camera's buffer arrived: memory is poisoned before the driver gets it, so nothing stale can show.

A packet that is lost leaves its bytes of the buffer as they were. Filled with bytes that no camera sends (random,
another one at every place), a hole shows as a run of them, whatever the driver says of the buffer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.pixel_formats import PixelFormat

SHORTEST_HOLE = 8
_WORD = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineBuffer:
    """What a driver delivered, copied out of its memory.

    ``lines`` is u8 (h, bytes a line), h the lines that a frame of this camera has; ``arrived`` is bool (h,), False
    where a line is not whole. ``frame_id`` is the counter as it was sent (None: the packet with it was lost),
    ``timestamp_ns`` the camera's clock (None: not sent), ``received_at`` UTC of the host. ``status`` is empty, or what
    the driver found wrong. ``chunks`` are the values sent along, by the names of their selector: ExposureTime, Gain,
    EncoderValue.
    """

    lines: NDArray[np.uint8]
    arrived: NDArray[np.bool_]
    width_px: int
    format: PixelFormat
    frame_id: int | None
    received_at: datetime
    timestamp_ns: int | None = None
    status: str = ""
    chunks: Mapping[str, float] = field(default_factory=dict)


class Poison:
    """Bytes to fill buffers of ``size`` bytes with; the same seed gives the same bytes."""

    def __init__(self, size: int, *, seed: int = 0) -> None:
        self._bytes = np.random.default_rng(seed).integers(0, 256, size, np.uint8)

    def fill(self, memory: NDArray[np.uint8]) -> None:
        """Overwrite all of ``memory``, u8 (size,), so that nothing of an earlier frame is left in it."""
        memory[:] = self._bytes

    def take(
        self, memory: NDArray[np.uint8], *, height: int, line_bytes: int, padding: int = 0, complete: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the lines u8 (height, line_bytes + padding) copied out of ``memory`` and which arrived; fill it again.

        ``complete`` is what the driver says of the buffer.
        """
        stride = line_bytes + padding
        data = memory[: height * stride]
        arrived = self.arrived(data, stride=stride, line_bytes=line_bytes, complete=complete)
        lines = data.reshape(height, stride).copy()
        self.fill(memory)
        return lines, arrived

    def arrived(self, data: NDArray[np.uint8], *, stride: int, line_bytes: int, complete: bool) -> NDArray[np.bool_]:
        """Return for each line of ``data``, u8 (h * stride,) from the start of a buffer, whether all of it arrived.

        A hole is a run of ``SHORTEST_HOLE`` or more untouched bytes; every packet but the last is longer. ``complete``
        is what the driver says, and is not believed where a packet of 16 or more bytes is missing; where it is False, a
        run at the very end is a hole however short. Bytes beyond ``line_bytes`` of a line are padding. A line next to a
        hole that happens to begin or end with the very byte that lay there is given up with it (1 in 256).
        """
        there = np.ones(data.size // stride, np.bool_)
        poison = self._bytes[: data.size]
        words = data.size - data.size % _WORD
        if complete and not (data[:words].view(np.uint64) == poison[:words].view(np.uint64)).any():
            return there
        for first, end in _holes(data == poison, to_the_end=not complete):
            line = first // stride
            if first - line * stride >= line_bytes:
                line += 1
            there[line : -(-end // stride)] = False
        return there


def runs(there: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open runs of True, first to last."""
    first, end = _edges(there)
    return list(zip(first.tolist(), end.tolist(), strict=True))


def _holes(untouched: NDArray[np.bool_], *, to_the_end: bool) -> Iterator[tuple[int, int]]:
    first, end = _edges(untouched)
    long = end - first >= SHORTEST_HOLE
    if to_the_end:
        long |= end == untouched.size
    yield from zip(first[long].tolist(), end[long].tolist(), strict=True)


def _edges(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    changes = np.flatnonzero(np.diff(mask.view(np.int8), prepend=np.int8(0), append=np.int8(0)))
    return changes[0::2], changes[1::2]
