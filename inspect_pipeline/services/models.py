"""Registered models: list, show, promote through the gate, roll back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from inspect_pipeline.domain.bundle import Bundle, ModelKind
from inspect_pipeline.domain.gate import (
    GateReport,
    GateRules,
    evidence_from,
    evidence_to,
    first_detector_reasons,
    judge_detector,
    judge_initialization,
)
from inspect_pipeline.domain.in_force import MoveKind
from inspect_pipeline.domain.overrides import Overrides
from inspect_pipeline.domain.parity import Parity, parity_reasons, parity_to
from inspect_pipeline.domain.records import Clock, ModelVersion, Promotion, StageRun
from inspect_pipeline.domain.trial import Trial, trial_reasons, trial_to
from inspect_pipeline.errors import BadDataError, NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION, PREVIOUS, version_in_force
from inspect_pipeline.services.moving import Change, Moving
from inspect_pipeline.services.ports import Catalog, ModelRegistry


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


class Trials(Protocol):
    """Tries detectors on the labels that a line keeps for the gate."""

    def run(self, line: str, challenger: Bundle, champion: Bundle | None) -> tuple[Trial, Trial | None] | None:
        """Return the trial of each on the same labels, None where the line has no such label.

        Without a champion the second is that of the challenger's normality alone, None where its scale was not kept.
        """
        ...


class RuntimeParities(Protocol):
    """Compares the configured runtime with torch on the frames of a line."""

    def run(self, line: str, recipe: str, bundle: Bundle) -> Parity | None:
        """Return what the runtime changes of the bundle's verdicts, None where torch itself judges."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What can be done with registered models. Without ``trials`` the gate sees no labels of the line.

    Without ``parities`` it takes the runtime for torch.
    """

    catalog: Catalog
    registry: ModelRegistry
    rules: GateRules
    clock: Clock
    trials: Trials | None = None
    parities: RuntimeParities | None = None

    def listing(self) -> list[ModelVersion]:
        """Return every version of every model, by name, newest first."""
        return [version for model in self.registry.models() for version in self.registry.versions(model)]

    def show(self, model: str, *, version: str | None = None, alias: str = CHAMPION) -> tuple[str, Mapping[str, Any]]:
        """Return (version, manifest) of a version or alias."""
        resolved, bundle = self.registry.load(model, version=version, alias=None if version else alias)
        return resolved, bundle.manifest

    def gate(self, model: str, *, version: str | None = None) -> tuple[str, GateReport]:
        """Return (version, report) of the gate for a version or the challenger; unchallenged, for the champion.

        It is held against what is on record as in force: an alias moved past the records is no standard for itself.
        """
        wanted = version or self.registry.aliased(model, CHALLENGER) or self.registry.aliased(model, CHAMPION)
        resolved, challenger = self.registry.load(model, version=wanted, alias=None if wanted else CHALLENGER)
        champion = self._recorded(model)
        judge = judge_initialization if challenger.kind is ModelKind.INITIALIZATION else judge_detector
        report = judge(
            evidence_from(challenger.manifest),
            None if champion is None else evidence_from(champion.manifest),
            rules=self.rules,
        )
        if challenger.kind is ModelKind.DETECTOR:
            tags = next((v.tags for v in self.registry.versions(model) if v.version == resolved), {})
            if "line" in tags:
                tried = self._tried(tags["line"], challenger, champion, report)
                report = self._compared(tags["line"], tags.get("recipe", "default"), challenger, tried)
            else:
                report = self._beside(report, None, None)
        return resolved, report

    def _compared(self, line: str, recipe: str, challenger: Bundle, report: GateReport) -> GateReport:
        """Return the report with what the configured runtime changes."""
        parity = None if self.parities is None else self.parities.run(line, recipe, challenger)
        reasons = parity_reasons(parity, self.rules.parity)
        return replace(report, reasons=(*report.reasons, *reasons), parity=parity)

    def _tried(self, line: str, challenger: Bundle, champion: Bundle | None, report: GateReport) -> GateReport:
        """Return the report with what the line's labels for the gate say; approved types need some."""
        if self.trials is None:
            return self._beside(report, None, None)
        with self.catalog.transaction() as unit:
            stages = {known.name: known.life_cycle for known in unit.types(line)}
        trials = self.trials.run(line, challenger, champion)
        mine, others = trials or (Trial(regions=(), goods=()), None)
        evidence = report.challenger
        reasons = trial_reasons(
            mine,
            None if champion is None else others,
            stages=stages,
            left_out={each.defect_type: each.found for each in evidence.types},
            promised_overkill=evidence.promised_overkill,
            rules=self.rules.held_out,
        )
        report = replace(report, reasons=(*report.reasons, *reasons), trial=mine if trials else None)
        if champion is not None:
            return replace(report, champion_trial=others)
        return self._beside(report, report.trial, others)

    def _beside(self, report: GateReport, mine: Trial | None, normality: Trial | None) -> GateReport:
        """Return the report with what holding a first detector against normality alone says."""
        if report.champion is not None:
            return report
        reasons = first_detector_reasons(report.challenger, mine, normality, rules=self.rules)
        return replace(report, reasons=(*report.reasons, *reasons), normality_trial=normality)

    def promote(
        self, model: str, *, operator: str, reason: str, version: str | None = None, override: str | None = None
    ) -> tuple[Promotion, GateReport]:
        """Make a version (or the challenger) the champion when the gate passes; the old champion becomes previous.

        ``override`` names the role in which the operator may do so against the gate; that is recorded with the gate's
        reasons. Raises RefusedError with the gate's reasons or what the override lacks, NothingToDoError when it is the
        champion already or nothing challenges the champion.
        """
        champion = version_in_force(self.catalog, self.registry, model)
        wanted = version or self.registry.aliased(model, CHALLENGER) or champion
        if champion is not None and champion == wanted:  # before the gate tries anything
            raise NothingToDoError(f"{model} version {champion} is the champion already")
        resolved, report = self.gate(model, version=wanted)
        self._keep(f"{model}@{resolved}", report)
        kind = MoveKind.PROMOTED
        if not report.passed:
            refused = f"{model} version {resolved} was refused by its gate: " + "; ".join(report.reasons)
            if override is None:
                raise RefusedError(refused)
            Overrides(roles=self.rules.overrides).check(override, operator=operator, reason=reason)
            kind, reason = MoveKind.OVERRIDDEN, f"as {override}: {reason} ({refused})"
        change = Change(
            model=model, kind=kind, from_version=champion, to_version=resolved, operator=operator, reason=reason
        )
        return self.moving.move(change), report

    def _keep(self, version: str, report: GateReport) -> None:
        """Keep what the gate said of a version when it was asked to let it through."""
        said = {
            "passed": report.passed,
            "reasons": list(report.reasons),
            "evidence": evidence_to(report.challenger),
            "trial": trial_to(report.trial),
            "champion_trial": trial_to(report.champion_trial),
            "parity": parity_to(report.parity),
            "normality_trial": trial_to(report.normality_trial),
        }
        detail = {"passed": str(report.passed), "report": json.dumps(said, sort_keys=True)}
        with self.catalog.transaction() as unit:
            unit.add_stage(StageRun(stage="gate", started_at=self.clock(), seconds=0.0, model=version, detail=detail))

    def rollback(self, model: str, *, operator: str, reason: str) -> Promotion:
        """Make the previous version the champion again; it needs no gate, for it was in force before."""
        self.moving.repair()
        previous = self.registry.aliased(model, PREVIOUS)
        champion = version_in_force(self.catalog, self.registry, model)
        if previous is None:
            raise NotFoundError(f"{model} has no previous version to go back to")
        if previous == champion:
            raise NothingToDoError(f"{model} version {previous} is in force already; there is nothing to go back to")
        change = Change(
            model=model,
            kind=MoveKind.ROLLED_BACK,
            from_version=champion,
            to_version=previous,
            operator=operator,
            reason=reason,
        )
        return self.moving.move(change)

    def adopt(self, model: str, *, operator: str, reason: str) -> tuple[Promotion, GateReport]:
        """Put on record, through the gate, the version that the champion alias was moved to outside this program.

        Raises RefusedError with the gate's reasons, NothingToDoError when alias and records agree.
        """
        self.moving.repair()
        alias = self.registry.aliased(model, CHAMPION)
        with self.catalog.transaction() as unit:
            recorded = unit.standing(model).recorded
        if alias is None or alias == recorded:
            raise NothingToDoError(f"{model}: alias and records agree; there is nothing to adopt")
        resolved, report = self.gate(model, version=alias)
        if not report.passed:
            raise RefusedError(
                f"{model} version {resolved} was refused by its gate, so it cannot be adopted "
                f"('models restore {model}' moves the alias back): " + "; ".join(report.reasons)
            )
        change = Change(
            model=model,
            kind=MoveKind.ADOPTED,
            from_version=recorded,
            to_version=alias,
            operator=operator,
            reason=reason,
        )
        return self.moving.move(change), report

    def restore(self, model: str, *, operator: str, reason: str) -> str | None:
        """Move a champion alias that was moved outside this program back to what is on record; return the version.

        Raises NothingToDoError when it is there.
        """
        self.moving.repair()
        with self.catalog.transaction() as unit:
            recorded = unit.standing(model).recorded
        if self.registry.aliased(model, CHAMPION) == recorded:
            raise NothingToDoError(f"{model}: alias and records agree; there is nothing to restore")
        return self.moving.restore(model, operator=operator, reason=reason)

    def history(self, model: str) -> list[Promotion]:
        """Return every change of the version in force, oldest first. Raises NotFoundError for an unknown model."""
        if model not in self.registry.models():
            raise NotFoundError(f"there is no model {model!r}; see 'models list'")
        with self.catalog.transaction() as unit:
            return unit.promotions(model)

    @property
    def moving(self) -> Moving:
        """The one way in which a version comes into force."""
        return Moving(catalog=self.catalog, registry=self.registry, clock=self.clock)

    def _recorded(self, model: str) -> Bundle | None:
        """Return the version on record as in force, None where none ever was."""
        with self.catalog.transaction() as unit:
            version = unit.standing(model).recorded
        return None if version is None else self.registry.load(model, version=version)[1]
