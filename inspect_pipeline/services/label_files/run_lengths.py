"""Masks as lengths of runs: first of pixels outside, then inside, and so on by turns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError


def counts_of(flat: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of a flat mask; the first may be 0, the mask may not be empty."""
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    lengths = np.diff(np.concatenate(([0], edges, [flat.size])))
    return [*([0] if flat[0] else []), *(int(length) for length in lengths)]


def flat_of(counts: Sequence[int], size: int, where: str) -> NDArray[np.bool_]:
    """Return the flat mask (``size``) of runs. Raises BadDataError where they do not add up to it."""
    if any(count < 0 for count in counts) or sum(counts) != size:
        raise BadDataError(f"{where}: runs of {sum(counts)} px for a mask of {size} px; the file is damaged")
    inside = np.zeros(len(counts), dtype=np.bool_)
    inside[1::2] = True
    return np.repeat(inside, np.array(counts, dtype=np.int64))


def packed_counts(packed: str, where: str) -> list[int]:
    """Return the runs of COCO's packed text (``rleFrString`` of maskApi.c). Raises BadDataError for damage."""
    counts: list[int] = []
    value = shift = 0
    for letter in packed:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise BadDataError(f"{where}: {letter!r} is no part of packed runs; the file is damaged")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise BadDataError(f"{where}: packed runs end in the middle; the file is cut")
    return counts
