"""Models and what their gate says as plain JSON: champion and challenger side by side, figures with intervals."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from inspect_pipeline.domain.gate import Evidence, GateReport, GateRules
from inspect_pipeline.domain.records import ModelVersion, Promotion
from inspect_pipeline.domain.statistics import Rate
from inspect_pipeline.domain.trial import trial_to
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION, PREVIOUS
from inspect_pipeline.services.models import Models


def models_to(models: Models) -> list[dict[str, Any]]:
    """Return every model with the versions that its aliases point at, by name."""
    by_name: dict[str, list[ModelVersion]] = {}
    for version in models.listing():
        by_name.setdefault(version.model, []).append(version)
    return [
        {
            "name": name,
            "versions": len(versions),
            **{
                alias: next((one.version for one in versions if alias in one.aliases), None)
                for alias in (CHAMPION, CHALLENGER, PREVIOUS)
            },
        }
        for name, versions in sorted(by_name.items())
    ]


def versions_to(models: Models, name: str) -> dict[str, Any]:
    """Return the versions of a model, newest first, and every change of the one in force, newest first.

    Raises NotFoundError for an unknown model.
    """
    history = models.history(name)
    return {
        "name": name,
        "versions": [_version(one) for one in models.registry.versions(name)],
        "history": [_promotion(one) for one in reversed(history)],
    }


def _version(one: ModelVersion) -> dict[str, Any]:
    return {"version": one.version, "made_at": one.created_at.isoformat(), "aliases": list(one.aliases)}


def _promotion(one: Promotion) -> dict[str, Any]:
    return {**asdict(one), "at": one.at.isoformat(), "kind": one.kind.value}


def gate_to(models: Models, name: str, *, version: str | None) -> dict[str, Any]:
    """Return what the gate says of a version (else of the challenger) beside the one in force.

    Raises NotFoundError for an unknown model or version.
    """
    resolved, report = models.gate(name, version=version)
    with models.catalog.transaction() as unit:
        champion = unit.standing(name).recorded
    return {
        "name": name,
        "version": resolved,
        "champion": champion,
        "in_force": resolved == champion,
        "passed": report.passed,
        "reasons": list(report.reasons),
        "rules": _rules(models.rules),
        "roles": {role: list(people) for role, people in models.rules.overrides.items()},
        "challenger_side": _side(report.challenger),
        "champion_side": None if report.champion is None else _side(report.champion),
        "types": _types(report),
        "trial": trial_to(report.trial),
        "champion_trial": trial_to(report.champion_trial),
    }


def _rules(rules: GateRules) -> dict[str, Any]:
    fields = asdict(rules)
    held_out: Mapping[str, Any] = fields.pop("held_out")
    fields.pop("overrides")
    return {**fields, **held_out}


def _side(evidence: Evidence) -> dict[str, Any]:
    return {
        "promised_overkill": evidence.promised_overkill,
        "overkill": None if evidence.overkill is None else _rate(evidence.overkill),
        "types": len(evidence.types),
        "episodes": evidence.episodes,
        "accuracy": evidence.accuracy,
        "baseline_accuracy": evidence.baseline_accuracy,
        "difference_low": evidence.difference_low,
    }


def _types(report: GateReport) -> list[dict[str, Any]]:
    """Return every type of either side with what was found of it left out."""
    mine = {one.defect_type: one for one in report.challenger.types}
    others = {} if report.champion is None else {one.defect_type: one for one in report.champion.types}
    return [
        {
            "name": name,
            "challenger": _rate(mine[name].found) if name in mine else None,
            "champion": _rate(others[name].found) if name in others else None,
            "forgetting": mine[name].forgetting if name in mine else None,
        }
        for name in sorted({*mine, *others})
    ]


def _rate(found: Rate) -> dict[str, Any]:
    return {"count": found.count, "of": found.trials, "interval": [found.low, found.high]}
