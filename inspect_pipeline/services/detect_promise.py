"""What was promised against what came, over draws: overkill, and the recall that leave-one-out states."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.services.detect_figures import OWN, Series, estimate, pooled

_ROUNDING = 1e-9


def promise_kept(parts: Sequence[Series], *, promised: float) -> dict[str, Any]:
    """Return how overkill and recall of detectors of one type came out, every draw of every part counted by itself.

    ``overkill``: its mean with the interval over draws, its 90th percentile over draws and parts, and the share of
    them at or below the promise. ``recall``: the share of them whose recall lies inside the interval that
    leave-one-out stated, and on either side of it (``below``: it had promised too much), with the mean of what was
    stated and of what came. Intervals of shares are exact (Clopper and Pearson) for draws taken as independent, which
    they are not quite: they share test images.
    """
    overkill = np.concatenate([part[OWN]["overkill"] for part in parts])
    whole = pooled(list(parts))[OWN]
    return {
        "overkill": {
            "promised": promised,
            **estimate(whole["overkill"]),
            "p90": float(np.quantile(overkill, 0.9)),
            "within": _share(overkill <= promised + _ROUNDING),
        },
        "recall": {
            "inside": _share(_flags(parts, "recall_in_interval")),
            "below": _share(_flags(parts, "recall_below_interval")),
            "above": _share(_flags(parts, "recall_above_interval")),
            "stated": estimate(whole["stated_recall"]),
            "stated_interval": [estimate(whole[f"stated_{end}"])["value"] for end in ("low", "high")],
            "realised": estimate(1.0 - whole["escape"]),
        },
    }


def _flags(parts: Sequence[Series], name: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return whether it is so, of every draw that can tell; one type a detector, so that it is or it is not."""
    values = np.concatenate([part[OWN][name] for part in parts])
    flags: np.ndarray[Any, np.dtype[np.bool_]] = values[np.isfinite(values)] > 0.5
    return flags


def _share(flags: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    found = rate(int(flags.sum()), len(flags))
    return {"value": found.value, "interval": [found.low, found.high], "count": found.count, "of": found.trials}
