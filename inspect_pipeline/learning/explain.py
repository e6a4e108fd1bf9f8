"""The evidence behind a region's name, put together as data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from inspect_pipeline.domain.explanation import Explanation, NamedBy
from inspect_pipeline.domain.findings import Evidence
from inspect_pipeline.learning.region_typing import RegionName

_BEYOND = "more regions alarmed than are compared with the samples of a frame (typing_regions)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvidence:
    """The highest scores inside a region, in multiples of the threshold: ``anomaly`` and each known type's."""

    anomaly: float
    types: Mapping[str, float]

    @property
    def best(self) -> str | None:
        """The type of the highest score, None where no type is known."""
        return max(self.types, key=lambda name: self.types[name]) if self.types else None

    @property
    def strongest(self) -> float:
        """The highest score of any channel."""
        return max([self.anomaly, *self.types.values()])

    @property
    def decided(self) -> Evidence:
        """The channel of the highest score; the anomaly's where they are equal."""
        return Evidence.ANOMALY if self.strongest == self.anomaly else Evidence.TYPE


def explained_by_region(found: RegionName, evidence: ChannelEvidence) -> Explanation:
    """Return why a region that was compared with the samples is called so."""
    return Explanation(
        anomaly=evidence.anomaly,
        type_score=None if evidence.best is None else evidence.types[evidence.best],
        channel=evidence.best,
        named_by=NamedBy.REGION,
        nearest_type=found.defect_type,
        margin=found.margin,
        distance=found.distance,
        limit=found.limit,
        neighbours=found.neighbours,
        contribution=found.contribution,
    )


def explained_by_channel(
    evidence: ChannelEvidence,
    nearest: str | None,
    runner_up: str | None,
    *,
    likeness: float | None,
    limit: float | None,
) -> Explanation:
    """Return why a region is called after a channel, or after none: ``likeness`` below ``limit`` stays unknown."""
    lead = None if nearest is None or runner_up is None else evidence.types[nearest] - evidence.types[runner_up]
    return Explanation(
        anomaly=evidence.anomaly,
        type_score=None if evidence.best is None else evidence.types[evidence.best],
        channel=evidence.best,
        named_by=NamedBy.CHANNEL,
        nearest_type=nearest,
        margin=lead,
        distance=likeness,
        limit=limit,
    )


def beyond_the_cap(explanation: Explanation | None) -> Explanation | None:
    """Return the explanation of a region that was not compared because too many of its frame alarmed."""
    return None if explanation is None else replace(explanation, note=_BEYOND)
