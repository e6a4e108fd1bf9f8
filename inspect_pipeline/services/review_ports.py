"""What the review queue asks of the catalog."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.review_records import (
    Division,
    GroupPage,
    ItemKey,
    Leader,
    OpenRegion,
    PlacedItem,
    ReviewItem,
    TypeCount,
    Ungrouped,
    WaitingFinding,
)


class ReviewBook(Protocol):
    """The queue in one transaction; what is open, closed and replaced keeps its groups' sizes right."""

    def add(self, coil: str, results: Sequence[FrameResult], waiting: Sequence[WaitingFinding]) -> int:
        """Put in the queue what waits of verdicts just added; return how many are new and open.

        What overlaps a label in force on its frame arrives closed by it. An open item of another detector version whose
        region a new verdict found again is replaced, whatever the new one is called.
        """
        ...

    def groups(
        self, line: str, recipe: str, *, person: str, now: datetime, offset: int = 0, limit: int = 30
    ) -> GroupPage:
        """Return groups with open items, the most valuable first; those whose items the person put behind are not."""
        ...

    def items(
        self, group: int, *, person: str, now: datetime, offset: int = 0, limit: int = 60
    ) -> Sequence[ReviewItem]:
        """Return a group's items: open ones by informativeness without what the person put behind, then closed ones."""
        ...

    def item(self, key: ItemKey) -> ReviewItem | None:
        """Return a finding, whether it waits or not, or None."""
        ...

    def nearby(self, item: ReviewItem, *, lines: int, limit: int) -> Sequence[ReviewItem]:
        """Return other findings of the same version on frames that begin at most ``lines`` away, nearest first."""
        ...

    def ungrouped(self, line: str, recipe: str, *, limit: int) -> Sequence[Ungrouped]:
        """Return open items without a group, oldest first."""
        ...

    def leaders(self, division: Division) -> Sequence[Leader]:
        """Return the leaders of a division's groups, oldest first."""
        ...

    def add_group(self, leader: Ungrouped) -> int:
        """Make a group that the item leads and return its number; the item still has to be placed in it."""
        ...

    def place(self, items: Sequence[PlacedItem]) -> None:
        """Put items in groups."""
        ...

    def hold(self, keys: Sequence[ItemKey]) -> None:
        """Hold the items until the transaction ends; a finding that never waited becomes a closed item.

        Raises NotFoundError for a finding that is not there.
        """
        ...

    def close(self, keys: Sequence[ItemKey], label: str) -> None:
        """Settle items by a label."""
        ...

    def reopen(self, labels: Sequence[str]) -> int:
        """Open the items again that one of these labels settled; return how many."""
        ...

    def skip(self, person: str, key: ItemKey, *, until: datetime) -> None:
        """Put an item behind for a person."""
        ...

    def open_on(self, frame: str) -> Sequence[OpenRegion]:
        """Return the regions of a frame that wait."""
        ...

    def heatmap(self, frame: str, detector: str | None) -> str | None:
        """Return the content address of a version's heatmap of a frame, of the latest one that kept one for None."""
        ...

    def label(self, label: str) -> Label | None:
        """Return one label, superseded or not."""
        ...

    def line_of(self, frame: str) -> tuple[str, str] | None:
        """Return (line, recipe) of a frame's coil, None for an unknown frame."""
        ...

    def successor(self, label: str) -> Label:
        """Return the label in force of the chain that this one belongs to. Raises NotFoundError."""
        ...

    def labels_on(self, frame: str) -> Sequence[Label]:
        """Return all labels of a frame, superseded ones included, in the order they were appended."""
        ...

    def labels(
        self, line: str, *, defect_type: str | None, role: LabelRole | None, offset: int, limit: int
    ) -> Sequence[Label]:
        """Return labels in force of a line, latest first; withdrawn ones only when asked for by role."""
        ...

    def type_counts(self, line: str) -> Mapping[str, TypeCount]:
        """Return of each type that labels in force of the line name how many do."""
        ...
