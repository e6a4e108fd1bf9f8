"""A study of a method as one tracked run: what it was asked, on what data and machine, its figures and curves."""

import re
from collections.abc import Mapping
from typing import Any

from inspect_pipeline.services.ports import Tracker

EXPERIMENT = "evaluation"
Document = Mapping[str, Any]
_UNUSUAL = re.compile(r"[^/\w.\- :]")  # what a tracker takes in the name of a figure
_ASKED = ("method", "model", "task", "way", "shot", "query", "episodes", "seed", "fingerprint", "samples")


def record_study(
    tracker: Tracker,
    document: Document,
    *,
    environment: Mapping[str, str | int],
    revision: str,
    artifacts: Mapping[str, bytes],
) -> str:
    """Write the answer of ``evaluate --task classify`` or ``cross-domain`` as a run and return the run's id."""
    asked = {name: document[name] for name in _ASKED if document.get(name) is not None}
    options = {f"option.{name}": _plain(value) for name, value in document["options"].items()}
    machine = {f"environment.{name}": value for name, value in environment.items()}
    return tracker.record(
        EXPERIMENT,
        f"{document['task']} {document['model'] or document['method']} seed {document['seed']}",
        params={**asked, **options, **machine, "revision": revision},
        metrics=_metrics(document),
        curves=_curves(document),
        artifacts=artifacts,
    )


def _metrics(document: Document) -> dict[str, float]:
    found = _rate("accuracy", document, "accuracy")
    for name, row in document["baselines"].items():
        found |= _rate(f"{name}.accuracy", row, "accuracy")
    for name, row in document["differences"].items():
        found |= _rate(f"gain_over_{name}", row, "difference")
        if row.get("over_materials") is not None:
            found |= _rate(f"gain_over_{name}.over_materials", row["over_materials"], "difference")
    for name, row in document["per_family"].items():
        found |= _rate(f"material.{_UNUSUAL.sub('_', name)}.accuracy", row, "accuracy")
    if document.get("open_set") is not None:
        found |= _rate("open_set.auroc", document["open_set"], "auroc")
    return found


def _rate(name: str, row: Document, key: str) -> dict[str, float]:
    low, high = row["interval"]
    return {name: row[key], f"{name}_low": low, f"{name}_high": high}


def _curves(document: Document) -> dict[str, list[tuple[int, float]]]:
    """Return accuracy over shots and steps, and known and new accuracy over the types added."""
    found = {
        f"accuracy_over_{axis}": [(point[axis], point["accuracy"]) for point in curve["points"]]
        for axis, curve in document.get("curves", {}).items()
    }
    grown = document.get("known_versus_new")
    for name in ("known_accuracy", "new_accuracy", "harmonic_mean", "forgetting"):
        if grown is not None:
            points = [(point["added"], point[name]["value"]) for point in grown["points"] if name in point]
            found[f"{name}_over_added_types"] = points
    return found


def _plain(value: object) -> str | int | float:
    return value if isinstance(value, str | int | float) else str(value)
