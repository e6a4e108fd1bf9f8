"""What is known of the files of a watched folder: since when each is as it is, and which of them are complete."""

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from inspect_pipeline.cameras.file_captures import FrameFile, is_frame_file, sidecar_of
from inspect_pipeline.cameras.folder_listing import (
    StillBeingWrittenError,
    is_partial,
    is_visible,
    names_in,
    natural_key,
    size_and_time,
    without_partial,
)
from inspect_pipeline.cameras.sidecar import COIL_SIDECAR, read_frame_sidecar
from inspect_pipeline.errors import BadDataError

COIL_DONE = "coil.done"


@dataclass(slots=True, kw_only=True)
class SeenFile:
    """One entry: its size and time (None: a link that leads nowhere) and since when they are that.

    ``arrived`` orders the entries; ``renamed``: it had a temporary name before, so it was written whole. ``taken``:
    a capture was made of it, ``with_sidecar`` of it or without.
    """

    name: str
    seen: tuple[int, int] | None
    since_s: float
    arrived: int
    renamed: bool = False
    taken: bool = False
    with_sidecar: bool = False


@dataclass(slots=True, kw_only=True)
class SeenFiles:
    """The entries of a folder as far as they were looked at, hidden and system files left out.

    An image is complete when it lost its temporary name, or when its size and time are the same for ``settle_s``. With
    ``sidecars`` it is complete only when its sidecar can be read, or is there and settled.
    """

    root: Path
    settle_s: float
    sidecars: bool = False
    _files: dict[str, SeenFile] = field(default_factory=dict)
    _open: dict[str, SeenFile] = field(default_factory=dict)
    _changed: dict[str, SeenFile] = field(default_factory=dict)
    _stems: Counter[str] = field(default_factory=Counter)
    _arrivals: int = 0

    def look(self, names: Collection[str] | None, *, now_s: float) -> bool:
        """Look at these entries, at all for None, and return whether anything is new.

        Raises NotFoundError or BadDataError where the folder is gone.
        """
        every = {*names_in(self.root), *self._files} if names is None else {name for name in names if is_visible(name)}
        every |= {without_partial(name) for name in every}
        # Temporary names first: where one is gone by now, the final one is there when it is asked for.
        now = {name: size_and_time(self.root / name) for name in sorted(every, key=is_partial, reverse=True)}
        there = {name: seen for name, seen in now.items() if seen is not None or os.path.lexists(self.root / name)}
        fresh = sorted(there.keys() - self._files.keys(), key=lambda name: _order(name, there[name]))
        for name in fresh:
            self._add(name, there[name], now_s)
        other = [self._see(name, there[name], now_s) for name in there.keys() - set(fresh)]
        gone = [self._gone(name) for name in every - there.keys()]
        return bool(fresh) or any(other) or any(gone)

    def ready(self, *, now_s: float) -> list[SeenFile]:
        """Return the images that are complete and not taken yet, in the order in which they were written."""
        return sorted(self._ready(now_s), key=lambda file: _order(file.name, file.seen))

    def changed(self, *, now_s: float) -> list[SeenFile]:
        """Return, once each, the images that were taken and are another file since, and settled."""
        found = [file for file in self._changed.values() if self.settled(file, now_s=now_s)]
        for file in found:
            del self._changed[file.name]
        return found

    def open(self) -> list[SeenFile]:
        """Return the images, partial ones included, that are not taken, in the order in which they were first seen."""
        return list(self._open.values())

    def earlier(self, file: SeenFile) -> Iterator[SeenFile]:
        """Yield the open ones that were there before this one."""
        return takewhile(lambda other: other.arrived < file.arrived, self._open.values())

    def take(self, file: SeenFile) -> None:
        """Mark an image as taken."""
        file.taken, file.with_sidecar = True, self.frame_file(file).has_sidecar
        self._open.pop(file.name, None)

    def frame_file(self, file: SeenFile) -> FrameFile:
        """Return the image as what a capture is made of."""
        sidecar = sidecar_of(file.name)
        return FrameFile(
            name=file.name,
            seen=file.seen,
            has_sidecar=sidecar != COIL_SIDECAR and sidecar in self._files,
            shares_sidecar=self._stems[sidecar] > 1,
        )

    def late_sidecars(self) -> list[str]:
        """Return the sidecars that came when their image had been taken without one, in natural order."""
        without = {sidecar_of(file.name) for file in self._files.values() if file.taken and not file.with_sidecar}
        return sorted((without & self._files.keys()) - {COIL_SIDECAR}, key=natural_key)

    def strays(self) -> list[str]:
        """Return the entries that are neither images nor what belongs to them, in natural order."""
        return sorted((name for name in self._files if self._is_stray(name)), key=natural_key)

    def belonging(self) -> list[str]:
        """Return the entries that belong to others: sidecars used with their images, coil.json and coil.done."""
        late = set(self.late_sidecars())
        own = (COIL_SIDECAR, COIL_DONE)
        return [name for name in self._files if name in own or (self._stems[name] > 0 and name not in late)]

    def change_again(self, file: SeenFile) -> None:
        """Return the file among the changed ones the next time as well."""
        self._changed[file.name] = file

    def names(self) -> list[str]:
        """Return the names of all entries, in no order."""
        return list(self._files)

    def get(self, name: str) -> SeenFile | None:
        """Return one entry, None where there is none."""
        return self._files.get(name)

    def settled(self, file: SeenFile, *, now_s: float) -> bool:
        """Whether the entry is the same for long enough."""
        return now_s - file.since_s >= self.settle_s

    def can_become_complete(self, *, now_s: float) -> bool:
        """Whether an open image is only waited for because it, or its sidecar, is not settled."""
        for file in self._open.values():
            sidecar = self._files.get(sidecar_of(file.name))
            parts = [file] if sidecar is None else [file, sidecar]
            if not is_partial(file.name) and not all(self.settled(part, now_s=now_s) for part in parts):
                return True
        return False

    def _see(self, name: str, seen: tuple[int, int] | None, now_s: float) -> bool:
        known = self._files[name]
        if known.seen == seen:
            return False
        known.seen, known.since_s, known.renamed = seen, now_s, False
        if known.taken:
            self._changed[name] = known
        return True

    def _add(self, name: str, seen: tuple[int, int] | None, now_s: float) -> None:
        file = SeenFile(name=name, seen=seen, since_s=now_s, arrived=self._arrivals)
        self._arrivals += 1
        self._files[name] = file
        if is_frame_file(without_partial(name)):
            self._open[name] = file
        if is_frame_file(name):
            self._stems[sidecar_of(name)] += 1

    def _gone(self, name: str) -> bool:
        file = self._files.get(name)
        if file is not None and file.taken:  # it stays known, so that it is taken once
            return False
        final = self._files.get(without_partial(name)) if is_partial(name) else None
        if final is not None and not final.taken:  # a temporary name that came and went between two looks counts too
            final.renamed, final.arrived = True, final.arrived if file is None else file.arrived
        if file is None:
            return False
        del self._files[name]
        self._open.pop(name, None)
        if is_frame_file(name):
            self._stems[sidecar_of(name)] -= 1
        return True

    def _ready(self, now_s: float) -> Iterator[SeenFile]:
        for file in self._open.values():
            whole = self.sidecars or file.renamed or self.settled(file, now_s=now_s)
            if whole and not is_partial(file.name) and self._sidecar_ready(file, now_s):
                yield file

    def _sidecar_ready(self, file: SeenFile, now_s: float) -> bool:
        sidecar = self._files.get(sidecar_of(file.name))
        if sidecar is None or sidecar.name == COIL_SIDECAR:
            return not self.sidecars
        if self.settled(sidecar, now_s=now_s):
            return True
        try:
            read_frame_sidecar(self.root / sidecar.name)
        except (BadDataError, StillBeingWrittenError):
            return False  # perhaps it is written just now: when it settles, the frame says what is wrong with it
        return True

    def _is_stray(self, name: str) -> bool:
        return not (name in (COIL_SIDECAR, COIL_DONE) or is_frame_file(without_partial(name)) or self._stems[name] > 0)


def _order(name: str, seen: tuple[int, int] | None) -> tuple[int, object]:
    """Return what sorts files by the time they were written, then as people count."""
    return (seen[1] if seen else 0), natural_key(name)
