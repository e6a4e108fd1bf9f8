"""Figures of many draws pooled: within a draw over types and materials, then over draws with an interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.statistics import student_interval
from inspect_pipeline.services.detect_trial import DETECTOR, OVERKILLS, Trial

Series = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By scorer and figure, one value a draw; not a number where no draw measures it."""
OWN = "own"
COUNTED = "false_regions_per_normal"
"""The figure that is no share: it may exceed 1."""
_COMPARED = ("image_auroc", "average_precision", f"escape_at_{OVERKILLS[-1]}")


def series(trials: Sequence[Trial]) -> Series:
    """Return the figures of the draws of one detector; one that some draw cannot measure is not a number in all."""
    rows = [{**trial.rankings, OWN: trial.own} for trial in trials]
    return {
        scorer: {name: _measured(np.array([row[scorer][name] for row in rows])) for name in figures}
        for scorer, figures in rows[0].items()
    }


def pooled(parts: Sequence[Series]) -> Series:
    """Return the mean over the parts, draw by draw, of every figure that a part measures."""
    return {
        scorer: {name: _mean([part[scorer][name] for part in parts]) for name in figures}
        for scorer, figures in parts[0].items()
    }


def ranking(of: Series, scorer: str) -> dict[str, Any]:
    """Return how a scorer ranks images: AUROC with its interval, average precision, escape by overkill."""
    figures = of[scorer]
    auroc = estimate(figures["image_auroc"])
    return {
        "image_auroc": auroc["value"],
        "interval": auroc["interval"],
        "average_precision": estimate(figures["average_precision"])["value"],
        "escape_at": {str(x): estimate(figures[f"escape_at_{x}"])["value"] for x in OVERKILLS},
    }


def figures_of(of: Series) -> dict[str, dict[str, Any]]:
    """Return every figure of the detector with its interval; ``overkill`` with its 90th percentile over draws."""
    every = {**of[DETECTOR], **of[OWN]}
    found = {name: estimate(values, share=name != COUNTED) for name, values in every.items()}
    counted = found.get(COUNTED)
    if counted is not None and counted["interval"] is not None:
        counted["interval"][0] = max(counted["interval"][0], 0.0)
    found["overkill"]["p90"] = float(np.quantile(of[OWN]["overkill"], 0.9))
    return found


def compared(of: Series) -> dict[str, dict[str, Any]]:
    """Return the ranking of every other scorer, and what the detector gains over it on the same draws."""
    rows: dict[str, dict[str, Any]] = {}
    for scorer in of:
        if scorer not in (DETECTOR, OWN):
            gained = {n: estimate(of[DETECTOR][n] - of[scorer][n], share=False) for n in _COMPARED}
            rows[scorer] = {**ranking(of, scorer), "difference": gained}
    return rows


def estimate(values: NDArray[np.float64], *, share: bool = True) -> dict[str, Any]:
    """Return value and interval over draws, both None where nothing was measured; a share stays inside [0, 1]."""
    if not np.isfinite(values).all():
        return {"value": None, "interval": None}
    mean, low, high = student_interval(values)
    return {"value": mean, "interval": [max(low, 0.0), min(high, 1.0)] if share else [low, high]}


def _measured(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values if np.isfinite(values).all() else np.full(len(values), np.nan)


def _mean(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    able = [values for values in parts if np.isfinite(values).all()]
    mean: NDArray[np.float64] = np.mean(able, axis=0) if able else np.full(len(parts[0]), np.nan)
    return mean
