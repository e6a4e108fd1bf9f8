"""What any file of labels says: images by name, with regions, their types, masks and severities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import checked_type, is_normal
from inspect_pipeline.errors import BadDataError

NOT_A_DEFECT = "normal"
"""The class of a region without defect, as in data folders."""

MOST_BYTES = 64 << 20
MOST_LABELS = 200_000
MOST_MASK_PX = 1 << 31
"""Limits of one file: its size, its labels, and the pixels of all masks in it together."""

_WORST = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileLabel:
    """One region in pixels of its image; ``mask`` is bool of the box's size, ``defect_type`` None for no defect."""

    roi: Roi
    defect_type: str | None
    mask: NDArray[np.bool_] | None = None
    severity: int | None = None

    @property
    def class_name(self) -> str:
        """The name that files have for it."""
        return self.defect_type or NOT_A_DEFECT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileImage:
    """An image of a file; sizes are None where the file does not say them.

    ``other_names`` are what it may have been called before a tool renamed it, ``place`` says where it stands.
    """

    name: str
    labels: tuple[FileLabel, ...]
    width_px: int | None = None
    height_px: int | None = None
    other_names: tuple[str, ...] = ()
    place: str = ""


class Budget:
    """Counts what a file makes us hold. Raises BadDataError beyond the limits, before the memory is taken."""

    def __init__(self) -> None:
        self._labels = 0
        self._pixels = 0

    def label(self, where: str) -> None:
        """Take one more label."""
        self._labels += 1
        if self._labels > MOST_LABELS:
            raise BadDataError(f"{where}: more than {MOST_LABELS} labels; split the file")

    def mask(self, height: int, width: int, where: str) -> None:
        """Take one more mask of that size."""
        if height < 1 or width < 1:
            raise BadDataError(f"{where}: a mask of {width} x {height} px cannot be; export it again")
        self._pixels += height * width
        if self._pixels > MOST_MASK_PX:
            raise BadDataError(f"{where}: masks of more than {MOST_MASK_PX} px together; split the file")


def named(text: str, where: str) -> str | None:
    """Return the defect type of a class name, None for one that says defect-free. Raises BadDataError."""
    if is_normal(text.strip()):
        return None
    try:
        return checked_type(text)
    except BadDataError as error:
        raise BadDataError(f"{where}: {error}") from error


def severity_of(value: object, where: str) -> int | None:
    """Return a severity of 0 to 10, None for none. Raises BadDataError with the place."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= _WORST):
        raise BadDataError(f"{where}: severity {text[:20]!r} is no whole number from 0 to {_WORST}")
    return int(text)


def region(
    box: Roi | None, whole: NDArray[np.bool_] | None, *, offset: tuple[int, int] = (0, 0), where: str
) -> tuple[Roi, NDArray[np.bool_] | None]:
    """Return the box that holds both what is given as a box and the marked pixels, with the mask in its size.

    ``whole`` is a mask whose first pixel lies at ``offset`` (row, column) of the image. Raises BadDataError where
    neither says anything.
    """
    if whole is None:
        if box is None:
            raise BadDataError(f"{where}: neither a box nor a mask")
        return box, None
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    if not rows.size:
        raise BadDataError(f"{where}: its mask marks no pixel; draw it again")
    top, left = int(rows[0]) + offset[0], int(columns[0]) + offset[1]
    bottom, right = int(rows[-1]) + 1 + offset[0], int(columns[-1]) + 1 + offset[1]
    if box is not None:
        top, left = min(top, box.top), min(left, box.left)
        bottom, right = max(bottom, box.bottom), max(right, box.right)
    roi = Roi(top=top, left=left, bottom=bottom, right=right)
    mask = np.zeros((roi.height, roi.width), dtype=np.bool_)
    inner = whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    down, across = int(rows[0]) + offset[0] - top, int(columns[0]) + offset[1] - left
    mask[down : down + inner.shape[0], across : across + inner.shape[1]] = inner
    return roi, mask
