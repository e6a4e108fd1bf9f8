"""A detector beside the normality of the same good material: what its types add, told by the very same defects.

The first detector of a line has no champion to be held against. Normality alone needs no sample of a defect and may
spend the whole promise on what it looks for; types that find fewer defects than that cost more than they give.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspect_pipeline.domain.statistics import one_sided_upper, samples_for_share, sign_test
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideNormality:
    """Of ``trials`` defects those ``found``, those that normality ``alone`` finds, and those of the latter ``lost``."""

    trials: int
    found: int
    alone: int
    lost: int

    def __post_init__(self) -> None:
        kept = self.alone - self.lost
        if not (0 <= self.lost <= self.alone and 0 <= kept <= self.found and self.found + self.lost <= self.trials):
            raise BadDataError(f"{self} does not add up; teach the detector again")

    def __add__(self, other: "BesideNormality") -> "BesideNormality":
        return BesideNormality(
            trials=self.trials + other.trials,
            found=self.found + other.found,
            alone=self.alone + other.alone,
            lost=self.lost + other.lost,
        )

    @property
    def gained(self) -> int:
        """Defects that are found and that normality alone misses."""
        return self.found - self.alone + self.lost


NOTHING_TRIED = BesideNormality(trials=0, found=0, alone=0, lost=0)


def paired(outcomes: Iterable[tuple[bool, bool]]) -> BesideNormality:
    """Return the counts of (found, found by normality alone) of each defect."""
    pairs = list(outcomes)
    return BesideNormality(
        trials=len(pairs),
        found=sum(found for found, _ in pairs),
        alone=sum(alone for _, alone in pairs),
        lost=sum(alone and not found for found, alone in pairs),
    )


def beside_normality_reasons(
    defects: BesideNormality | None,
    *,
    goods: Sequence[tuple[bool, bool]] = (),
    least: int,
    max_loss: float,
    max_chance: float,
) -> list[str]:
    """Return why a first detector is no better than the normality of its good material.

    ``defects`` are left-out samples and labels for the gate together, None where nothing was measured; ``goods`` tell
    of each good unit whether it alarms in the detector and in normality alone. It must find as many defects, or it must
    be certain (one-sided 95% bound) that it loses no more than ``max_loss`` of them; on good units it must not alarm
    more often beyond chance (one-sided sign test of ``max_chance``). Fewer than ``least`` defects prove nothing.
    """
    if defects is None:
        return ["normality alone: not measured when this detector was taught; teach it again"]
    if defects.trials < least:
        return [f"normality alone: compared on {defects.trials} samples; {least - defects.trials} more are needed"]
    reasons = []
    fewer = defects.alone - defects.found
    if fewer > 0 and not one_sided_upper(fewer, defects.trials) <= max_loss:
        enough = samples_for_share(fewer, max_loss) - defects.trials
        reasons.append(
            f"normality alone: {defects.found} of {defects.trials} left-out samples and labels for the gate are found, "
            f"without its types {defects.alone} at the same promise ({defects.lost} lost, {defects.gained} gained, "
            f"chance {sign_test(defects.lost, defects.gained):.1%}); label {fewer} more that only its types find, or "
            f"{enough} more of which none is lost"
        )
    lost = sum(alarms and not alone for alarms, alone in goods)
    gained = sum(alone and not alarms for alarms, alone in goods)
    if sign_test(lost, gained) <= max_chance:
        reasons.append(
            f"normality alone: {lost} good units alarm that do not without its types, {gained} the other way round"
        )
    return reasons
