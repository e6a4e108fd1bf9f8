"""What pages and the watch show of coils without reading them whole: counts, and findings as columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.domain.material import Coil
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilCounts:
    """One coil in numbers: captures, verdicts and findings of ``detector``, the version that judged it last.

    ``end_line`` is the line after the last one that any camera delivered. A verdict that was not given has no key.
    """

    coil: Coil
    captured: int
    unusable: int
    end_line: int
    mm_per_line: float
    detector: str | None
    verdicts: Mapping[Verdict, int]
    findings: int

    @property
    def length_m(self) -> float:
        """Metres that passed: as far as expected, or as far as any camera reached."""
        return max(self.end_line, self.coil.expected_lines or 0) * self.mm_per_line / 1000.0

    @property
    def judged(self) -> int:
        """Frames with a verdict other than UNUSABLE."""
        return sum(count for verdict, count in self.verdicts.items() if verdict is not Verdict.UNUSABLE)

    @property
    def alarmed(self) -> int:
        """Frames with any finding."""
        return self.verdicts.get(Verdict.DEFECT, 0) + self.verdicts.get(Verdict.UNKNOWN, 0)

    @property
    def complete(self) -> bool:
        """Whether every capture has its verdict."""
        return self.captured > 0 and sum(self.verdicts.values()) == self.captured


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingColumns:
    """Findings of one coil as columns of equal length, head first.

    ``items`` are the ids ``<result>-<ordinal>`` that the queue and its pictures know; ``type_of`` counts in ``types``.
    """

    items: tuple[str, ...]
    frames: tuple[str, ...]
    types: tuple[str, ...]
    type_of: tuple[int, ...]
    life_cycles: tuple[str, ...]
    downweb_m: tuple[float, ...]
    crossweb_mm: tuple[float, ...]
    width_mm: tuple[float, ...]
    length_mm: tuple[float, ...]
    score: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = (
            self.items, self.frames, self.type_of, self.life_cycles, self.downweb_m, self.crossweb_mm,
            self.width_mm, self.length_mm, self.score,
        )  # fmt: skip
        if len({len(column) for column in columns}) != 1:
            raise BadDataError(f"columns of findings have {[len(column) for column in columns]} rows; report this")

    def __len__(self) -> int:
        """How many findings there are."""
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameVerdict:
    """What a detector said of one frame; ``reason`` where it is UNUSABLE."""

    frame: str
    verdict: Verdict
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodFrame:
    """A frame that passed, the address of its heatmap, and the columns that were inspected (None: to the border)."""

    frame: str
    heatmap: str
    width_px: int
    zone_left_px: int | None = None
    zone_right_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFrame:
    """One of the latest captures of a coil; ``verdict`` None: not judged yet. ``thumbnail`` is a content address."""

    frame: str
    camera: str
    source: str
    first_line: int
    captured_at: datetime
    verdict: Verdict | None
    reason: str | None
    thumbnail: str | None
