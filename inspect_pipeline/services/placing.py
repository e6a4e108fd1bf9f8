"""Captures of a coil in their order: each is placed on the coil, and what its counters say of it is written down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from inspect_pipeline.domain.continuity import Continuity
from inspect_pipeline.domain.geometry import CameraMount, EdgeFollower, EncoderLines, StripFollower
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.services.preparing import Prepared

BEFORE_HEAD = "before the head of the coil: "
"""How the reason of a frame begins that shows what lies before line 0: it stands at line 0 and must not cover it."""


@dataclass(slots=True, kw_only=True)
class _Camera:
    """What the captures of one camera so far leave for the next one."""

    continuity: Continuity
    strip: StripFollower
    encoder: EncoderLines | None = None
    stamped: tuple[int | None, int] | None = None  # counter and encoder of the latest frame
    mm_per_line: float | None = None
    next_line: int = 0
    next_sequence: int = 0


@dataclass(slots=True, kw_only=True)
class Placing:
    """Places the captures of one coil. Not for several threads: the order of the calls is that of the captures.

    ``most_wander_px`` is how far a strip edge may move between two frames before the jump is noted.
    """

    coil: Coil
    mounts: Callable[[str], CameraMount]
    most_wander_px: float
    _cameras: dict[str, _Camera] = field(default_factory=dict)

    def resume(self, first_frames: Iterable[CapturedFrame]) -> None:
        """Take the zero of each camera's encoder from its first frame of an earlier run."""
        for frame in first_frames:
            encoder = None if frame.measures is None else frame.measures.encoder
            if BEFORE_HEAD in (frame.reason or ""):
                continue  # its first line is not where it lies
            camera = self._camera(frame.camera, frame.mm_per_px_along)
            if camera.encoder is not None and encoder is not None and camera.encoder.zero is None:
                camera.encoder.zero = encoder - frame.first_line / camera.encoder.lines_per_count

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras seen so far."""
        return tuple(sorted(self._cameras))

    def __call__(self, prepared: Prepared) -> CapturedFrame | None:
        """Return the row at its place, None where the capture was there before."""
        camera = self._camera(prepared.camera, prepared.mm_per_px_along)
        if prepared.mm_per_px_along is None:  # no image came of it
            first_line, placed = self._unread(prepared, camera)
        else:
            first_line, placed = self._seen(prepared, camera)
        sequence = camera.next_sequence if prepared.sequence is None else prepared.sequence
        camera.next_line = max(camera.next_line, first_line + prepared.line_count)
        camera.next_sequence = max(camera.next_sequence, sequence + 1)
        return placed

    def _seen(self, prepared: Prepared, camera: _Camera) -> tuple[int, CapturedFrame | None]:
        """Return where a frame begins and its row; one that was there before moves the state on all the same."""
        row, (first_line, before_head, moved) = prepared.row, _by_encoder(prepared, camera)
        odd = camera.continuity.see(
            prepared.sequence or 0, first_line=first_line, line_count=prepared.line_count, encoder=prepared.encoder
        )
        if row is None:
            return first_line, None
        measures, jumped = camera.strip.believed(row.measures, width_px=row.width_px)
        outside = f"{BEFORE_HEAD}it begins {before_head} lines before line 0, by the encoder" if before_head else None
        return first_line, replace(
            row,
            first_line=first_line,
            reason=_joined(odd.reason, outside, row.reason),
            note=_joined(odd.note, moved, jumped, row.note),
            downweb_m=self.coil.downweb_m(first_line - before_head, mm_per_line=row.mm_per_px_along),
            measures=measures,
        )

    def _unread(self, prepared: Prepared, camera: _Camera) -> tuple[int, CapturedFrame | None]:
        """Return place and row of a capture without pixels; one of no known place stands after those before it."""
        row, first_line = prepared.row, camera.next_line
        if prepared.first_line is not None:
            first_line = prepared.first_line if camera.encoder is None else camera.encoder.shifted(prepared.first_line)
        if row is None:
            return first_line, None
        mm_per_line = camera.mm_per_line or row.mm_per_px_along
        return first_line, replace(
            row,
            first_line=first_line,
            sequence=camera.next_sequence if prepared.sequence is None else prepared.sequence,
            mm_per_px_along=mm_per_line,
            downweb_m=self.coil.downweb_m(first_line, mm_per_line=mm_per_line),
        )

    def _camera(self, name: str, mm_per_line: float | None) -> _Camera:
        if name not in self._cameras:
            follower = EdgeFollower(most_wander_px=self.most_wander_px)
            self._cameras[name] = _Camera(continuity=Continuity(), strip=StripFollower(edges=follower))
        camera = self._cameras[name]
        if camera.mm_per_line is None and mm_per_line is not None:
            camera.mm_per_line = mm_per_line
            mount = self.mounts(name)
            if mount.encoder_mm_per_count is not None:
                way = -1.0 if self.coil.reversed else 1.0
                per_count = way * mount.encoder_mm_per_count / mm_per_line
                camera.encoder = EncoderLines(lines_per_count=per_count, tolerance_lines=mount.encoder_tolerance_lines)
                camera.continuity.against = per_count < 0
        return camera


def _by_encoder(prepared: Prepared, camera: _Camera) -> tuple[int, int, str | None]:
    """Return (first line, lines before line 0, note): by the encoder where there is one, else by the counter."""
    counted, encoder = prepared.first_line or 0, camera.encoder
    if encoder is None or prepared.encoder is None:
        return counted, 0, None
    shift_before, before = encoder.shift_lines, camera.stamped
    camera.stamped = prepared.sequence, prepared.encoder
    # The parts of one buffer share its counter and the encoder's count at its first line.
    part = camera.stamped == before
    first_line = encoder.shifted(counted) if part else encoder.first_line(counted, encoder=prepared.encoder)
    before_head, shift = encoder.before_head(counted), encoder.shift_lines
    if before_head or shift in (0, shift_before):
        return first_line, before_head, None
    return first_line, 0, f"encoder: {abs(shift)} lines {'after' if shift > 0 else 'before'} the counter"


def _joined(*remarks: str | None) -> str | None:
    return "; ".join(remark for remark in remarks if remark) or None
