"""A folder that a camera PC writes to as a live frame source: files are taken when they are complete, each once."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from inspect_pipeline.cameras.file_captures import FileCaptures, FileSettings
from inspect_pipeline.cameras.folder_changes import OpenChanges
from inspect_pipeline.cameras.folder_listing import (
    StillBeingWrittenError,
    is_partial,
    natural_key,
    shown,
    size_and_time,
    visible_names,
)
from inspect_pipeline.cameras.seen_files import COIL_DONE, SeenFile, SeenFiles
from inspect_pipeline.cameras.sidecar import COIL_SIDECAR, CoilFacts, read_coil_sidecar
from inspect_pipeline.domain.material import UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError

STOPPED, IDLE, DONE, ALL_LINES = "stopped", "idle", "coil.done", "all expected lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How long to wait, in seconds: for a file to stay as it is; for anything new (None: for ever); when the coil has
    ended, for files that are not complete; and until the whole folder is looked at again, whatever the system tells.
    """

    settle_s: float = 2.0
    idle_s: float | None = 600.0
    drain_s: float = 30.0
    rescan_s: float = 10.0

    def __post_init__(self) -> None:
        if (
            self.settle_s < 0
            or self.drain_s < 0
            or self.rescan_s <= 0
            or (self.idle_s is not None and self.idle_s <= 0)
        ):
            raise BadDataError(f"{self} cannot work; give seconds above 0, or 0 to settle and drain at once")


class WatchedFolder:
    """Captures in the order in which their files became complete; a pass ends as ``ended`` says.

    A file is complete when it lost a temporary suffix, or stays as it is for ``settle_s``; where coil.json says
    ``"sidecars": true``, when its sidecar is there, which the camera PC has to write last. The pass ends with a file
    ``coil.done``, with ``expected_lines`` of all cameras, after ``idle_s`` without anything new, or with ``stop``.

    Every entry is accounted for: it gave a capture, or it is in ``sidecars`` (with coil.json and coil.done). What is
    not complete when the coil ends is yielded as unusable; when ``stop`` ended the pass, it is in ``incomplete`` and
    left for the next run. A file that is written anew after it was taken is yielded once more, as unusable.
    """

    def __init__(
        self,
        root: Path,
        files: FileSettings,
        watch: WatchSettings,
        *,
        changes: OpenChanges,
        clock: Callable[[], float],
        stop: Callable[[], bool],
    ) -> None:
        self._root, self._settings, self._watch = root, files, watch
        self._changes, self._clock, self._stop = changes, clock, stop
        self._coil_seen = size_and_time(root / COIL_SIDECAR)
        self._coil = read_coil_sidecar(root / COIL_SIDECAR) if COIL_SIDECAR in visible_names(root) else CoilFacts()
        self.incomplete: list[str] = []
        self.sidecars: list[str] = []
        self.ended: str | None = None

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines, as soon as coil.json gives it."""
        return self._coil.expected_lines

    @property
    def expected_cameras(self) -> tuple[str, ...]:
        """The cameras that should see the coil, as soon as coil.json names them."""
        return self._coil.cameras

    def __iter__(self) -> Iterator[Capture]:
        """Yield captures until the coil ends, then what never became one.

        Raises NotFoundError or BadDataError where the folder goes away or cannot be watched.
        """
        self.incomplete, self.sidecars, self.ended = [], [], None
        files = SeenFiles(root=self._root, settle_s=self._watch.settle_s, sidecars=self._coil.sidecars)
        captures = FileCaptures(
            root=self._root, coil=self._coil, settings=self._settings, neighbours=files.names, remember=True
        )
        self.ended = yield from self._live(files, captures)
        if self.ended == STOPPED:
            self._leave(files)
        else:
            yield from self._close(files, captures)
        self.sidecars = [shown(name) for name in sorted(files.belonging(), key=natural_key)]

    def _live(self, files: SeenFiles, captures: FileCaptures) -> Generator[Capture, None, str]:
        last_new = next_full = over_since = self._clock()
        with closing(self._changes(self._root)) as changes:
            for names in changes:
                now = self._clock()
                full = names is None or now >= next_full
                next_full = now + self._watch.rescan_s if full else next_full
                last_new = now if files.look(None if full else names, now_s=now) else last_new
                yield from self._coil_again(files, captures, now)
                for file in takewhile(lambda _: not self._stop(), files.ready(now_s=now)):
                    yield from self._take(file, files, captures)
                for file in files.changed(now_s=now):
                    yield from self._taken_before(file, files, captures)
                over = self._over(files, captures)
                if over is None:
                    over_since = now
                elif not full:  # nothing ends before all that is there was seen
                    next_full, over = now, None
                ended = self._end(files, over, now_s=now, idle_s=now - last_new, drained_s=now - over_since)
                if ended is not None:
                    return ended
        return STOPPED

    def _take(self, file: SeenFile, files: SeenFiles, captures: FileCaptures) -> Iterator[Capture]:
        if not self._coil.sidecars:
            for other in files.earlier(file):
                if not files.frame_file(other).has_sidecar:
                    captures.reserve(files.frame_file(other))
        try:
            capture = captures.capture(files.frame_file(file))
        except StillBeingWrittenError:  # the next look finds what it is now
            return
        files.take(file)
        yield capture

    def _taken_before(self, file: SeenFile, files: SeenFiles, captures: FileCaptures) -> Iterator[Capture]:
        try:
            altered = captures.altered(files.frame_file(file))
        except StillBeingWrittenError:
            files.change_again(file)
            return
        if altered is not None:
            yield altered

    def _coil_again(self, files: SeenFiles, captures: FileCaptures, now: float) -> Iterator[Capture]:
        """Read coil.json where it came or changed, and settled; a wrong one is a capture that cannot be used."""
        file = files.get(COIL_SIDECAR)
        if file is None or file.seen == self._coil_seen or not files.settled(file, now_s=now):
            return
        try:
            self._coil = read_coil_sidecar(self._root / COIL_SIDECAR)
        except StillBeingWrittenError:
            return
        except BadDataError as error:
            yield UnusableCapture(source=COIL_SIDECAR, reason=str(error), camera=self._settings.camera)
        self._coil_seen = file.seen
        captures.coil, files.sidecars = self._coil, self._coil.sidecars

    def _over(self, files: SeenFiles, captures: FileCaptures) -> str | None:
        """Return why no more files are to come, None where some are."""
        if files.get(COIL_DONE) is not None:
            return DONE
        ends, expected = captures.ends, self._coil.expected_lines
        cameras = self._coil.cameras or tuple(ends)
        if expected is None or not cameras:
            return None
        return ALL_LINES if all(ends.get(camera, 0) >= expected for camera in cameras) else None

    def _end(self, files: SeenFiles, over: str | None, *, now_s: float, idle_s: float, drained_s: float) -> str | None:
        if self._stop():
            return STOPPED
        waiting = bool(files.open()) if over == ALL_LINES else files.can_become_complete(now_s=now_s)
        if over is not None and (not waiting or drained_s >= self._watch.drain_s):
            return over
        return IDLE if self._watch.idle_s is not None and idle_s >= self._watch.idle_s else None

    def _leave(self, files: SeenFiles) -> None:
        left = [*(file.name for file in files.open()), *files.strays()]
        self.incomplete = [shown(name) for name in sorted(left, key=natural_key)]

    def _close(self, files: SeenFiles, captures: FileCaptures) -> Iterator[Capture]:
        for file in files.open():
            reason = f"{shown(file.name)}: {self._why_open(file, files)}"
            yield captures.unusable(files.frame_file(file), reason=reason)
        for name in files.strays():
            yield captures.stray(name)
        for name in files.late_sidecars():
            yield captures.stray(name, 'it came after its image was taken; say "sidecars": true in coil.json')
        yield from captures.missing(files.names())

    def _why_open(self, file: SeenFile, files: SeenFiles) -> str:
        if is_partial(file.name):
            return f"still under its temporary name when the coil ended ({self.ended})"
        if self._coil.sidecars and not files.frame_file(file).has_sidecar:
            return f"its sidecar had not come when the coil ended ({self.ended})"
        return f"still being written when the coil ended ({self.ended})"
