"""One file of a folder as a capture: its facts, its pixels and its place on the coil, counted for each camera alone."""

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from inspect_pipeline.cameras.coil_places import CoilPlaces
from inspect_pipeline.cameras.folder_listing import (
    StillBeingWrittenError,
    read_complete,
    shown,
    size_and_time,
    without_partial,
)
from inspect_pipeline.cameras.raw_files import (
    RAW_SUFFIX,
    RawLayout,
    decode_raw,
    raw_layout,
    refuse_deeper_samples,
    refuse_other_size,
)
from inspect_pipeline.cameras.sidecar import CoilFacts, FrameFacts, read_frame_sidecar
from inspect_pipeline.domain.material import Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.declared_size import DeclaredSize, declared_size
from inspect_pipeline.imaging.decode import IMAGE_SUFFIXES, LARGEST_PX, decode

FRAME_SUFFIXES = IMAGE_SUFFIXES | {RAW_SUFFIX}
_UNDECLARED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """What holds where no sidecar says otherwise: the camera's name and millimetres a pixel; and the largest frame."""

    camera: str = "camera-0"
    mm_per_px_across: float = 1.0
    mm_per_px_along: float = 1.0
    max_px: int = LARGEST_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFile:
    """A file that should hold a frame, as it was seen: size and time, and whether it has a sidecar of its own.

    ``shares_sidecar``: another image of the folder has the same stem, so that the sidecar could be of either.
    """

    name: str
    seen: tuple[int, int] | None
    has_sidecar: bool = False
    shares_sidecar: bool = False


@dataclass(slots=True)
class _Taken:
    """What was taken of a file: where it lies on the coil, and the digest of its content where it was read."""

    camera: str
    line: int = 0
    sequence: int = 0
    digest: bytes | None = None


@dataclass(slots=True, kw_only=True)
class FileCaptures:
    """Files become captures in the order in which they are given; one file is in memory at a time.

    Their places are those that the facts give, else counted (``CoilPlaces``). A file that cannot be read takes as many
    lines as its header says, else as the frame before it, else as the first of ``neighbours`` (names of other files)
    that has a header. With ``remember``, what was taken is kept by name for ``altered``.
    """

    root: Path
    coil: CoilFacts
    settings: FileSettings
    neighbours: Callable[[], Iterable[str]]
    remember: bool = False
    _taken: dict[str, _Taken] = field(default_factory=dict)
    _places: CoilPlaces = field(init=False)
    _usual_height: int | None = None

    def __post_init__(self) -> None:
        start = self.coil.defaults
        self._places = CoilPlaces(head=(start.first_line or 0, start.sequence or 0))

    def capture(self, file: FrameFile) -> Capture:
        """Return the frame, or why it is unusable. Raises StillBeingWrittenError where the file is not as seen."""
        facts = self._listed(file.name)
        try:
            facts = self._facts(file)
            return self._frame(file, facts)
        except StillBeingWrittenError:
            raise
        except (BadImageError, BadDataError) as error:
            return self.unusable(file, reason=str(error), facts=facts)

    def unusable(self, file: FrameFile, *, reason: str, facts: FrameFacts | None = None) -> UnusableCapture:
        """Return the file as an unusable capture that keeps its place on the coil."""
        facts = self._listed(file.name) if facts is None else facts
        camera = self.camera(facts)
        height = self._likely_height(file, facts, camera)
        line, sequence = self._advance(file.name, camera, facts, height)
        return UnusableCapture(
            source=shown(file.name),
            reason=reason,
            first_line=line,
            line_count=height,
            sequence=sequence,
            captured_at=facts.captured_at or _written_at(file.seen),
            camera=camera,
        )

    def reserve(self, file: FrameFile) -> None:
        """Keep the place of a file that is not complete yet, once, so that what follows it does not move up."""
        name = without_partial(file.name)
        facts = self._listed(name)
        camera = self.camera(facts)
        self._places.reserve(name, camera, facts, self._likely_height(file, facts, camera))

    def altered(self, file: FrameFile) -> UnusableCapture | None:
        """Return a file that was taken as unusable where its content is another one now, None where it is the same.

        Raises StillBeingWrittenError where the file is not as seen.
        """
        before = self._taken.get(file.name, _Taken(self.settings.camera))
        try:
            content: bytes | None = self._content(file, self._facts(file))[0]
        except StillBeingWrittenError:
            raise
        except (BadImageError, BadDataError):
            content = None  # what was taken was another one, or could not be read then either
        if content is not None and _digest(content) == before.digest:
            return None
        return UnusableCapture(
            source=shown(file.name),
            reason=f"{shown(file.name)}: changed after it was taken; what was taken first is kept",
            first_line=before.line,
            sequence=before.sequence,
            captured_at=_written_at(file.seen),
            camera=before.camera,
        )

    def stray(self, name: str, what: str | None = None) -> UnusableCapture:
        """Return an entry of the folder that is no image as an unusable capture without lines, ``what`` being why."""
        if what is None:
            what = self._kind(name)
        return UnusableCapture(
            source=shown(name), reason=f"{shown(name)}: {what}", camera=self.camera(self.coil.defaults)
        )

    def missing(self, names: Iterable[str]) -> list[UnusableCapture]:
        """Return the frames that coil.json announces and that are not among the names."""
        there = set(names)
        return [
            UnusableCapture(
                source=shown(name),
                reason=f"{shown(name)}: announced in coil.json, not there",
                first_line=facts.first_line,
                sequence=facts.sequence,
                camera=self.camera(facts.over(self.coil.defaults)),
            )
            for name, facts in self.coil.frames.items()
            if name not in there
        ]

    def camera(self, facts: FrameFacts) -> str:
        """Return the camera that took the frame: as the facts say, else the camera of the settings."""
        return facts.camera or self.settings.camera

    @property
    def ends(self) -> dict[str, int]:
        """The line after the last one of each camera so far."""
        return self._places.ends

    def _kind(self, name: str) -> str:
        if (self.root / name).is_dir():
            return "a folder, no image; ingest it on its own"
        return "a sidecar without its image" if name.casefold().endswith(".json") else "no image by its suffix"

    def _frame(self, file: FrameFile, facts: FrameFacts) -> Frame:
        name = shown(file.name)
        pixels = self._pixels(file, facts)
        height = int(pixels.shape[0])
        self._refuse_contradiction(pixels, facts, name=name)
        written = facts.captured_at or _written_at(file.seen)
        if written is None:
            raise BadImageError(f"{name}: its modification time is no date; give captured_at in a sidecar")
        camera = self.camera(facts)
        line, sequence = self._advance(file.name, camera, facts, height)
        self._places.set_height(camera, height)
        return Frame(
            id=name,
            pixels=pixels,
            first_line=line,
            captured_at=written,
            mm_per_px_across=facts.mm_per_px_across or self.settings.mm_per_px_across,
            mm_per_px_along=facts.mm_per_px_along or self.settings.mm_per_px_along,
            camera=camera,
            sequence=sequence,
            source=name,
            valid_lines=facts.valid_lines,
            encoder=facts.encoder,
            settings=facts.settings,
        )

    def _pixels(self, file: FrameFile, facts: FrameFacts) -> Pixels:
        name = shown(file.name)
        content, layout = self._content(file, facts)
        if self.remember:
            self._taken[file.name] = _Taken(self.camera(facts), digest=_digest(content))
        if layout is not None:
            return decode_raw(content, layout, name=name)
        return decode(content, name=name, max_px=self.settings.max_px)

    def _content(self, file: FrameFile, facts: FrameFacts) -> tuple[bytes, RawLayout | None]:
        """Return the bytes, read only where the file can be an image of what it declares."""
        name = shown(file.name)
        raw = Path(file.name).suffix.casefold() == RAW_SUFFIX
        layout = raw_layout(facts, name=name, max_px=self.settings.max_px) if raw else None

        def look(opened: io.BufferedReader, size: int) -> None:
            if layout is not None:
                refuse_other_size(layout, size, name=name)
            else:
                _refuse_size(_declared(opened), size, self.settings.max_px, name=name)

        content = read_complete(self.root / file.name, self.root, seen=file.seen, look=look)
        return content, layout

    def _refuse_contradiction(self, pixels: Pixels, facts: FrameFacts, *, name: str) -> None:
        height, width = pixels.shape[:2]
        if facts.valid_lines is not None and facts.valid_lines > height:
            raise BadImageError(f"{name}: its sidecar says {facts.valid_lines} valid lines, the image has {height}")
        if facts.width not in (None, width) or facts.height not in (None, height):
            raise BadImageError(
                f"{name}: its sidecar says {facts.width} x {facts.height} px, the image has {width} x {height}"
            )
        refuse_deeper_samples(pixels, facts.bits, name=name)

    def _advance(self, name: str, camera: str, facts: FrameFacts, height: int) -> tuple[int, int]:
        line, sequence = self._places.take(without_partial(name), camera, facts, height)
        if self.remember:
            taken = self._taken.setdefault(name, _Taken(camera))
            taken.line, taken.sequence = line, sequence
        return line, sequence

    def _listed(self, name: str) -> FrameFacts:
        return self.coil.frames.get(name, FrameFacts()).over(self.coil.defaults)

    def _facts(self, file: FrameFile) -> FrameFacts:
        if not file.has_sidecar:
            return self._listed(file.name)
        sidecar = sidecar_of(file.name)
        if file.shares_sidecar:
            raise BadImageError(f"{shown(file.name)}: several images share the sidecar {shown(sidecar)}; rename them")
        return read_frame_sidecar(self.root / sidecar).over(self.coil.defaults)

    def _likely_height(self, file: FrameFile, facts: FrameFacts, camera: str) -> int:
        """Return the lines that an unreadable file stands for: by what it declares, else as the frames beside it."""
        own = facts.height or self._declared_height(file.name)
        if own is not None:
            return own
        before = self._places.height(camera, facts)
        if before is not None:
            return before
        if self._usual_height is None:  # asked once: a folder of nothing but broken files is read once, not n times
            heights = (self._declared_height(other) for other in self.neighbours())
            self._usual_height = next((height for height in heights if height is not None), 0)
        return self._usual_height

    def _declared_height(self, name: str) -> int | None:
        declared: list[DeclaredSize | None] = []

        def look(opened: io.BufferedReader, _size: int) -> None:
            declared.append(_declared(opened))
            raise BadImageError(name)  # what was asked for is known: the rest need not be read

        path = self.root / name
        try:
            read_complete(path, self.root, seen=size_and_time(path), look=look)
        except BadImageError:
            size = declared[0] if declared else None
        plausible = size is not None and 0 < size.height_px * size.width_px <= self.settings.max_px
        return size.height_px if size is not None and plausible else None


def is_frame_file(name: str) -> bool:
    """Whether the name is that of an image or a raw file."""
    return Path(name).suffix.casefold() in FRAME_SUFFIXES


def sidecar_of(name: str) -> str:
    """Return the name of the sidecar that belongs to an image."""
    return f"{Path(name).stem}.json"


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _declared(opened: io.BufferedReader) -> DeclaredSize | None:
    def read_at(offset: int, count: int) -> bytes:
        opened.seek(offset)
        return opened.read(count)

    return declared_size(read_at)


def _refuse_size(declared: DeclaredSize | None, size: int, max_px: int, *, name: str) -> None:
    """Refuse a file before it is read: too many pixels, or far more bytes than its pixels can take."""
    most = _UNDECLARED_BYTES if declared is None else declared.most_file_bytes
    if declared is not None and declared.width_px * declared.height_px > max_px:
        raise BadImageError(
            f"{name}: its header declares {declared.width_px} x {declared.height_px} px, more than the {max_px} px "
            "allowed"
        )
    if size > most:
        what = "no header of an image" if declared is None else f"{declared.width_px} x {declared.height_px} px"
        raise BadImageError(f"{name}: {size} bytes and {what}; that is no image, at most {most} bytes would be")


def _written_at(seen: tuple[int, int] | None) -> datetime | None:
    """Return the modification time, None where it is no date (a file system can hold the year 292,277,026,596)."""
    try:
        return datetime.fromtimestamp((seen[1] if seen else 0) / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None
