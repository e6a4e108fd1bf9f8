"""One type left out at a time: the answer about types that nobody has taught."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.services.detect_figures import estimate
from inspect_pipeline.services.detect_material import Tried
from inspect_pipeline.services.detect_open_set import OPEN_SET

Floats = NDArray[np.float64]


def unknown_rows(left_out: Mapping[str, Tried]) -> dict[str, Any] | None:
    """Return how each type fares untaught, by ``material/type``, and the mean over them; None where none was left out.

    The others of its material are taught. A draw in which none of the images alarms has no share that is named
    unknown; ``draws`` counts those that have one.
    """
    if not left_out:
        return None
    values = {name: {figure: _drawn(tried, figure) for figure in OPEN_SET} for name, tried in left_out.items()}
    return {
        "figures": {figure: _over_draws([row[figure] for row in values.values()]) for figure in OPEN_SET},
        "types": len(left_out),
        "per_type": {
            name: {
                "taught": list(tried.types),
                "test_normals": tried.test_normals,
                "test_strangers": tried.test_strangers,
                "figures": {figure: _over_draws([values[name][figure]]) for figure in OPEN_SET},
            }
            for name, tried in left_out.items()
        },
    }


def _drawn(tried: Tried, figure: str) -> Floats:
    return np.array([trial.own[figure] for trial in tried.trials])


def _over_draws(rows: Sequence[Floats]) -> dict[str, Any]:
    """Return the estimate over draws of the mean over types, each draw over the types that it measures."""
    table = np.stack(rows)
    told = np.isfinite(table)
    able = told.any(axis=0)
    means = np.where(told, table, 0.0).sum(axis=0)[able] / told.sum(axis=0)[able]
    found = estimate(means) if len(means) else {"value": None, "interval": None}
    return {**found, "draws": int(able.sum())}
