"""Plain records that services and adapters hand to each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.domain.material import Frame, Pixels, Roi, UnusableCapture

Clock = Callable[[], datetime]
"""Returns the time now, UTC and aware."""


class Progress(Protocol):
    """Called as work goes on."""

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Take what is done, how much of it is done, how much there is (0: not known), and a word on its speed."""
        ...


Capture = Frame | UnusableCapture


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of one defect in a labelled image."""

    roi: Roi
    class_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One image of a data folder: its family, class, leakage group, and how to read it.

    ``load`` returns u8 or u16 pixels, (h, w) or (h, w, 3) RGB; ``load_mask`` a bool (h, w) array. Both raise
    BadImageError.
    """

    family: str
    class_name: str
    group: str
    source: str
    load: Callable[[], Pixels]
    load_mask: Callable[[], NDArray[np.bool_]] | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraExtent:
    """How far the frames of one camera reach on a coil.

    ``end_line`` is the line after the last one, ``last_line`` the first line of the frame that was taken last (at
    ``last_at``), ``first_line`` and ``first_at`` those of the first.
    """

    camera: str
    first_line: int
    first_at: datetime
    last_line: int
    last_at: datetime
    end_line: int
    last_sequence: int

    @property
    def lines_per_s(self) -> float | None:
        """The line rate over the coil so far, None where one frame alone does not tell it."""
        passed_s = (self.last_at - self.first_at).total_seconds()
        lines = self.last_line - self.first_line
        return lines / passed_s if passed_s > 0.0 and lines > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """One stage of the work: what it did and how long it took."""

    stage: str
    started_at: datetime
    seconds: float
    coil: str | None = None
    model: str | None = None
    detail: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One change of the version in force: who, when, from, to, why, and whether by its gate."""

    model: str
    from_version: str | None
    to_version: str
    operator: str
    reason: str
    at: datetime
    kind: MoveKind = MoveKind.PROMOTED


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One registered version."""

    model: str
    version: str
    created_at: datetime
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run: str | None
