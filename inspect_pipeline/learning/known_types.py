"""What a new type costs the types that were known before: the same left-out samples, with it and without it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from inspect_pipeline.learning.crossfit import CrossFitted
from inspect_pipeline.learning.dense_fit import Fit, Variant
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import Support
from inspect_pipeline.learning.leave_one_out import LeftOut, judge_left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCost:
    """Of ``trials`` left-out samples of a known type, those found in any channel and those given its name.

    ``before`` is a detector of the types known before alone, ``after`` one with the new types, both taught without the
    sample, on the same good material.
    """

    defect_type: str
    trials: int
    found_before: int
    found_after: int
    named_before: int
    named_after: int

    @property
    def lost_points(self) -> float:
        """Percentage points of the samples that are no longer found; below 0 where more are."""
        return 100.0 * (self.found_before - self.found_after) / max(self.trials, 1)

    @property
    def lost_naming_points(self) -> float:
        """Percentage points of the samples that no longer get their name."""
        return 100.0 * (self.named_before - self.named_after) / max(self.trials, 1)


def costs_of_company(
    crossed: CrossFitted,
    supports: Sequence[Support],
    variants: Sequence[Variant],
    names: Sequence[str],
    left_out: Sequence[LeftOut],
    *,
    known: Collection[str],
    promise: Promise,
    settings: DetectorSettings,
) -> tuple[TypeCost, ...]:
    """Return the cost for each type of ``known`` that is taught again, by name; none where no type is new.

    ``variants`` and ``left_out`` are those of all types together (``judge_left_out``).
    """
    kept = [name for name in names if name in known]
    if not kept or len(kept) == len(names):
        return ()
    numbers = [i for i, support in enumerate(supports) if support.defect_type in kept]
    alone, reduced = _without_the_rest(crossed, variants, kept, numbers)
    before = judge_left_out(alone, [supports[i] for i in numbers], reduced, kept, promise=promise, settings=settings)
    return tuple(_cost(name, before, left_out) for name in kept)


def _without_the_rest(
    crossed: CrossFitted, variants: Sequence[Variant], kept: Sequence[str], numbers: Sequence[int]
) -> tuple[CrossFitted, list[Variant]]:
    """Return the cross-fitted scores and variants of the kept types, their supports counted anew."""
    places = [place for place, variant in enumerate(variants) if variant.defect_type in kept]
    columns = [0, *(1 + place for place in places)]
    new_number = {number: place for place, number in enumerate(numbers)}
    reduced = [
        Variant(
            defect_type=variants[place].defect_type, supports=tuple(new_number[i] for i in variants[place].supports)
        )
        for place in places
    ]
    final = Fit(
        normality=crossed.final.normality,
        directions=tuple(crossed.final.directions[place] for place in places),
        bank=crossed.final.bank,
    )
    scores, floors = crossed.scores[:, columns], crossed.floors[columns]
    return replace(crossed, scores=scores, floors=floors, final=final), reduced


def _cost(name: str, before: Sequence[LeftOut], after: Sequence[LeftOut]) -> TypeCost:
    mine, now = ([one for one in each if one.defect_type == name] for each in (before, after))
    return TypeCost(
        defect_type=name,
        trials=len(now),
        found_before=sum(one.found for one in mine),
        found_after=sum(one.found for one in now),
        named_before=sum(one.named == name for one in mine),
        named_after=sum(one.named == name for one in now),
    )
