"""The review queue as plain records: what is put in, what is looked at, and what people say of it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from inspect_pipeline.domain.explanation import Explanation
from inspect_pipeline.domain.labels import Label
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.review import Reason
from inspect_pipeline.errors import NotFoundError

_ITEM = re.compile(r"([0-9]{1,18})-([0-9]{1,9})")


class ItemState(IntEnum):
    """What became of an item: it waits, a label settled it, or a later detector version found the region anew."""

    OPEN = 0
    CLOSED = 1
    REPLACED = 2


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ItemKey:
    """Which finding: the number of its verdict, and its place in it."""

    result: int
    ordinal: int

    def __str__(self) -> str:
        return f"{self.result}-{self.ordinal}"

    @classmethod
    def of(cls, text: str) -> "ItemKey":
        """Return the key of a text like ``17-0``. Raises NotFoundError for any other."""
        found = _ITEM.fullmatch(text)
        if found is None:
            raise NotFoundError(f"there is no item {text[:40]!r}; an item is named RESULT-ORDINAL")
        return cls(result=int(found[1]), ordinal=int(found[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFinding:
    """A finding to put in the queue: the ``ordinal``-th of a detector's verdict on a frame.

    ``point`` is that of ``review.point_of`` as bytes, in the ``space`` of its backbone; both None where the finding was
    not compared with the samples.
    """

    frame: str
    detector: str
    ordinal: int
    reason: Reason
    uncertainty: float
    space: str | None = None
    point: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Division:
    """What may be one group at all: one line and recipe, one reason, one name, one space of points."""

    line: str
    recipe: str
    reason: str
    name: str
    space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ungrouped:
    """An open item that has no group yet."""

    key: ItemKey
    division: Division
    nearest_type: str | None
    uncertainty: float
    point: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """The first item of a group, that the others are like; no point where its items were not compared."""

    group: int
    nearest_type: str | None
    point: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """A finding as people see it; ``state`` and ``group`` are None where it never waited.

    ``label`` is what is said of it now. ``heatmap`` and ``image`` are content addresses, None where there are none.
    """

    key: ItemKey
    line: str
    recipe: str
    coil: str
    frame: str
    camera: str
    detector: str
    verdict: str
    roi: Roi
    name: str
    life_cycle: str
    score: float
    crossweb_mm: float
    downweb_m: float
    width_mm: float
    length_mm: float
    captured_at: datetime
    frame_height_px: int
    frame_width_px: int
    image: str | None
    heatmap: str | None
    runner_up: str | None
    explanation: Explanation | None
    reason: Reason | None
    informativeness: float | None
    group: int | None
    state: ItemState | None
    label: Label | None

    @property
    def nearest_type(self) -> str | None:
        """The most likely type, also of what stays unknown."""
        return None if self.explanation is None else self.explanation.nearest_type


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewGroup:
    """Like findings that wait; ``lead`` is the most informative one that the reader has not put behind."""

    id: int
    size: int
    reason: Reason
    name: str
    nearest_type: str | None
    value: float
    lead: ReviewItem


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPage:
    """Some groups of a line, the most valuable first, and how many findings wait in all, and how many without group."""

    waiting: int
    ungrouped: int
    groups: tuple[ReviewGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedItem:
    """An item with the group it goes to and how informative it is there."""

    key: ItemKey
    group: int
    informativeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRegion:
    """A region of a frame that waits."""

    key: ItemKey
    frame: str
    roi: Roi


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCount:
    """How many labels in force name a type, and how many of them teach it."""

    labels: int
    supports: int
