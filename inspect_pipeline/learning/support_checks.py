"""What an operator should hear about the samples before a detector goes to the line, told from their patches.

No threshold here is a number of ours: samples are judged by detectors taught without them, whose limits come from the
line's good material, and likeness is held against that of samples of one type and of places of good material. The one
constant is the 5% of the coin in ``rarely_fewer``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from inspect_pipeline.domain.checks import Check, CheckKind, Severity, rarely_fewer
from inspect_pipeline.learning.crossfit import CrossFitted
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import Support
from inspect_pipeline.learning.leave_one_out import MISSED, LeftOut, open_set_bound
from inspect_pipeline.learning.same_defect import copies

_FEWEST_TO_COMPARE = 3  # of two samples that differ nobody can say which one is wrong


def check_supports(
    supports: Sequence[Support],
    names: Sequence[str],
    crossed: CrossFitted,
    left_out: Sequence[LeftOut],
    *,
    settings: DetectorSettings,
) -> list[Check]:
    """Return what is to be said of the samples, none where all is well.

    Looks like normal, disagrees with its type, shows the defect of another sample, too small to be seen, two names
    for one type.
    """
    if not supports:
        return []
    normality = crossed.final.normality
    parts = crossed.final.parts
    alike = _two_names(names, supports, parts, crossed, left_out)
    told = {frozenset(pair) for pair in alike}
    checks = _looking_normal(supports, left_out)
    checks += _disagreeing(supports, names, left_out, told, settings)
    pairs = copies(crossed.nearest_good, supports, parts, normality)
    checks += [_same(supports[first], supports[second]) for first, second in pairs]
    checks += _too_small(supports, settings)
    return checks + [check for _, check in sorted(alike.items())]


def _looking_normal(supports: Sequence[Support], left_out: Sequence[LeftOut]) -> list[Check]:
    return [
        Check(
            kind=CheckKind.LOOKS_NORMAL,
            labels=(supports[one.support].label,),
            message=f"sample {supports[one.support].label} of {one.defect_type!r} looks like good material to a "
            "detector taught without it",
        )
        for one in left_out
        if one.named == MISSED
    ]


def _disagreeing(
    supports: Sequence[Support],
    names: Sequence[str],
    left_out: Sequence[LeftOut],
    told: set[frozenset[str]],
    settings: DetectorSettings,
) -> list[Check]:
    """Return the samples that the rest of their type would not have named; those told of otherwise are left out."""
    checks = []
    for name in names:
        own = [one for one in left_out if one.defect_type == name]
        if len(own) < _FEWEST_TO_COMPARE:
            continue
        odd = [
            supports[one.support].label
            for one in own
            if one.named != MISSED
            and frozenset((name, one.named)) not in told
            and (one.named != name or one.likeness < _bound_without(one, own, settings))
        ]
        if 2 * len(odd) > len(own):
            message = (
                f"the samples of {name!r} do not agree: {len(odd)} of {len(own)} are not named so by a detector taught "
                "from the others; they may be several types"
            )
            checks.append(Check(kind=CheckKind.DISAGREES, labels=tuple(odd), message=message))
            continue
        checks += [
            Check(
                kind=CheckKind.DISAGREES,
                labels=(label,),
                message=f"sample {label} disagrees with the other samples of {name!r}; look at it again",
            )
            for label in odd
        ]
    return checks


def _bound_without(one: LeftOut, own: Sequence[LeftOut], settings: DetectorSettings) -> float:
    return open_set_bound([other for other in own if other is not one], share=settings.likeness_share)


def _same(first: Support, second: Support) -> Check:
    return Check(
        kind=CheckKind.SAME_DEFECT,
        labels=(first.label, second.label),
        message=f"samples {first.label} and {second.label} show the same defect (their patches are nearer than two "
        "places of good material); it counts twice",
    )


def _too_small(supports: Sequence[Support], settings: DetectorSettings) -> list[Check]:
    """Return samples of less than one row of the box mean: their scores are mostly those of what is around them."""
    return [
        Check(
            kind=CheckKind.TOO_SMALL,
            severity=Severity.NOTE,
            labels=(support.label,),
            message=f"sample {support.label} of {support.defect_type!r} covers {count} patches of 16 px where "
            f"{settings.smoothing_patches} x {settings.smoothing_patches} are averaged; take such defects at a higher "
            "resolution",
        )
        for support in supports
        if (count := int(support.inside.sum())) < settings.smoothing_patches
    ]


def _two_names(
    names: Sequence[str],
    supports: Sequence[Support],
    parts: Sequence[Tensor],
    crossed: CrossFitted,
    left_out: Sequence[LeftOut],
) -> Mapping[tuple[str, str], Check]:
    """Return pairs whose samples are as near to the other type as to their own, and are confused like one type's."""
    own, across = _likeness(names, supports, parts)
    found = {}
    for second in range(len(names)):
        for first in range(second):
            near = across[first, second] >= own[first] or across[second, first] >= own[second]
            swapped, trials = _swapped(names[first], names[second], left_out)
            if not near or swapped == 0 or not rarely_fewer(swapped, trials):
                continue
            a, b = names[first], names[second]
            weights = [crossed.final.directions[t].weight for t in (first, second)]
            cosine = float(weights[0].flatten() @ weights[1].flatten())
            found[a, b] = Check(
                kind=CheckKind.TWO_NAMES,
                labels=tuple(one.label for one in supports if one.defect_type in (a, b)),
                message=f"types {a!r} and {b!r} look alike (cosine {cosine:.2f}) and {swapped} of {trials} left-out "
                "samples took the other name; they may be one type under two names",
            )
    return found


def _likeness(
    names: Sequence[str], supports: Sequence[Support], parts: Sequence[Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least cosine of a type's sample to the others of it (T), and the median one to each type (T, T)."""
    centres = torch.stack([part.mean(dim=0) for part in parts]).double()
    members = [[i for i, support in enumerate(supports) if support.defect_type == name] for name in names]
    totals = torch.stack([centres[own].sum(dim=0) for own in members])
    toward = _cosines(centres, totals).numpy()
    own_least = np.full(len(names), np.inf)
    across = np.full((len(names), len(names)), -np.inf)
    for t, own in enumerate(members):
        across[t] = np.median(toward[own], axis=0)
        if len(own) > 1:
            rest = totals[t] - centres[own]
            own_least[t] = float(torch.cosine_similarity(centres[own], rest, dim=1).min())
    return own_least, across


def _cosines(rows: Tensor, columns: Tensor) -> Tensor:
    lengths = rows.norm(dim=1, keepdim=True) * columns.norm(dim=1)
    cosines: Tensor = rows @ columns.T / lengths.clamp(min=1e-12)
    return cosines


def _swapped(first: str, second: str, left_out: Sequence[LeftOut]) -> tuple[int, int]:
    """Return how many left-out samples of the two types took the other's name, of those that took either."""
    pair = {first, second}
    named = [one for one in left_out if one.defect_type in pair and one.named in pair]
    return sum(one.named != one.defect_type for one in named), len(named)
