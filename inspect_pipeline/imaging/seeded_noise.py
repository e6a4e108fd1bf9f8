"""Noise over an endless strip, of which any part can be drawn alone: it depends on the seed and the line only."""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

BLOCK_LINES = 256
_CHUNK_NODES = 16  # rows of nodes that share a generator: making one costs as much as 4,000 numbers
_HALO = 2  # nodes on either side that a cubic needs
_LONG_LINES = 32  # from here on a block has few nodes, and adding them up is far cheaper than a resize with its halo
_ORIGIN = 2**40  # lines before line 0 exist too, and seeds are not negative


class LatticeNoise:
    """Smooth noise, zero mean, deviation below 1 (0.85 or so): random nodes on a grid, cubic between them, no seams.

    Features are ``pitch_lines`` long (a power of two up to 256) and ``pitch_px`` wide.
    """

    def __init__(self, key: Sequence[int], *, pitch_lines: int, pitch_px: int, width_px: int) -> None:
        if pitch_px < 1 or not 1 <= pitch_lines <= BLOCK_LINES or BLOCK_LINES % pitch_lines:
            raise BadDataError(
                f"noise of {pitch_lines} lines by {pitch_px} px cannot be drawn; give a power of two of lines up to "
                f"{BLOCK_LINES} and 1 px or more"
            )
        self._key = tuple(key)
        self._pitch = (pitch_lines, pitch_px)
        self._width = width_px
        self._nodes_across = -(-width_px // pitch_px) + 2 * _HALO
        self._chunks: dict[int, NDArray[np.float32]] = {}
        self._weights: NDArray[np.float32] | None = None
        if pitch_lines >= _LONG_LINES:
            own = np.eye(BLOCK_LINES // pitch_lines + 2 * _HALO, dtype=np.float32)
            self._weights = _stretched(own, pitch_lines, 1)[_HALO * pitch_lines :][:BLOCK_LINES]

    def block(self, index: int) -> NDArray[np.float32]:
        """Return lines ``index * BLOCK_LINES`` and on, f32 of shape (BLOCK_LINES, width_px)."""
        lines, columns = self._pitch
        per_block = BLOCK_LINES // lines
        nodes = self._nodes(index * per_block - _HALO, per_block + 2 * _HALO)
        left = _HALO * columns
        across = _stretched(nodes, 1, columns)[:, left : left + self._width]
        if self._weights is not None:
            # Not ``@``: the threads of a BLAS wait for each other on a busy machine, ten times as long as this takes.
            return cast("NDArray[np.float32]", cv2.gemm(self._weights, across, 1.0, np.empty(0), 0.0))
        return _stretched(across, lines, 1)[_HALO * lines :][:BLOCK_LINES]

    def _nodes(self, first: int, count: int) -> NDArray[np.float32]:
        start, end = first // _CHUNK_NODES, -(-(first + count) // _CHUNK_NODES)
        known = self._chunks
        self._chunks = {one: known[one] if one in known else self._drawn(one) for one in range(start, end)}
        rows = np.concatenate([self._chunks[one] for one in range(start, end)])
        return rows[first - start * _CHUNK_NODES :][:count]

    def _drawn(self, chunk: int) -> NDArray[np.float32]:
        generator = np.random.default_rng([*self._key, chunk + _ORIGIN])
        return generator.standard_normal((_CHUNK_NODES, self._nodes_across), dtype=np.float32)


def _stretched(nodes: NDArray[np.float32], lines: int, columns: int) -> NDArray[np.float32]:
    if lines == columns == 1:
        return nodes
    size = (nodes.shape[1] * columns, nodes.shape[0] * lines)
    return cast("NDArray[np.float32]", cv2.resize(nodes, size, interpolation=cv2.INTER_CUBIC))


def path(key: Sequence[int], lines: NDArray[np.int64], *, pitch_lines: int) -> NDArray[np.float64]:
    """Return a smooth random path at these lines, f64 within -2.5..2.5: a node every ``pitch_lines``, cubic between."""
    node, share = np.divmod(lines, pitch_lines)
    first, last = int(node.min()) - 1, int(node.max()) + 2
    drawn = [float(np.random.default_rng([*key, one + _ORIGIN]).standard_normal()) for one in range(first, last + 1)]
    nodes = np.clip(drawn, -2.0, 2.0)
    before, here, after, beyond = (nodes[node - first + step] for step in (-1, 0, 1, 2))
    t = share / pitch_lines
    # Catmull-Rom: passes through the nodes, its slope runs on.
    bend = 2 * before - 5 * here + 4 * after - beyond + t * (3 * (here - after) + beyond - before)
    return cast("NDArray[np.float64]", here + 0.5 * t * (after - before + t * bend))
