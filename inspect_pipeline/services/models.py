"""Registered models: list, show, promote through the gate, roll back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.gate import GateReport, GateRules, evidence_from, judge_detector, judge_initialization
from inspect_pipeline.domain.records import Clock, ModelVersion, Promotion
from inspect_pipeline.errors import BadDataError, InspectError, NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.ports import Catalog, ModelRegistry

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """A registered model by name and either version or alias."""

    name: str
    version: str | None = None
    alias: str | None = None


def parsed_reference(text: str) -> ModelReference:
    """Return (name, alias or version) of ``NAME@ALIAS`` or ``NAME@VERSION``. Raises BadDataError."""
    name, separator, which = text.rpartition("@")
    if not separator or not name or not which:
        raise BadDataError(f"model {text!r} is no NAME@ALIAS or NAME@VERSION, such as initialization.default@champion")
    return ModelReference(
        name=name, version=which if which.isdigit() else None, alias=None if which.isdigit() else which
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What can be done with registered models."""

    catalog: Catalog
    registry: ModelRegistry
    rules: GateRules
    clock: Clock

    def listing(self) -> list[ModelVersion]:
        """Return every version of every model, by name, newest first."""
        return [version for model in self.registry.models() for version in self.registry.versions(model)]

    def show(self, model: str, *, version: str | None = None, alias: str = CHAMPION) -> tuple[str, Mapping[str, Any]]:
        """Return (version, manifest) of a version or alias."""
        resolved, bundle = self.registry.load(model, version=version, alias=None if version else alias)
        return resolved, bundle.manifest

    def gate(self, model: str, *, version: str | None = None) -> tuple[str, GateReport]:
        """Return (version, report) of the gate for a version or the challenger; unchallenged, for the champion."""
        wanted = version or self.registry.aliased(model, CHALLENGER) or self.registry.aliased(model, CHAMPION)
        resolved, challenger = self.registry.load(model, version=wanted, alias=None if wanted else CHALLENGER)
        champion = self._bundle(model, CHAMPION)
        judge = judge_initialization if challenger.kind is ModelKind.INITIALIZATION else judge_detector
        report = judge(
            evidence_from(challenger.manifest),
            None if champion is None else evidence_from(champion.manifest),
            rules=self.rules,
        )
        return resolved, report

    def promote(
        self, model: str, *, operator: str, reason: str, version: str | None = None
    ) -> tuple[Promotion, GateReport]:
        """Make a version (or the challenger) the champion when the gate passes; the old champion becomes previous.

        Raises RefusedError with the gate's reasons, NothingToDoError when it is the champion already or nothing
        challenges the champion.
        """
        resolved, report = self.gate(model, version=version)
        champion = self.registry.aliased(model, CHAMPION)
        if champion == resolved:
            raise NothingToDoError(f"{model} version {resolved} is the champion already")
        if not report.passed:
            raise RefusedError(f"{model} version {resolved} was refused by its gate: " + "; ".join(report.reasons))
        return self._move(model, to=resolved, operator=operator, reason=reason), report

    def rollback(self, model: str, *, operator: str, reason: str) -> Promotion:
        """Make the previous version the champion again; it needs no gate, for it was in force before."""
        previous = self.registry.aliased(model, PREVIOUS)
        if previous is None:
            raise NotFoundError(f"{model} has no previous version to go back to")
        if previous == self.registry.aliased(model, CHAMPION):
            raise NothingToDoError(f"{model} version {previous} is in force already; there is nothing to go back to")
        return self._move(model, to=previous, operator=operator, reason=reason)

    def _move(self, model: str, *, to: str, operator: str, reason: str) -> Promotion:
        champion = self.registry.aliased(model, CHAMPION)
        promotion = Promotion(
            model=model, from_version=champion, to_version=to, operator=operator, reason=reason, at=self.clock()
        )
        before = self.registry.aliased(model, PREVIOUS)
        # The row first, in an open transaction: when an alias cannot be moved the row is rolled back with it. The
        # champion last: until then nothing that scores sees a difference.
        with self.catalog.transaction() as unit:
            unit.add_promotion(promotion)
            self.registry.set_alias(model, PREVIOUS, champion)
            try:
                self.registry.set_alias(model, CHAMPION, to)
            except InspectError:
                self.registry.set_alias(model, PREVIOUS, before)
                raise
        if self.registry.aliased(model, CHALLENGER) == to:
            self.registry.set_alias(model, CHALLENGER, None)
        return promotion

    def _bundle(self, model: str, alias: str) -> Bundle | None:
        version = self.registry.aliased(model, alias)
        return None if version is None else self.registry.load(model, version=version)[1]
