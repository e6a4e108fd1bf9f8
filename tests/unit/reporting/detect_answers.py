"""Answers of ``evaluate --task detect`` as JSON: of one type, and of many types with everything asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FIGURES = (
    "image_auroc", "average_precision", "escape_at_0.01", "escape_at_0.05", "overkill", "escape", "region_recall",
    "region_recall_centre", "region_recall_own", "false_regions_per_normal", "aupro", "aupro_chance", "type_accuracy",
)  # fmt: skip
UNKNOWN = (
    "strangers_auroc", "strangers_auroc_normality", "strangers_escape", "unknown_auroc", "named_unknown",
    "known_named_unknown",
)  # fmt: skip
NOTHING: dict[str, Any] = {"value": None, "interval": None}


def figure(value: float, half: float = 0.03) -> dict[str, Any]:
    return {"value": value, "interval": [max(value - half, 0.0), min(value + half, 1.0)]}


def share(count: int, of: int) -> dict[str, Any]:
    return {
        "value": count / of,
        "interval": [max(count / of - 0.2, 0.0), min(count / of + 0.2, 1.0)],
        "count": count,
        "of": of,
    }


def promise(overkill: float = 0.04) -> dict[str, Any]:
    return {
        "overkill": {"promised": 0.05, **figure(overkill), "p90": 0.11, "within": share(7, 10)},
        "recall": {
            "inside": share(9, 10),
            "below": share(1, 10),
            "above": share(0, 10),
            "stated": figure(0.8),
            "stated_interval": [0.31, 0.99],
            "realised": figure(0.73),
        },
    }


def ranked(value: float) -> dict[str, Any]:
    shown = figure(value)
    return {
        "image_auroc": value,
        "interval": shown["interval"],
        "average_precision": value,
        "escape_at": {"0.01": None, "0.05": 0.1},
    }


def baselines() -> dict[str, Any]:
    values = {
        "normality_only": 0.67,
        "type_channel_only": 0.986,
        "nearest_prototype": 0.81,
        "ridge": 0.86,
        "logistic_regression": 0.85,
        "fine_tuned": 0.9,
    }
    difference = {name: figure(0.1) for name in ("image_auroc", "average_precision", "escape_at_0.05")}
    return {name: {**ranked(value), "difference": difference} for name, value in values.items()}


def row(value: float) -> dict[str, Any]:
    figures = {name: figure(value) for name in FIGURES}
    figures |= {
        "escape_at_0.01": NOTHING,
        "overkill": figure(0.03),
        "escape": figure(0.2),
        "escape_at_0.05": figure(0.07),
    }
    return {**ranked(value), "test_normals": 24, "test_defects": 29, "figures": figures, "baselines": baselines()}


def curve(counts: Sequence[int], axis: str) -> dict[str, Any]:
    points = []
    for place, count in enumerate(counts):
        value = 0.98 - 0.12 / (place + 1)
        points.append(
            {
                "shot": count if axis == "shots" else 5,
                "normals": 20 if axis == "shots" else count,
                "figures": row(value)["figures"] | {"overkill": figure(0.09 - 0.02 * place)},
                "baselines": baselines(),
                "gained": None if place == 0 else {name: figure(0.02) for name in ("image_auroc", "average_precision")},
            }
        )
    return {"points": points, "types": ["coil/crack"], "per_type": {}}


def answer(types: Mapping[str, float] | None = None, **changed: Any) -> dict[str, Any]:
    """One type with nothing optional, or these types; fields can be changed."""
    rows = {name: row(value) for name, value in (types or {"coil/crack": 0.985}).items()}
    families = dict.fromkeys(name.split("/")[0] for name in rows)
    document = {
        "task": "detect",
        "model": None,
        **ranked(0.985),
        "detector": row(0.985)["figures"],
        "per_type": rows,
        "per_family": {family: {**row(0.98), "promise": promise()} for family in families},
        "together": {},
        "baselines": baselines(),
        "promise": promise(),
        "unknown": None,
        "curves": None,
        "shot": 5,
        "normals": 20,
        "draws": 10,
        "seed": 3,
        "promised_overkill": 0.05,
        "false_regions": 0.1,
        "intervals": "mean over draws with Student's 95% interval",
        "fingerprint": "f" * 64,
        "images": 94,
        "refused": [],
        "seen": [],
    }
    return document | changed


def many() -> dict[str, Any]:
    """40 types of 4 materials, curves, untaught types, refusals."""
    generator = np.random.default_rng(0)
    names = [f"material-{k % 4}/type with a rather long name {k}" for k in range(40)]
    types = {name: float(value) for name, value in zip(names, generator.uniform(0.6, 0.99, size=40), strict=True)}
    unknown = {name: {**figure(0.75), "draws": 10} for name in UNKNOWN}
    return answer(
        types,
        together={f"material-{k}": row(0.9) for k in range(4)},
        unknown={
            "figures": unknown,
            "types": 40,
            "per_type": {
                n: {"taught": names[:9], "test_normals": 24, "test_strangers": 31, "figures": unknown} for n in names
            },
        },
        curves={"shots": curve((1, 3, 5, 10), "shots"), "normals": curve((5, 10, 20, 40), "normals")},
        refused=[f"material-9/type {k} has 2 samples of 'type {k}', 5 are asked for" for k in range(12)],
        seen=["material-0"],
        model="initialization.default@3",
    )
