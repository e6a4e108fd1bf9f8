"""Old images go: rows are marked first, then the files that no row needs any more are removed.

Killed at any moment, this leaves at worst a file that no row needs; the next sweep removes it. Never a row without its
file: a row is marked only while nothing rests on it, and a file goes only when no row that is not marked points at it
and it was not put lately.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Protocol

from inspect_pipeline.domain.records import Clock, StageRun
from inspect_pipeline.domain.retention import PRUNED_CLASSES, ImageClass, RetentionRules, too_many_to_sweep
from inspect_pipeline.errors import RefusedError

STAGE = "retention"

RowKey = tuple[str, str]
"""A row with an image: the frame, and the detector version of a heatmap ("" for others)."""


class RetentionUnit(Protocol):
    """What retention asks of a transaction on the catalog."""

    def prunable(
        self, kind: ImageClass, *, before: datetime, after: RowKey | None, limit: int
    ) -> list[tuple[RowKey, str]]:
        """Return (key, address) of at most ``limit`` rows of a class that may go, by key, from behind ``after`` on.

        A row may go when it was captured and its coil entered before ``before``, its image was not marked yet, and its
        frame is of that class (``domain.retention.class_of``); for heatmaps and thumbnails: its frame is not FOUND.
        """
        ...

    def mark_pruned(self, kind: ImageClass, keys: Sequence[RowKey], *, before: datetime, at: datetime) -> list[str]:
        """Mark those rows that still may go, checked again under the write lock; return the addresses they held.

        A frame gets ``pruned_at`` and keeps its address; a heatmap or thumbnail is None from then on.
        """
        ...

    def addresses_in_use(self, addresses: Collection[str]) -> set[str]:
        """Return those that an unmarked frame, a heatmap, a thumbnail, a mask or a flat field points at."""
        ...

    def add_stage(self, run: StageRun) -> None:
        """Append what a stage did and how long it took."""
        ...


class RetentionCatalog(Protocol):
    """The catalog as retention sees it."""

    def transaction(self) -> AbstractContextManager[RetentionUnit]:
        """Open a transaction: committed when the block ends, rolled back when it raises."""
        ...


class PrunableImages(Protocol):
    """An image store whose files can be listed and removed."""

    def size_bytes(self, address: str) -> int | None:
        """Return the size of an image, None where it is not there."""
        ...

    def addresses(self) -> Iterator[tuple[str, int, float]]:
        """Yield (address, bytes, last put in seconds since the epoch) of every image, by address."""
        ...

    def delete(self, address: str, *, older_than_s: float, now_s: float) -> bool:
        """Remove an image last put more than ``older_than_s`` before ``now_s``; whether it was removed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows, and how many files of how many bytes."""

    rows: int = 0
    files: int = 0
    size_bytes: int = 0

    def plus(self, *, rows: int = 0, files: int = 0, size_bytes: int = 0) -> "Pruned":
        """Return the sums."""
        return Pruned(rows=self.rows + rows, files=self.files + files, size_bytes=self.size_bytes + size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """What goes, or would go: by class, and files that no row needs (``swept``; no rows).

    In a plan ``files`` and ``size_bytes`` are those that the rows point at: at most so much goes, since a file stays
    while another row needs it.
    """

    by_class: Mapping[ImageClass, Pruned] = field(default_factory=dict)
    swept: Pruned = Pruned()

    @property
    def detail(self) -> dict[str, float | int | str]:
        """The counts by name, for the record of the stage; rows by class, then all files and bytes."""
        counted = [*self.by_class.values(), self.swept]
        return {
            **{kind.value: one.rows for kind, one in self.by_class.items()},
            "swept": self.swept.files,
            "files": sum(one.files for one in counted),
            "bytes": sum(one.size_bytes for one in counted),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The use case; ``batch`` rows are looked at in one transaction, so that memory and locks stay small."""

    catalog: RetentionCatalog
    images: PrunableImages
    rules: RetentionRules
    clock: Clock
    batch: int = 500

    def plan(self) -> RetentionPlan:
        """Return what ``run`` would remove now; nothing is changed."""
        now = self.clock()
        by_class = {}
        for kind, before in self._cut_offs(now):
            found = Pruned()
            for batch in self._batches(kind, before):
                sizes = self._sizes({address for _, address in batch})
                found = found.plus(rows=len(batch), files=len(sizes), size_bytes=sum(sizes.values()))
            by_class[kind] = found
        return RetentionPlan(by_class=by_class, swept=self._unneeded(now)[0] if self.rules.sweep else Pruned())

    def run(self) -> RetentionPlan:
        """Mark the rows that may go, remove files that no row needs, record the stage; return what went.

        Raises RefusedError where the sweep finds more files without a row than ``most_swept_share`` of all: then the
        catalog is rather not that of these images. What the rules removed before stays recorded.
        """
        started = self.clock()
        by_class = {kind: self._prune(kind, before, now=started) for kind, before in self._cut_offs(started)}
        done = RetentionPlan(by_class=by_class)
        try:
            if self.rules.sweep:
                done = RetentionPlan(by_class=by_class, swept=self._sweep(started))
        finally:
            self._record(done, started)
        return done

    def _prune(self, kind: ImageClass, before: datetime, *, now: datetime) -> Pruned:
        done = Pruned()
        for batch in self._batches(kind, before):
            with self.catalog.transaction() as unit:
                marked = unit.mark_pruned(kind, [key for key, _ in batch], before=before, at=now)
            removed = self._remove(set(marked), now)
            done = done.plus(rows=len(marked), files=removed.files, size_bytes=removed.size_bytes)
        return done

    def _batches(self, kind: ImageClass, before: datetime) -> Iterator[list[tuple[RowKey, str]]]:
        """Yield batches of rows that may go. They are looked for without a lock, so a writer never waits for that."""
        after: RowKey | None = None
        while True:
            with self.catalog.transaction() as unit:
                batch = unit.prunable(kind, before=before, after=after, limit=self.batch)
            if not batch:
                return
            after = batch[-1][0]
            yield batch

    def _remove(self, addresses: Collection[str], now: datetime) -> Pruned:
        """Remove the files that no row needs and that were not put within the grace period."""
        with self.catalog.transaction() as unit:
            unneeded = set(addresses) - unit.addresses_in_use(addresses)
        done = Pruned()
        for address, size_bytes in sorted(self._sizes(unneeded).items()):
            if self.images.delete(address, older_than_s=self.rules.grace_s, now_s=now.timestamp()):
                done = done.plus(files=1, size_bytes=size_bytes)
        return done

    def _sweep(self, now: datetime) -> Pruned:
        unneeded, files = self._unneeded(now)
        if too_many_to_sweep(unneeded.files, files, most_share=self.rules.most_swept_share):
            raise RefusedError(
                f"{unneeded.files} of {files} stored images belong to no row, more than most_swept_share "
                f"{self.rules.most_swept_share:g}: is this the catalog of these images? Nothing was swept; if it is, "
                "raise the share"
            )
        done = Pruned()
        for batch in self._old_files(now):
            removed = self._remove([address for address, _ in batch], now)
            done = done.plus(files=removed.files, size_bytes=removed.size_bytes)
        return done

    def _unneeded(self, now: datetime) -> tuple[Pruned, int]:
        """Return the old files that no row needs, and how many old files there are."""
        found, files = Pruned(), 0
        for batch in self._old_files(now):
            files += len(batch)
            with self.catalog.transaction() as unit:
                used = unit.addresses_in_use([address for address, _ in batch])
            sizes = [size_bytes for address, size_bytes in batch if address not in used]
            found = found.plus(files=len(sizes), size_bytes=sum(sizes))
        return found, files

    def _old_files(self, now: datetime) -> Iterator[list[tuple[str, int]]]:
        oldest_kept_s = now.timestamp() - self.rules.grace_s
        old = ((address, size) for address, size, put_at_s in self.images.addresses() if put_at_s < oldest_kept_s)
        while batch := list(islice(old, self.batch)):
            yield batch

    def _sizes(self, addresses: Iterable[str]) -> dict[str, int]:
        sizes = ((address, self.images.size_bytes(address)) for address in addresses)
        return {address: size for address, size in sizes if size is not None}

    def _cut_offs(self, now: datetime) -> list[tuple[ImageClass, datetime]]:
        found = ((kind, self.rules.cut_off(kind, now=now)) for kind in PRUNED_CLASSES)
        return [(kind, before) for kind, before in found if before is not None]

    def _record(self, done: RetentionPlan, started: datetime) -> None:
        seconds = (self.clock() - started).total_seconds()
        with self.catalog.transaction() as unit:
            unit.add_stage(StageRun(stage=STAGE, started_at=started, seconds=seconds, detail=done.detail))
