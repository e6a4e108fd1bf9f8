"""Figures of few-shot methods as an answer has them: shares and paired differences with their 95% intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.learning.evaluation import Evaluation, Interval, gains_by_family, interval_of, over_families
from inspect_pipeline.learning.evaluation import paired_difference as paired

Values = NDArray[np.float64]
ACCURACY, RECALL, DIFFERENCE, AUROC = "accuracy", "recall", "difference", "auroc"


def shown(value: Interval, name: str) -> dict[str, Any]:
    """Return a figure under its name with its interval and the number of episodes behind it."""
    return {name: value.mean, "interval": [value.low, value.high], "episodes": value.episodes}


def share(values: Values, name: str) -> dict[str, Any]:
    """Return the mean of one share an episode."""
    return shown(interval_of(values), name)


def difference(ours: Values, theirs: Values) -> dict[str, Any]:
    """Return the mean of the paired differences, episode by episode."""
    return shown(interval_of(ours - theirs, share=False), DIFFERENCE)


def over_materials(means: Sequence[float], name: str = DIFFERENCE) -> dict[str, Any] | None:
    """Return the mean over materials with Student's interval, None for fewer than 3 of them."""
    found = over_families(means)
    return None if found is None else {name: found.mean, "interval": [found.low, found.high], "materials": len(means)}


def differences(result: Evaluation, method: str, baselines: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what the method gains over each other baseline: over episodes, over materials, and in each material."""
    rows = {}
    for name in baselines:
        if name != method:
            gains = gains_by_family(result, method, name)
            rows[name] = {
                **shown(paired(result.scores[method], result.scores[name]), DIFFERENCE),
                "over_materials": over_materials([gain.mean for gain in gains.values()]),
                "per_family": {family: shown(gain, DIFFERENCE) for family, gain in gains.items()},
            }
    return rows


def beside(values: Mapping[str, Values], method: str, name: str) -> dict[str, Any]:
    """Return a method's figure with those of the others and what it gains over each on the same episodes."""
    others = {other: of for other, of in values.items() if other != method}
    return {
        **share(values[method], name),
        "baselines": {other: share(of, name) for other, of in others.items()},
        "differences": {other: difference(values[method], of) for other, of in others.items()},
    }
