"""What an operator should hear about the samples before a detector goes to the line."""

from collections.abc import Sequence

import torch

from inspect_pipeline.learning.crossfit import CrossFitted
from inspect_pipeline.learning.examples import Support
from inspect_pipeline.learning.leave_one_out import MISSED, LeftOut

_ALIKE = 0.9  # cosine of two types' directions in the metric of good material
_SAME_PATCHES = 0.999
_OUT_OF_STEP = 0.5  # a sample this far below the median likeness of its type disagrees with the others
_FEWEST_TO_COMPARE = 3


def check_supports(
    supports: Sequence[Support], names: Sequence[str], crossed: CrossFitted, left_out: Sequence[LeftOut]
) -> list[str]:
    """Return one line a doubt: looks like normal, disagrees with its type, given twice, two names for one thing."""
    warnings = []
    for one in left_out:
        label = supports[one.support].label
        if one.named == MISSED:
            warnings.append(
                f"sample {label} of {one.defect_type!r} looks like good material to a detector taught without it"
            )
    warnings += _disagreeing(supports, names, left_out)
    warnings += _twice(supports)
    return warnings + _alike(names, crossed)


def _disagreeing(supports: Sequence[Support], names: Sequence[str], left_out: Sequence[LeftOut]) -> list[str]:
    warnings = []
    for name in names:
        own = [one for one in left_out if one.defect_type == name]
        if len(own) < _FEWEST_TO_COMPARE:
            continue
        middle = float(torch.tensor([one.likeness for one in own]).median())
        warnings += [
            f"sample {supports[one.support].label} disagrees with the other samples of {name!r}; look at it again"
            for one in own
            if one.likeness < _OUT_OF_STEP * middle
        ]
    return warnings


def _twice(supports: Sequence[Support]) -> list[str]:
    """Find samples of one size whose patches are the same: one physical defect given twice."""
    warnings = []
    for second, support in enumerate(supports):
        for first in supports[:second]:
            if first.patches.shape != support.patches.shape:
                continue
            likeness = torch.cosine_similarity(first.patches.flatten(), support.patches.flatten(), dim=0)
            if float(likeness) > _SAME_PATCHES:
                warnings.append(f"samples {first.label} and {support.label} show the same defect; it counts twice")
    return warnings


def _alike(names: Sequence[str], crossed: CrossFitted) -> list[str]:
    warnings = []
    for second in range(len(names)):
        for first in range(second):
            a, b = crossed.final.directions[first].weight, crossed.final.directions[second].weight
            if float(a @ b) > _ALIKE:
                warnings.append(
                    f"types {names[first]!r} and {names[second]!r} look alike (cosine {float(a @ b):.2f}); "
                    "they may be one type under two names"
                )
    return warnings
