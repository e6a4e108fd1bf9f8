"""Plain records that services and adapters hand to each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Frame, Pixels, Roi, UnusableCapture

Clock = Callable[[], datetime]
"""Returns the time now, UTC and aware."""

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many are done and how many there are (0: not known)."""

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
    """One change of the version in force: who, when, from, to, why."""

    model: str
    from_version: str | None
    to_version: str
    operator: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One registered version."""

    model: str
    version: str
    created_at: datetime
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run: str | None
