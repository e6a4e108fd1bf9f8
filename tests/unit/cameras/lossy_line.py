"""A transport that loses packets, for the tests of buffers and streams."""

from collections.abc import Collection
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.line_buffers import LineBuffer
from inspect_pipeline.cameras.pixel_formats import pixel_format

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


def deliver(
    memory: NDArray[np.uint8], frame: NDArray[np.uint8], *, packet_bytes: int, lost: Collection[int] = ()
) -> NDArray[np.bool_]:
    """Write a frame u8 (h, w) to a buffer by packets, without those that are lost; return which lines are whole."""
    sent, came = frame.reshape(-1), np.zeros(frame.size, np.bool_)
    for packet, first in enumerate(range(0, frame.size, packet_bytes)):
        if packet not in lost:
            memory[first : first + packet_bytes][: sent[first:].size] = sent[first : first + packet_bytes]
            came[first : first + packet_bytes] = True
    whole: NDArray[np.bool_] = came.reshape(frame.shape).all(axis=1)
    return whole


def unlike(poisoned: NDArray[np.uint8], *, lines: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Return a frame that has no byte in common with the poisoned memory at its place."""
    other = np.random.default_rng(seed).integers(1, 256, lines * width, np.uint8)
    return (poisoned[: lines * width] ^ other).reshape(lines, width)


def mono8(
    frame: NDArray[np.uint8],
    *,
    frame_id: int | None,
    arrived: NDArray[np.bool_] | None = None,
    timestamp_ns: int | None = None,
    status: str = "",
    chunks: dict[str, float] | None = None,
) -> LineBuffer:
    """Return a buffer of 8-bit lines, all of them there unless ``arrived`` says otherwise."""
    return LineBuffer(
        lines=frame.copy(),
        arrived=np.ones(len(frame), np.bool_) if arrived is None else arrived,
        width_px=frame.shape[1],
        format=pixel_format("Mono8"),
        frame_id=frame_id,
        received_at=START,
        timestamp_ns=timestamp_ns,
        status=status,
        chunks=chunks or {},
    )
