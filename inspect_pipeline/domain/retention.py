"""How long stored images are kept: by what they show and by age; what anything rests on is kept for ever."""

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.errors import ConfigError

_LEAST_GRACE_DAYS = 1.0


class ImageClass(StrEnum):
    """What a stored image is, for its retention.

    PASSED, UNUSABLE and UNJUDGED are images of frames; HEATMAP and THUMBNAIL lie beside them. FOUND is a frame that a
    label or a finding rests on: its image, heatmaps and thumbnail stay whatever their age.
    """

    PASSED = "passed"
    FOUND = "found"
    UNUSABLE = "unusable"
    UNJUDGED = "unjudged"
    HEATMAP = "heatmap"
    THUMBNAIL = "thumbnail"


PRUNED_CLASSES = (
    ImageClass.PASSED,
    ImageClass.UNUSABLE,
    ImageClass.UNJUDGED,
    ImageClass.HEATMAP,
    ImageClass.THUMBNAIL,
)
"""The classes that may go, in the order in which they do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """Days after which images of a class go, None: never; by default nothing goes.

    The age of an image is that of its capture, or of its coil's entry in the catalog where that is later. There is no
    rule for frames with labels or findings: they stay. A file is removed only ``grace_days`` after it was last put, so
    that no row that is about to be written loses its file. ``sweep``: also remove files that no row of the catalog
    needs; leave it off where two catalogs share an image store. Raises ConfigError for days that cannot be.
    """

    passed_days: float | None = None
    unusable_days: float | None = None
    unjudged_days: float | None = None
    heatmap_days: float | None = None
    thumbnail_days: float | None = None
    grace_days: float = 1.0
    sweep: bool = False
    most_swept_share: float = 0.05

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name.endswith("_days")):
            days = getattr(self, name)
            least = _LEAST_GRACE_DAYS if name == "grace_days" else 0.0
            if days is not None and not (math.isfinite(days) and days >= least and days > 0.0):
                raise ConfigError(f"retention: {name} is {days}; give days above 0 (grace_days: 1 or more), or none")
        if not 0.0 <= self.most_swept_share <= 1.0:
            raise ConfigError(f"retention: most_swept_share is {self.most_swept_share}; give a share from 0 to 1")

    @property
    def grace_s(self) -> float:
        """The grace period in seconds."""
        return timedelta(days=self.grace_days).total_seconds()

    def cut_off(self, kind: ImageClass, *, now: datetime) -> datetime | None:
        """Return the moment before which images of a class may go, None where they stay for ever."""
        days = None if kind not in PRUNED_CLASSES else getattr(self, f"{kind.value}_days")
        return None if days is None else now - timedelta(days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameUse:
    """What rests on a frame: whether it is usable, has a label (superseded ones count), findings, and its verdicts."""

    usable: bool
    labelled: bool = False
    findings: int = 0
    verdicts: Collection[Verdict] = ()


def class_of(use: FrameUse) -> ImageClass:
    """Return the class of a frame's image; FOUND is what stays for ever.

    A frame that only detectors refused to judge is UNJUDGED, as is one without any verdict.
    """
    alarmed = Verdict.DEFECT in use.verdicts or Verdict.UNKNOWN in use.verdicts
    if use.labelled or use.findings or alarmed:
        return ImageClass.FOUND
    if not use.usable:
        return ImageClass.UNUSABLE
    return ImageClass.PASSED if Verdict.PASS in use.verdicts else ImageClass.UNJUDGED


def is_old(captured_at: datetime, entered_at: datetime, *, before: datetime) -> bool:
    """Whether a frame was captured and its coil entered in the catalog both before a moment."""
    return captured_at < before and entered_at < before


def too_many_to_sweep(unneeded: int, files: int, *, most_share: float) -> bool:
    """Whether so many of all files belong to no row that the catalog is rather the wrong one."""
    return unneeded > most_share * files
