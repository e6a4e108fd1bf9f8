"""What happens beyond a closed set of types, as an answer has it: strangers told apart, and new types taught."""

from typing import Any

import numpy as np

from inspect_pipeline.learning.evaluation import interval_of
from inspect_pipeline.learning.open_set import PROBABILITY, SCORES, OpenSet
from inspect_pipeline.learning.type_growth import TypeGrowth
from inspect_pipeline.services.method_figures import AUROC, beside, difference, share, shown


def open_set_rows(found: OpenSet, *, method: str) -> dict[str, Any]:
    """Return the AUROC by both scores, beside the baselines; that of each stranger by the highest probability."""
    by_score = {
        score: beside({name: of[score] for name, of in found.aurocs.items()}, method, AUROC) for score in SCORES
    }
    own = found.aurocs[method][PROBABILITY]
    strangers = np.array(found.strangers, dtype=object)
    return {
        "known": found.known,
        **share(own, AUROC),
        "scores": by_score,
        "per_type": {name: share(own[strangers == name], AUROC) for name in sorted(set(found.strangers))},
    }


def growth_rows(found: TypeGrowth, *, method: str) -> dict[str, Any]:
    """Return known and new accuracy, forgetting and harmonic mean by the number of added types, with the baselines."""
    others = [name for name in found.on_known if name != method]
    return {
        "known": found.known,
        "points": _growth(found, method),
        "baselines": {name: _growth(found, name) for name in others},
        "differences": {name: _gained(found, method, name) for name in others},
    }


def _growth(found: TypeGrowth, name: str) -> list[dict[str, Any]]:
    known, new = found.on_known[name], found.on_new[name]
    lost, harmonic = found.lost(name), found.harmonic(name)
    first = {"added": 0, "known_accuracy": share(known[0], "value")}
    return [first] + [
        {
            "added": added,
            "known_accuracy": share(known[added], "value"),
            "new_accuracy": share(new[added], "value"),
            "harmonic_mean": share(harmonic[added - 1], "value"),
            "forgetting": shown(interval_of(lost[added - 1], share=False), "value"),
        }
        for added in range(1, found.added + 1)
    ]


def _gained(found: TypeGrowth, method: str, other: str) -> list[dict[str, Any]]:
    ours, theirs = found.harmonic(method), found.harmonic(other)
    lost, lost_by_other = found.lost(method), found.lost(other)
    return [
        {
            "added": added,
            "harmonic_mean": difference(ours[added - 1], theirs[added - 1]),
            "forgetting": difference(lost[added - 1], lost_by_other[added - 1]),
        }
        for added in range(1, found.added + 1)
    ]
