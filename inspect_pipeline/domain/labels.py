"""Labels: appended, never changed; a later one may supersede an earlier one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError


class RegionSource(StrEnum):
    """Who said where the region is."""

    DRAWN = "drawn"
    GUESSED = "guessed"


class LabelKind(StrEnum):
    """What a label says of its region."""

    DEFECT = "defect"
    NOT_A_DEFECT = "not a defect"


class LabelRole(StrEnum):
    """What a label may be used for: supports teach, held-out labels only measure, history meta-trains.

    Those of the gate decide on challengers; a golden one is agreed by all and must never be judged wrong. A withdrawn
    one takes back the label that it supersedes: nothing is in force for the region.
    """

    HISTORY = "history"
    SUPPORT = "support"
    HELD_OUT = "held out"
    GATE = "gate"
    GOLDEN = "golden"
    WITHDRAWN = "withdrawn"


class Origin(StrEnum):
    """Whether the defect was on the material or painted by the simulator."""

    REAL = "real"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a frame; ``mask`` is the content address of a binary PNG of the region's size, where there is one."""

    frame: str
    roi: Roi
    mask: str | None = None
    source: RegionSource = RegionSource.DRAWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One appended statement about a region; ``defect_type`` is set exactly when the kind is a defect.

    ``group`` is the leakage group (a physical piece, a series of near-duplicates) where it is wider than the frame.
    """

    id: str
    region: Region
    kind: LabelKind
    operator: str
    labelled_at: datetime
    defect_type: str | None = None
    role: LabelRole = LabelRole.SUPPORT
    origin: Origin = Origin.REAL
    severity: int | None = None
    supersedes: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        named = self.defect_type is not None
        if named != (self.kind is LabelKind.DEFECT) or self.defect_type == "":
            raise BadDataError(f"label {self.id}: a defect needs a type, and 'not a defect' must have none")
        if self.supersedes == self.id:
            raise BadDataError(f"label {self.id} supersedes itself; name the label that it replaces")

    @property
    def statement(self) -> tuple[str, ...]:
        """What it says, whoever says it and when: two labels of one statement are the same to a teaching."""
        region, roi = self.region, self.region.roi
        box = (f"{side:09d}" for side in (roi.top, roi.left, roi.bottom, roi.right))
        said = (self.kind.value, self.defect_type or "", self.role.value, region.source.value, region.mask or "")
        return (region.frame, *box, *said, self.group or "")


def in_force(labels: Iterable[Label], *, role: LabelRole | None = None) -> list[Label]:
    """Return the labels that no other one supersedes, in the order given; with ``role`` only those of that role.

    Give all labels of the line or coil: a label that moves a region from support to held out has the other role, and
    unseen it would leave the old one in force.
    """
    every = list(labels)
    replaced = {label.supersedes for label in every if label.supersedes is not None}
    return [label for label in every if label.id not in replaced and role in (None, label.role)]
