"""Why a finding is called what it is called: the evidence in numbers, for the page, the report and an auditor."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from inspect_pipeline.errors import BadDataError


class NamedBy(StrEnum):
    """What gave the name: the region compared with the samples, or the strongest dense channel."""

    REGION = "region"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A sample near the region: its label, its type and its distance (0 is the same, no unit)."""

    label: str
    defect_type: str
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The evidence behind one finding.

    ``anomaly`` and ``type_score`` are in multiples of the threshold (``channel`` is the type of that score, None where
    no type is taught); the higher of the two raised the finding. ``nearest_type`` is the most likely type, also of what
    stays ``unknown``; ``margin`` by how much it leads the runner-up (1.0: as between two samples of known name).
    ``distance`` is that to its samples' mean and ``limit`` the open-set bound: beyond it the region is ``unknown``.
    For ``NamedBy.CHANNEL`` both are likenesses (a cosine), and below the limit it is unknown. ``contribution`` tells
    which part of the description made the margin, as shares that sum to 1. ``note`` says why the region was not
    compared. None is what was not measured.
    """

    anomaly: float
    type_score: float | None
    channel: str | None
    named_by: NamedBy
    nearest_type: str | None = None
    margin: float | None = None
    distance: float | None = None
    limit: float | None = None
    neighbours: tuple[Neighbour, ...] = ()
    contribution: Mapping[str, float] = field(default_factory=dict)
    note: str | None = None

    def __post_init__(self) -> None:
        numbers = [self.anomaly, self.type_score, self.margin, self.distance, self.limit, *self.contribution.values()]
        numbers += [one.distance for one in self.neighbours]
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise BadDataError(f"an explanation holds {numbers}; all must be finite, judge the frame again")

    def to_document(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "named_by": self.named_by.value, "contribution": dict(self.contribution)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Explanation":
        """Return what ``to_document`` wrote. Raises BadDataError for anything else."""
        try:
            neighbours = tuple(Neighbour(**one) for one in document["neighbours"])
            named_by = NamedBy(document["named_by"])
            return cls(**{**document, "neighbours": neighbours, "named_by": named_by})
        except (KeyError, TypeError, ValueError) as error:
            raise BadDataError(f"the explanation of a finding is damaged ({error!r}); score the coil again") from error
