"""The gate: pure rules on evidence; it passes on evidence only, and says what is missing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from inspect_pipeline.domain.beside_normality import BesideNormality, beside_normality_reasons, paired
from inspect_pipeline.domain.parity import Parity, ParityRules
from inspect_pipeline.domain.statistics import Rate, rate, samples_for
from inspect_pipeline.domain.trial import Trial, TrialRules
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """Limits of the gate for a provisional detector, and for an initialization.

    A provisional type only warns, so leave-one-out results are enough for it; an approved one needs held-out labels.
    ``overrides`` names the people of each role that may put a version in force against the gate. ``held_out`` is what
    is asked on labels that never taught, ``parity`` of a runtime other than torch.
    """

    min_samples: int = 3
    min_leave_one_out: float = 0.2
    max_forgetting: float = 0.05
    min_episodes: int = 100
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held_out: TrialRules = field(default_factory=TrialRules)
    parity: ParityRules = field(default_factory=ParityRules)

    def __post_init__(self) -> None:
        shares = (self.min_leave_one_out, self.max_forgetting)
        if min(self.min_samples, self.min_episodes) < 1 or not all(0.0 <= share <= 1.0 for share in shares):
            raise BadDataError(
                f"gate rules {self}: min_samples and min_episodes must be at least 1, the shares between 0 and 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeEvidence:
    """Leave-one-out of one type: found among its own samples, and the change for a type known before."""

    defect_type: str
    found: Rate
    forgetting: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a manifest says of a model: promise and estimate of overkill, types, episodes of the outer loop.

    ``refused`` are the doubts about its samples that let no detector through; ``beside_normality`` is what its types
    add to normality alone, on left-out samples (None: not measured).
    """

    promised_overkill: float | None = None
    overkill: Rate | None = None
    types: tuple[TypeEvidence, ...] = ()
    episodes: int | None = None
    accuracy: float | None = None
    baseline_accuracy: float | None = None
    difference_low: float | None = None
    chosen: str | None = None
    refused: tuple[str, ...] = ()
    beside_normality: BesideNormality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """Champion and challenger side by side; ``reasons`` is empty exactly when the gate passed.

    The trials are on the line's labels for the gate, None where it has none; ``normality_trial`` is that of normality
    alone, which a first detector is held against; ``parity`` is the configured runtime beside torch, None where torch
    judges.
    """

    challenger: Evidence
    champion: Evidence | None
    reasons: tuple[str, ...] = field(default=())
    trial: Trial | None = None
    champion_trial: Trial | None = None
    parity: Parity | None = None
    normality_trial: Trial | None = None

    @property
    def passed(self) -> bool:
        """Whether no rule refused."""
        return not self.reasons


def judge_detector(challenger: Evidence, champion: Evidence | None, *, rules: GateRules) -> GateReport:
    """Return the report on a detector's own evidence; see ``first_detector_reasons`` for the first one of a line."""
    reasons = [*challenger.refused, *_overkill_reasons(challenger)]
    for evidence in challenger.types:
        reasons += _type_reasons(evidence, rules)
    if champion is not None:
        known = {evidence.defect_type for evidence in challenger.types}
        lost = sorted(e.defect_type for e in champion.types if e.defect_type not in known)
        reasons += [f"type {name!r} is known to the champion but not to the challenger" for name in lost]
    return GateReport(challenger=challenger, champion=champion, reasons=tuple(reasons))


def first_detector_reasons(
    evidence: Evidence, trial: Trial | None, normality: Trial | None, *, rules: GateRules
) -> list[str]:
    """Return why a detector without a champion before it is no better than normality alone; one without types is it.

    Left-out samples and the line's labels for the gate count together; ``trial`` and ``normality`` are on the latter.
    """
    if not evidence.types:
        return []
    defects, goods = evidence.beside_normality, []
    if trial is not None and normality is not None:
        regions = zip(trial.regions, normality.regions, strict=True)
        tried = paired((mine.found, alone.found) for mine, alone in regions)
        defects = tried if defects is None else defects + tried
        goods = [(mine.alarmed, alone.alarmed) for mine, alone in zip(trial.goods, normality.goods, strict=True)]
    return beside_normality_reasons(
        defects,
        goods=goods,
        least=rules.min_samples,
        max_loss=rules.max_forgetting,
        max_chance=rules.held_out.max_chance,
    )


def _overkill_reasons(evidence: Evidence) -> list[str]:
    if evidence.overkill is None or evidence.promised_overkill is None or evidence.overkill.trials == 0:
        return ["overkill was not measured: no known-good units; give normals"]
    # Each rule is written so that a number that is none (NaN) refuses.
    if not 0.0 < evidence.promised_overkill < 1.0:
        return [f"overkill: a promise of {evidence.promised_overkill} is no share of good units"]
    needed = samples_for(evidence.promised_overkill)
    if evidence.overkill.trials < needed:
        return [
            f"overkill: {evidence.overkill.trials} known-good units cannot bear out a promise of "
            f"{evidence.promised_overkill:.1%}; {needed - evidence.overkill.trials} more are needed"
        ]
    if not evidence.overkill.low <= evidence.promised_overkill:
        seen = f"{evidence.overkill.count} of {evidence.overkill.trials} known-good units alarm"
        return [
            f"overkill: {seen} (at least {evidence.overkill.low:.1%} with 95% confidence), "
            f"promised at most {evidence.promised_overkill:.1%}"
        ]
    return []


def _type_reasons(evidence: TypeEvidence, rules: GateRules) -> list[str]:
    name, found = evidence.defect_type, evidence.found
    if found.trials < rules.min_samples:
        return [f"type {name!r} has {found.trials} samples; {rules.min_samples - found.trials} more are needed"]
    reasons = []
    # A quotient, not a product: 7 of 100 is 0.07 to the last bit, 0.07 * 100 is more than 7.
    if not found.count / found.trials >= rules.min_leave_one_out:
        reasons.append(
            f"type {name!r}: only {found.count} of {found.trials} samples are found when left out, "
            f"{rules.min_leave_one_out:.0%} are needed"
        )
    if evidence.forgetting is not None and not evidence.forgetting <= rules.max_forgetting:
        reasons.append(
            f"type {name!r} would be forgotten: {evidence.forgetting:.1%} fewer found than before, "
            f"at most {rules.max_forgetting:.1%} is allowed"
        )
    return reasons


def judge_initialization(challenger: Evidence, champion: Evidence | None, *, rules: GateRules) -> GateReport:
    """Return the report on an initialization: measured on enough episodes, and honest about its baseline."""
    reasons = []
    if challenger.episodes is None or challenger.episodes < rules.min_episodes:
        have = challenger.episodes or 0
        reasons.append(f"measured on {have} episodes; {rules.min_episodes - have} more are needed")
    if challenger.chosen != "frozen" and (challenger.difference_low is None or not challenger.difference_low > 0.0):
        reasons.append(
            "the meta-trained head does not beat the frozen baseline on the same episodes; ship the baseline"
        )
    return GateReport(challenger=challenger, champion=champion, reasons=tuple(reasons))


def evidence_to(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as plain JSON, for a manifest."""
    return {
        "promised_overkill": evidence.promised_overkill,
        "overkill": None if evidence.overkill is None else [evidence.overkill.count, evidence.overkill.trials],
        "types": [[t.defect_type, t.found.count, t.found.trials, t.forgetting] for t in evidence.types],
        "episodes": evidence.episodes,
        "accuracy": evidence.accuracy,
        "baseline_accuracy": evidence.baseline_accuracy,
        "difference_low": evidence.difference_low,
        "chosen": evidence.chosen,
        "refused": list(evidence.refused),
        "beside_normality": None if evidence.beside_normality is None else asdict(evidence.beside_normality),
    }


def evidence_from(manifest: Mapping[str, Any]) -> Evidence:
    """Return the evidence kept under ``evidence`` in a manifest; without any there is none, which no gate passes."""
    stored = manifest.get("evidence", {})
    overkill, beside = stored.get("overkill"), stored.get("beside_normality")
    return Evidence(
        promised_overkill=stored.get("promised_overkill"),
        overkill=None if overkill is None else rate(overkill[0], overkill[1]),
        types=tuple(
            TypeEvidence(defect_type=name, found=rate(found, trials), forgetting=forgetting)
            for name, found, trials, forgetting in stored.get("types", [])
        ),
        episodes=stored.get("episodes"),
        accuracy=stored.get("accuracy"),
        baseline_accuracy=stored.get("baseline_accuracy"),
        difference_low=stored.get("difference_low"),
        chosen=stored.get("chosen"),
        refused=tuple(stored.get("refused", ())),
        beside_normality=None if beside is None else BesideNormality(**beside),
    )
