"""A folder of image files as a frame source: every entry becomes a frame or an unusable capture, in natural order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from inspect_pipeline.cameras.folder_listing import (
    StillBeingWrittenError,
    is_partial,
    read_complete,
    shown,
    size_and_time,
    visible_names,
)
from inspect_pipeline.cameras.sidecar import (
    COIL_SIDECAR,
    CoilFacts,
    FrameFacts,
    read_coil_sidecar,
    read_frame_sidecar,
)
from inspect_pipeline.domain.material import Frame, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.decode import IMAGE_SUFFIXES, LARGEST_PX, decode
from inspect_pipeline.imaging.image_header import read_header


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFolderSettings:
    """What holds where no sidecar says otherwise: the camera's name and millimetres a pixel."""

    camera: str = "camera-0"
    mm_per_px_across: float = 1.0
    mm_per_px_along: float = 1.0
    max_px: int = LARGEST_PX


@dataclass(slots=True)
class _Position:
    """Where the next file lies on the coil, counted up by height where no sidecar says so."""

    line: int
    sequence: int
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DropFolder:
    """A one-shot import of a folder; iterate it as often as wanted, one file is in memory at a time.

    The id and source of a frame are its file name, which is unique in the folder. Without sidecars frames follow each
    other without a gap; a file that cannot be read takes as many lines as its header says, else as its neighbour has,
    so that what follows keeps its place. Files still being written are not taken; ``incomplete`` lists those of the
    last pass.
    """

    root: Path
    names: tuple[str, ...]
    coil: CoilFacts
    settings: DropFolderSettings
    incomplete: list[str] = field(default_factory=list)
    _seen: dict[str, tuple[int, int] | None] = field(default_factory=dict)

    @property
    def expected_lines(self) -> int | None:
        """Length of the coil in lines, where coil.json gives it."""
        return self.coil.expected_lines

    def __iter__(self) -> Iterator[Capture]:
        """Yield one capture an entry, announced files that are missing last."""
        self.incomplete.clear()
        start = self.coil.defaults
        position = _Position(line=start.first_line or 0, sequence=start.sequence or 0)
        for name in self.names:
            capture = self._capture(name, position)
            if capture is not None:
                yield capture
        for name in self.coil.frames:
            if name not in self.names:
                yield UnusableCapture(source=shown(name), reason=f"{shown(name)}: announced in coil.json, not there")

    def _capture(self, name: str, position: _Position) -> Capture | None:
        if is_partial(name):
            self.incomplete.append(shown(name))
            if _is_image(Path(name).stem):
                self._advance(position, FrameFacts(), self._likely_height(name, position))
            return None
        if not _is_image(name):
            return self._stray(name)
        facts = FrameFacts()
        try:
            facts = self._facts(name)
            return self._frame(name, facts, position)
        except StillBeingWrittenError:
            self.incomplete.append(shown(name))
            self._advance(position, facts, self._likely_height(name, position))
            return None
        except (BadImageError, BadDataError) as error:
            return self._unusable(name, facts, position, reason=str(error))

    def _frame(self, name: str, facts: FrameFacts, position: _Position) -> Frame:
        path = self.root / name
        content = read_complete(path, self.root, seen=self._seen[name])
        pixels = decode(content, name=shown(name), max_px=self.settings.max_px)
        valid = facts.valid_lines
        if valid is not None and valid > pixels.shape[0]:
            raise BadImageError(f"{shown(name)}: its sidecar says {valid} valid lines, the image has {pixels.shape[0]}")
        line, sequence = self._advance(position, facts, int(pixels.shape[0]))
        position.height = int(pixels.shape[0])
        default = self.coil.defaults
        return Frame(
            id=shown(name),
            pixels=pixels,
            first_line=line,
            captured_at=self._captured_at(name, facts),
            mm_per_px_across=facts.mm_per_px_across or default.mm_per_px_across or self.settings.mm_per_px_across,
            mm_per_px_along=facts.mm_per_px_along or default.mm_per_px_along or self.settings.mm_per_px_along,
            camera=self._camera(facts),
            sequence=sequence,
            source=shown(name),
            valid_lines=valid,
        )

    def _unusable(self, name: str, facts: FrameFacts, position: _Position, *, reason: str) -> UnusableCapture:
        height = self._likely_height(name, position)
        line, sequence = self._advance(position, facts, height)
        return UnusableCapture(
            source=shown(name),
            reason=reason,
            first_line=line,
            line_count=height,
            sequence=sequence,
            captured_at=self._captured_at(name, facts),
            camera=self._camera(facts),
        )

    def _stray(self, name: str) -> UnusableCapture:
        what = "no image by its suffix"
        if (self.root / name).is_dir():
            what = "a folder, no image; ingest it on its own"
        elif name.casefold().endswith(".json"):
            what = "a sidecar without its image"
        return UnusableCapture(source=shown(name), reason=f"{shown(name)}: {what}", camera=self._camera(FrameFacts()))

    def _advance(self, position: _Position, facts: FrameFacts, height: int) -> tuple[int, int]:
        line = position.line if facts.first_line is None else facts.first_line
        sequence = position.sequence if facts.sequence is None else facts.sequence
        position.line, position.sequence = line + height, sequence + 1
        return line, sequence

    def _facts(self, name: str) -> FrameFacts:
        listed = self.coil.frames.get(name, FrameFacts())
        sidecar = f"{Path(name).stem}.json"
        if sidecar == COIL_SIDECAR or not (self.root / sidecar).is_file():
            return listed
        if sum(_is_image(other) and Path(other).stem == Path(name).stem for other in self.names) > 1:
            raise BadImageError(f"{shown(name)}: several images share the sidecar {shown(sidecar)}; rename them")
        return read_frame_sidecar(self.root / sidecar)

    def _camera(self, facts: FrameFacts) -> str:
        return facts.camera or self.coil.defaults.camera or self.settings.camera

    def _captured_at(self, name: str, facts: FrameFacts) -> datetime:
        written = self._seen[name]
        when = datetime.fromtimestamp((written[1] if written else 0) / 1e9, UTC)
        return facts.captured_at or self.coil.defaults.captured_at or when

    def _likely_height(self, name: str, position: _Position) -> int:
        """Return the lines that an unreadable file stands for: by its own header, else as the frames beside it."""
        own = self._declared_height(name)
        if own is None and position.height is None:
            heights = (self._declared_height(other) for other in self.names)
            position.height = next((height for height in heights if height is not None), 0)
        return own if own is not None else position.height or 0

    def _declared_height(self, name: str) -> int | None:
        try:
            header = read_header(read_complete(self.root / name, self.root, seen=self._seen[name]))
        except BadImageError:
            return None
        plausible = header.height_px > 0 and header.width_px * header.height_px <= self.settings.max_px
        return header.height_px if plausible else None


def open_drop_folder(root: Path, settings: DropFolderSettings) -> DropFolder:
    """Return the folder as a frame source; its names and sizes are those of this moment.

    Raises NotFoundError or BadDataError: no such folder, no image in it, a coil.json that cannot be read.
    """
    names = visible_names(root)
    images = [name for name in names if _is_image(name)]
    if not images:
        raise BadDataError(
            f"{root} holds no image file ({', '.join(sorted(IMAGE_SUFFIXES))}); put frames there or name another folder"
        )
    coil = read_coil_sidecar(root / COIL_SIDECAR) if COIL_SIDECAR in names else CoilFacts()
    sidecars = {f"{Path(name).stem}.json" for name in images} | {COIL_SIDECAR}
    taken = tuple(name for name in names if name not in sidecars)
    return DropFolder(
        root=root,
        names=taken,
        coil=coil,
        settings=settings,
        _seen={name: size_and_time(root / name) for name in taken},
    )


def _is_image(name: str) -> bool:
    return Path(name).suffix.casefold() in IMAGE_SUFFIXES
