"""What the counters of a camera say of its captures as they come: repeated, out of order, against the strip's way."""

from dataclasses import dataclass, field

from inspect_pipeline.domain.counters import Runs

REPEATED = "repeated: "
"""How the reason of a frame begins whose counter and lines came before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """``reason``: why the frame must not be judged; ``note``: what was odd about one that can be."""

    reason: str | None = None
    note: str | None = None


@dataclass(slots=True, kw_only=True)
class Continuity:
    """Follows one camera through a coil; ``against``: the encoder counts down (a rewound coil)."""

    against: bool = False
    _seen: Runs = field(default_factory=Runs)
    _reach: int = 0
    _encoder: int | None = None

    def see(self, sequence: int, *, first_line: int, line_count: int, encoder: int | None = None) -> Oddity:
        """Return what is odd about the next frame of the camera.

        A frame whose counter and lines were there before is repeated. One whose counter was there but whose lines are
        new comes from a counter that started again, or is the next part of a frame with a hole in it. A lower counter
        than before is out of order: it is placed by its counter and judged. While the encoder runs against the way of
        the coil though the counter goes on, lines pass a second time, upside down.
        """
        last, new = self._seen.last, self._seen.add(sequence)
        again = first_line < self._reach
        self._reach = max(self._reach, first_line + line_count)
        if not new and again:
            return Oddity(reason=f"{REPEATED}frame counter {sequence} and its lines came before")
        if not new:
            return Oddity() if sequence == last else Oddity(note=f"the frame counter started again at {sequence}")
        if last is not None and sequence < last:
            return Oddity(note=f"out of order: came after frame {last}")
        backwards = self._backwards(encoder)
        return Oddity(reason=backwards) if backwards is not None and again else Oddity()

    def _backwards(self, encoder: int | None) -> str | None:
        before, self._encoder = self._encoder, encoder if encoder is not None else self._encoder
        if encoder is None or before is None:
            return None
        step = before - encoder if self.against else encoder - before
        return f"the strip ran backwards: the encoder went from {before} to {encoder}" if step < 0 else None
