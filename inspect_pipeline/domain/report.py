"""What a coil report shows, as plain data: no SQL, no torch, no MLflow. ``render.render_report`` makes the page.

Lengths downweb are metres from the head of the coil, crossweb millimetres from the left edge of the view, times are
UTC and aware, rates are fractions. A figure that is missing is ``NotMeasured`` with its reason.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inspect_pipeline.domain.figures import (
    MeasuredEstimate,
    MeasuredNumber,
    MeasuredRate,
    MeasuredText,
    NotMeasured,
)
from inspect_pipeline.domain.findings import Finding, Verdict
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import BadDataError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class TruthMark(StrEnum):
    """What the truth says of a finding."""

    HIT = "hit"
    WRONG_TYPE = "hit, named otherwise"
    FALSE_ALARM = "false alarm"


class StartingPoint(StrEnum):
    """What the detector was adapted from."""

    META_TRAINED = "meta-trained"
    FROZEN_BASELINE = "frozen baseline"
    NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A named fact as text, e.g. processor: 2 cores."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The coil, and how much of it was inspected. ``scored_at`` is NotMeasured where nothing was scored."""

    coil: str
    line: str
    recipe: str
    family: str
    scored_at: datetime | NotMeasured
    inspected_m: MeasuredNumber
    not_inspected_m: MeasuredNumber

    def __post_init__(self) -> None:
        if isinstance(self.scored_at, datetime) and self.scored_at.tzinfo is None:
            raise BadDataError(f"coil {self.coil}: the time of scoring has no time zone; give UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFacts:
    """A type that the detector knows; ``samples`` are its taught supports, ``origin`` None where not recorded."""

    name: str
    life_cycle: LifeCycle
    samples: int | NotMeasured
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A limit in the detector's own units, and what lies beyond it in a few words."""

    name: str
    value: MeasuredNumber
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRate:
    """A rate and what it is the rate of."""

    name: str
    rate: MeasuredRate


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the thresholds promise: overkill at most a fraction of ``unit`` (singular), and what leave-one-out says."""

    unit: str
    overkill_at_most: MeasuredNumber
    leave_one_out: tuple[NamedRate, ...] | NotMeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """The mean of paired differences ``first`` minus ``second`` on the same episodes, as a fraction of accuracy."""

    first: str
    second: str
    difference: MeasuredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where the detector comes from; ``why`` says in a sentence how the starting point was chosen."""

    initialization: str
    initialization_version: str
    method: str
    chosen: StartingPoint
    why: str
    decided_by: tuple[PairedDifference, ...] | NotMeasured
    backbone: str
    weights_sha256: MeasuredText
    label_count: int | NotMeasured
    data_fingerprint: MeasuredText
    code_revision: MeasuredText
    seeds: tuple[Fact, ...] | NotMeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """The registered detector that judged the coil; no ``aliases`` where none points at this version."""

    name: str
    version: str
    aliases: tuple[str, ...]
    types: tuple[TypeFacts, ...]
    thresholds: tuple[Threshold, ...] | NotMeasured
    promise: Promise
    lineage: Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFrame:
    """One captured frame on the coil; ``verdict`` None: captured but not judged. UNUSABLE has its ``reason``.

    ``length_m`` 0.0: the length is not known. ``width_mm`` None: as wide as the coil.
    """

    id: str
    downweb_m: float
    length_m: float
    verdict: Verdict | None
    reason: str | None = None
    crossweb_mm: float = 0.0
    width_mm: float | None = None

    def __post_init__(self) -> None:
        if self.verdict is Verdict.UNUSABLE and not self.reason:
            raise BadDataError(f"frame {self.id} is UNUSABLE without a reason; give the reason kept in the ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapGap:
    """Metres that no frame holds, with the reason. ``width_mm`` None: as wide as the coil; else one camera's part."""

    downweb_m: float
    length_m: float
    reason: str
    crossweb_mm: float = 0.0
    width_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """A finding, and the truth of it: ``mark``, ``origin`` and ``true_type`` are None where truth is not known.

    ``origin`` is that of the defect that was hit; a false alarm has none.
    """

    finding: Finding
    mark: TruthMark | None = None
    origin: Origin | None = None
    true_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilMap:
    """Everything with a place on the coil. Frames and gaps are the ledger: all of them, unusable ones included.

    ``length_m`` reaches from the head of the coil to the furthest line; ``passed_m`` is what of it passed in this pass
    (None: all), where that began behind the head. ``lanes`` is how many cameras saw it side by side.
    """

    length_m: float
    width_mm: float
    frames: tuple[MapFrame, ...]
    gaps: tuple[MapGap, ...]
    findings: tuple[ShownFinding, ...]
    passed_m: float | None = None
    lanes: int = 1

    def __post_init__(self) -> None:
        if not (self.length_m >= 0.0 and self.width_mm > 0.0):
            raise BadDataError(f"a coil of {self.length_m} m x {self.width_mm} mm has no map; give width above 0")

    @property
    def in_pass_m(self) -> float:
        """The metres that passed, of which each was inspected or not."""
        return self.length_m if self.passed_m is None else self.passed_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The plain crop and the same crop under its heatmap, both as PNG bytes.

    Raises BadDataError for bytes that are no PNG.
    """

    crop_png: bytes
    overlay_png: bytes

    def __post_init__(self) -> None:
        for name, content in (("crop", self.crop_png), ("overlay", self.overlay_png)):
            if not content.startswith(_PNG_SIGNATURE):
                raise BadDataError(f"the {name} of a report picture is no PNG; encode it as PNG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One of the worst findings, as a picture or the reason why there is none."""

    shown: ShownFinding
    pictures: Pictures | NotMeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedDefect:
    """An escape: a true defect on which nothing was reported.

    ``best_score`` is the highest score on it in multiples of the threshold (below 1). Give every escape; those with
    pictures are shown, worst first, and all are marked on the map.
    """

    frame: str
    true_type: str
    origin: Origin
    crossweb_mm: float
    downweb_m: float
    best_score: MeasuredNumber
    pictures: Pictures | NotMeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTruth:
    """Escapes of a true type, and overkill: defect-free units that were given this type."""

    name: str
    escapes: MeasuredRate
    overkill: MeasuredRate


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginTruth:
    """Escapes and overkill over all types and per type, on real or on simulated defects only."""

    escapes: MeasuredRate
    overkill: MeasuredRate
    types: tuple[TypeTruth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is known to be true: ``unit`` (singular) and one sentence on what a unit is; real and simulated apart."""

    unit: str
    unit_means: str
    real: OriginTruth | NotMeasured
    simulated: OriginTruth | NotMeasured
    missed: tuple[MissedDefect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAccuracy:
    """Accuracy of one head on the episodes that all heads share; ``starting_point`` None: for comparison only."""

    name: str
    accuracy: MeasuredEstimate
    starting_point: StartingPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaTraining:
    """Heads on the same episodes; ``episode_form`` as text, e.g. 5-way 5-shot, 15 queries."""

    episodes: int
    episode_form: str
    data: str
    heads: tuple[HeadAccuracy, ...]
    differences: tuple[PairedDifference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """One stage and how long it took; ``detail`` None where there is nothing to add."""

    stage: str
    seconds: MeasuredNumber
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What made the page. ``same_run`` says whether training, scoring and report were one run, as in ``demo``."""

    command: str
    version: str
    created_at: datetime
    same_run: bool

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise BadDataError("the time of the report has no time zone; give UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilReport:
    """All of one coil's report. ``exhibits`` are the worst findings; they are shown by score, highest first."""

    head: Head
    model: ModelFacts | NotMeasured
    coil_map: CoilMap
    exhibits: tuple[Exhibit, ...]
    truth: Truth | NotMeasured
    meta_training: MetaTraining | NotMeasured
    stages: tuple[StageTime, ...] | NotMeasured
    machine: tuple[Fact, ...] | NotMeasured
    footer: Footer
