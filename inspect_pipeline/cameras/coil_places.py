"""Where the files of a folder lie on the coil: counted for each camera alone where no sidecar says so."""

from dataclasses import dataclass, field

from inspect_pipeline.cameras.sidecar import FrameFacts


@dataclass(slots=True)
class _Position:
    line: int
    sequence: int
    height: int | None = None
    end: int = 0


@dataclass(slots=True, kw_only=True)
class CoilPlaces:
    """First lines and sequence numbers, those of a camera following each other from ``head`` (line, sequence) on.

    The first file of a camera that nothing names goes on after the last line that a sidecar gave. The place of a file
    that is not complete yet can be reserved, so that what follows it does not move up.
    """

    head: tuple[int, int] = (0, 0)
    _positions: dict[str, _Position] = field(default_factory=dict)
    _reserved: dict[str, tuple[int, int]] = field(default_factory=dict)
    _given: tuple[int, int] | None = None  # line and sequence after the last file whose first line was given

    def take(self, key: str, camera: str, facts: FrameFacts, height: int) -> tuple[int, int]:
        """Return first line and sequence of a file of that height; where it was reserved, the place kept for it."""
        position = self._position(camera, named=facts.camera is not None)
        kept = self._reserved.pop(key, None)
        line, sequence = (position.line, position.sequence) if kept is None else kept
        line = line if facts.first_line is None else facts.first_line
        sequence = sequence if facts.sequence is None else facts.sequence
        if facts.first_line is not None:
            self._given = line + height, sequence + 1
        if kept is None:
            position.line, position.sequence = line + height, sequence + 1
        position.end = max(position.end, line + height)
        return line, sequence

    def reserve(self, key: str, camera: str, facts: FrameFacts, height: int) -> None:
        """Keep the next place of the camera for a file, once."""
        if key not in self._reserved:
            self._reserved[key] = self.take(key, camera, facts, height)

    def height(self, camera: str, facts: FrameFacts) -> int | None:
        """Return how many lines the last readable frame of the camera had, None before the first."""
        return self._position(camera, named=facts.camera is not None).height

    def set_height(self, camera: str, height: int) -> None:
        """Remember how many lines a frame of the camera has; the camera has taken a place before."""
        self._positions[camera].height = height

    @property
    def ends(self) -> dict[str, int]:
        """The line after the last one of each camera so far."""
        return {camera: position.end for camera, position in self._positions.items()}

    def _position(self, camera: str, *, named: bool) -> _Position:
        if camera not in self._positions:
            line, sequence = self.head if named or self._given is None else self._given
            self._positions[camera] = _Position(line, sequence)
        return self._positions[camera]
