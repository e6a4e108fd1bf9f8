"""A folder of image files as a frame source: every entry becomes a frame or an unusable capture, in natural order."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inspect_pipeline.cameras.file_captures import (
    FRAME_SUFFIXES,
    FileCaptures,
    FileSettings,
    FrameFile,
    is_frame_file,
    sidecar_of,
)
from inspect_pipeline.cameras.folder_listing import (
    StillBeingWrittenError,
    is_partial,
    shown,
    size_and_time,
    visible_names,
    without_partial,
)
from inspect_pipeline.cameras.sidecar import COIL_SIDECAR, CoilFacts, read_coil_sidecar
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError

DropFolderSettings = FileSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DropFolder:
    """A one-shot import of a folder; iterate it as often as wanted, one file is in memory at a time.

    The id and source of a frame are its file name, which is unique in the folder. Without sidecars the frames of each
    camera follow each other without a gap; a file that cannot be read takes as many lines as its header says, else as
    its neighbour has, so that what follows keeps its place.

    Every entry is accounted for: a pass yields one capture for each of ``names``, or lists it in ``incomplete`` because
    it is still being written; the other entries are ``sidecars``, and hidden and system files, which are no captures.
    Frames that coil.json announces and that are not there are yielded as well, last.
    """

    root: Path
    names: tuple[str, ...]
    sidecars: tuple[str, ...]
    coil: CoilFacts
    settings: DropFolderSettings
    incomplete: list[str] = field(default_factory=list)
    _files: dict[str, FrameFile] = field(default_factory=dict)

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines, where coil.json gives it."""
        return self.coil.expected_lines

    @property
    def expected_cameras(self) -> tuple[str, ...]:
        """The cameras that should have seen the coil, where coil.json names them."""
        return self.coil.cameras

    def __iter__(self) -> Iterator[Capture]:
        """Yield one capture an entry, announced files that are missing last."""
        self.incomplete.clear()
        captures = FileCaptures(
            root=self.root, coil=self.coil, settings=self.settings, neighbours=lambda: iter(self._files)
        )
        for name in self.names:
            yield from self._captures(name, captures)  # nothing here holds the frame while the next one is read
        yield from captures.missing(self.names)

    def _captures(self, name: str, captures: FileCaptures) -> Iterator[Capture]:
        if is_partial(name):
            self.incomplete.append(shown(name))
            if is_frame_file(without_partial(name)):
                captures.reserve(FrameFile(name=name, seen=None))
        elif not is_frame_file(name):
            yield captures.stray(name)
        else:
            try:
                yield captures.capture(self._files[name])
            except StillBeingWrittenError:
                self.incomplete.append(shown(name))
                captures.reserve(self._files[name])


def open_drop_folder(root: Path, settings: DropFolderSettings) -> DropFolder:
    """Return the folder as a frame source; its names and sizes are those of this moment.

    Raises NotFoundError or BadDataError: no such folder, no image in it, a coil.json that cannot be read.
    """
    names = visible_names(root)
    frames = [name for name in names if is_frame_file(name)]
    if not frames:
        raise BadDataError(
            f"{root} holds no image file ({', '.join(sorted(FRAME_SUFFIXES))}); put frames there or name another folder"
        )
    stems = Counter(sidecar_of(name) for name in frames)
    sidecars = tuple(name for name in names if name in stems or name == COIL_SIDECAR)
    there = set(sidecars) - {COIL_SIDECAR}
    return DropFolder(
        root=root,
        names=tuple(name for name in names if name not in stems and name != COIL_SIDECAR),
        sidecars=sidecars,
        coil=read_coil_sidecar(root / COIL_SIDECAR) if COIL_SIDECAR in sidecars else CoilFacts(),
        settings=settings,
        _files={
            name: FrameFile(
                name=name,
                seen=size_and_time(root / name),
                has_sidecar=sidecar_of(name) in there,
                shares_sidecar=stems[sidecar_of(name)] > 1,
            )
            for name in frames
        },
    )
