"""A house without a workspace: the same doors, fixed answers, and a record of how each was called."""

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.doctor import Check
from inspect_pipeline.domain.audit import AuditAction, AuditEntry, AuditEvent, AuditFault, entry_after
from inspect_pipeline.domain.capture import CaptureSettings, QualityRange
from inspect_pipeline.domain.flat_field import FlatFieldVersion
from inspect_pipeline.domain.gate import Evidence, GateReport, TypeEvidence
from inspect_pipeline.domain.ledger import Cover, Interval, Span, ledger
from inspect_pipeline.domain.material import Coil
from inspect_pipeline.domain.parity import Parity
from inspect_pipeline.domain.records import ModelVersion, Progress, Promotion
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.taxonomy import LifeCycle, TypeMove
from inspect_pipeline.errors import NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.auditing import AuditVerdict
from inspect_pipeline.services.coils import CoilBook, CoilFacts
from inspect_pipeline.services.detect_evaluation import DetectSummary
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.services.intake_rate import Rates
from inspect_pipeline.services.reteaching import Retaught, ReteachSummary
from inspect_pipeline.services.scoring import ScoreSummary
from inspect_pipeline.services.teaching import TeachSummary
from inspect_pipeline.services.training import TrainSummary
from inspect_pipeline.services.type_book import TypeFacts
from tests.unit.cli.fake_serving import FakeServing
from tests.unit.cli.fake_studies import FakeStudies

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DETECTOR = "detector.default.default"

INGESTED = IngestSummary(
    coil="coil-7",
    captured=12,
    new=12,
    duplicates=0,
    unusable=(("frame 3 ü.png", "truncated: 10 of 300 lines"),),
    noted=(("frame 5.png", "out of order: came after frame 6"),),
    missing=(
        Interval(
            camera="camera-0",
            first_line=300,
            line_count=40,
            cover=Cover.MISSING,
            reason="no frame holds these lines",
        ),
    ),
    expected_lines=3600,
    rates=Rates(lines=3600, megabytes=7.2, lines_per_s=7200.0, megabytes_per_s=14.4, camera_lines_per_s=8000.0),
    labels=0,
    seconds=0.5,
)
TRAINED = TrainSummary(
    model="initialization.default",
    version="3",
    new=True,
    method="protonet",
    chosen="frozen",
    metrics={"accuracy": 0.9, "difference_low": float("nan")},
    episodes_per_s=41.0,
    families=("mono", "painted"),
    fingerprint="abc",
    seconds=2.0,
)
NOT_MEASURED: dict[str, Any] = {"value": None, "interval": None}
RANKED: dict[str, Any] = {
    "image_auroc": 0.985,
    "interval": [0.979, 0.991],
    "average_precision": 0.982,
    "escape_at": {"0.01": None, "0.05": 0.07},
}
PROMISE: dict[str, Any] = {
    "overkill": {
        "promised": 0.05,
        "value": 0.062,
        "interval": [0.04, 0.084],
        "p90": 0.1,
        "within": {"value": 0.7, "interval": [0.348, 0.933], "count": 7, "of": 10},
    },
    "recall": {
        "inside": {"value": 0.9, "interval": [0.555, 0.997], "count": 9, "of": 10},
        "below": {"value": 0.1, "interval": [0.003, 0.445], "count": 1, "of": 10},
    },
}
UNKNOWN = {
    name: {"value": value, "interval": [value - 0.05, value + 0.05], "draws": 10}
    for name, value in (
        ("strangers_auroc", 0.81),
        ("strangers_auroc_normality", 0.83),
        ("strangers_escape", 0.4),
        ("unknown_auroc", 0.72),
        ("named_unknown", 0.55),
        ("known_named_unknown", 0.12),
    )
}
CURVE_POINT: dict[str, Any] = {
    "shot": 3,
    "normals": 20,
    "figures": {
        "image_auroc": {"value": 0.961, "interval": [0.95, 0.972]},
        "escape_at_0.05": NOT_MEASURED,
        "overkill": {"value": 0.05, "interval": [0.03, 0.07]},
    },
    "gained": None,
}
DETECTED = DetectSummary(
    task="detect",
    model=None,
    image_auroc=0.985,
    interval=(0.979, 0.991),
    average_precision=0.982,
    escape_at={"0.01": None, "0.05": 0.07},
    detector={
        "image_auroc": {"value": 0.985, "interval": [0.979, 0.991]},
        "average_precision": {"value": 0.982, "interval": [0.97, 0.99]},
        "escape_at_0.01": NOT_MEASURED,
        "escape_at_0.05": {"value": 0.07, "interval": [0.05, 0.09]},
        "overkill": {"value": 0.062, "interval": [0.04, 0.084], "p90": 0.1},
        "escape": {"value": 0.06, "interval": [0.04, 0.08]},
        "region_recall": {"value": 0.93, "interval": [0.9, 0.96]},
        "region_recall_centre": {"value": 0.91, "interval": [0.88, 0.94]},
        "region_recall_own": {"value": 0.7, "interval": [0.6, 0.8]},
        "false_regions_per_normal": {"value": 0.04, "interval": [0.0, 0.08]},
        "aupro": NOT_MEASURED,
        "aupro_chance": NOT_MEASURED,
    },
    per_type={"coil/crack [bold]": RANKED},
    per_family={"coil": {**RANKED, "promise": PROMISE}},
    together={"coil": RANKED},
    baselines={"normality_only": {**RANKED, "image_auroc": 0.729, "interval": [0.7, 0.758]}},
    promise=PROMISE,
    unknown={"figures": UNKNOWN, "types": 1, "per_type": {"coil/stain [bold]": {"figures": UNKNOWN}}},
    curves={"shots": {"points": [CURVE_POINT], "types": ["coil/crack [bold]"], "per_type": {}}},
    shot=5,
    normals=20,
    draws=10,
    seed=0,
    promised_overkill=0.05,
    false_regions=0.1,
    intervals="over draws",
    fingerprint="abc",
    images=94,
    refused=("coil/dust has 2 samples",),
    seen=("coil",),
)
TAUGHT = TeachSummary(
    model=DETECTOR,
    version="4",
    new=True,
    initialization="initialization.default@3",
    life_cycles={"crack": "provisional"},
    leave_one_out={"crack": {"found": 4, "of": 5, "interval": [0.2836, 0.9949]}},
    confusions={"crack": {"crack": 3, "stain": 1}},
    forgetting={"stain": 0.0},
    warnings=("two samples look alike",),
    normals=40,
    overkill={"alarms": 1, "of": 40, "interval": [0.0006, 0.1316]},
    seconds=3.0,
    checks=({"kind": "blurred", "severity": "doubt", "labels": ["a"], "message": "two samples look alike"},),
    against_champion={
        "crack": {
            "of": 5,
            "found_before": 5,
            "found_after": 4,
            "named_before": 4,
            "named_after": 4,
            "lost_points": 20.0,
            "lost_naming_points": 0.0,
        }
    },
    effect={
        "against": f"{DETECTOR}@3",
        "frames": 50,
        "flips": {"PASS->DEFECT": 2},
        "extra_alarms": {"count": 2, "of": 50, "interval": [0.005, 0.137]},
        "changed": [
            {"coil": "coil-7", "frame": "f1", "source": "one [bold].png", "before": "PASS", "after": "DEFECT"},
            {"coil": "coil-7", "frame": "f2", "source": "two.png", "before": "PASS", "after": "DEFECT"},
        ],
        "skipped": None,
        "note": "3 of 53 frames have no image any more",
    },
)
MOVE = TypeMove(
    line="default",
    defect_type="crack",
    before=LifeCycle.PROVISIONAL,
    after=LifeCycle.APPROVED,
    operator="night shift",
    reason="20 coils",
    at=NOW,
)


@dataclass
class FakeTypes:
    """The steps of types, with the calls that were made; ``failure`` is raised by any step."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failure: Exception | None = None

    def listing(self, line: str, recipe: str) -> list[TypeFacts]:
        self.calls.append(("listing", {"line": line, "recipe": recipe}))
        stage = LifeCycle.APPROVED
        return [TypeFacts(name="crack", life_cycle=stage, supports=5, held_out=2, in_champion=True, last=MOVE)]

    def approve(self, line: str, recipe: str, defect_type: str, *, operator: str, reason: str) -> TypeMove:
        return self._step("approve", LifeCycle.APPROVED, line, defect_type, operator, reason)

    def retire(self, line: str, defect_type: str, *, operator: str, reason: str) -> TypeMove:
        return self._step("retire", LifeCycle.RETIRED, line, defect_type, operator, reason)

    def restore(self, line: str, defect_type: str, *, operator: str, reason: str) -> TypeMove:
        return self._step("restore", LifeCycle.CANDIDATE, line, defect_type, operator, reason)

    def _step(self, name: str, after: LifeCycle, *words: str) -> TypeMove:
        line, defect_type, operator, reason = words
        self.calls.append((name, {"line": line, "type": defect_type, "operator": operator, "reason": reason}))
        if self.failure is not None:
            raise self.failure
        return replace(MOVE, line=line, defect_type=defect_type, after=after, operator=operator, reason=reason)


SCORED = ScoreSummary(
    coil="coil-7",
    detector=f"{DETECTOR}@4",
    judged=11,
    unusable=1,
    new=12,
    not_inspected_m=0.25,
    findings=3,
    verdicts={"PASS": 9, "DEFECT": 2, "UNUSABLE": 1},
    seconds=2.0,
)
COIL_FACTS = CoilFacts(
    coil=Coil(id="coil-7", line="poly", recipe="default", family="poly", created_at=NOW, expected_lines=3600),
    captured=12,
    unusable=1,
    duplicates=0,
    noted=1,
    missing_lines=40,
    expected_lines=3600,
    inspected_m=1.5,
    not_inspected_m=0.25,
    detector=f"{DETECTOR}@4",
)
COIL_BOOK = CoilBook(
    facts=COIL_FACTS,
    ledger=ledger(
        [
            Span(frame="a", camera="camera-0", first_line=0, line_count=300),
            Span(frame="b", camera="camera-0", first_line=340, line_count=3260, reason="dark: mean 0.1%"),
        ],
        expected_lines=3600,
        judged={"a": True},
    ),
    remarks=(("b.png", "dark: mean 0.1%", None),),
    quality=(QualityRange(camera="camera-0", measure="mean", low=0.1, mean=0.4, high=0.6),),
)
FLAT_FIELD = FlatFieldVersion(
    id="ab" * 32,
    camera="camera-0",
    built_at=NOW,
    settings=CaptureSettings(exposure_us=40.0, gain_db=0.0),
    width_px=2048,
    lines=2048,
    target=180.25,
    residual=0.04,
    address="cd" * 32 + ".flat",
    operator="operator-7",
    dead_columns=(7,),
    hot_columns=(9,),
)
CRACK = (TypeEvidence(defect_type="crack", found=rate(4, 5), forgetting=0.0),)


def coil(name: str, *, line: str = "default") -> Coil:
    return Coil(id=name, line=line, recipe="default", family=line, created_at=NOW)


def version_of(model: str, version: str, *aliases: str) -> ModelVersion:
    return ModelVersion(model=model, version=version, created_at=NOW, aliases=aliases, tags={}, run=None)


@dataclass
class FakeModels:
    """Registered models with a gate that refuses for the reasons given."""

    versions: list[ModelVersion] = field(default_factory=lambda: [version_of(DETECTOR, "4", "champion")])
    reasons: tuple[str, ...] = ()
    parity: Parity | None = None
    champion: str = "4"
    manifest: dict[str, Any] = field(
        default_factory=lambda: {"method": "protonet", "classes": ["crack"], "threshold": 1.5}
    )
    altered: frozenset[str] = frozenset()
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def listing(self) -> list[ModelVersion]:
        return self.versions

    def show(self, model: str, *, version: str | None = None, alias: str = "champion") -> tuple[str, dict[str, Any]]:
        self.calls.append(("show", {"model": model, "version": version, "alias": alias}))
        resolved = version or {"champion": self.champion, "previous": "1"}.get(alias)
        if resolved is None or resolved in self.altered:
            raise NotFoundError(f"{model}@{version or alias} is not there")
        return resolved, self.manifest

    def gate(self, model: str, *, version: str | None = None) -> tuple[str, GateReport]:
        evidence = Evidence(promised_overkill=0.05, overkill=rate(1, 40), episodes=600, types=CRACK)
        return version or "5", GateReport(
            challenger=evidence, champion=evidence, reasons=self.reasons, parity=self.parity
        )

    def promote(
        self, model: str, *, operator: str, reason: str, version: str | None = None, override: str | None = None
    ) -> tuple[Promotion, GateReport]:
        called = {"operator": operator, "reason": reason, "version": version, "override": override}
        self.calls.append(("promote", called))
        resolved, report = self.gate(model, version=version)
        if resolved == self.champion:
            raise NothingToDoError(f"{model} version {resolved} is the champion already")
        if not report.passed:
            raise RefusedError(f"{model} version {resolved} was refused by its gate: " + "; ".join(report.reasons))
        return self._promotion(model, resolved, operator, reason), report

    def rollback(self, model: str, *, operator: str, reason: str) -> Promotion:
        return self._promotion(model, "1", operator, reason)

    def history(self, model: str) -> list[Promotion]:
        return [self._promotion(model, "4", "night shift", "new type")]

    def adopt(self, model: str, *, operator: str, reason: str) -> tuple[Promotion, GateReport]:
        self.calls.append(("adopt", {"operator": operator, "reason": reason}))
        return self._promotion(model, "5", operator, reason), self.gate(model)[1]

    def restore(self, model: str, *, operator: str, reason: str) -> str | None:
        self.calls.append(("restore", {"operator": operator, "reason": reason}))
        return self.champion

    def _promotion(self, model: str, to: str, operator: str, reason: str) -> Promotion:
        return Promotion(
            model=model, from_version=self.champion, to_version=to, operator=operator, reason=reason, at=NOW
        )


@dataclass
class FakeAuditing:
    """A trail of one entry, with the faults given."""

    faults: tuple[AuditFault, ...] = ()
    asked: list[dict[str, Any]] = field(default_factory=list)

    def listing(
        self, *, after: int = 0, limit: int | None = None, subject: str | None = None, action: AuditAction | None = None
    ) -> list[AuditEntry]:
        self.asked.append({"after": after, "limit": limit, "subject": subject, "action": action})
        event = AuditEvent(
            at=NOW, actor="night shift", action=AuditAction.PROMOTED, subject=DETECTOR, before="3", after="4"
        )
        return [entry_after(None, event)]

    def verify(self) -> AuditVerdict:
        return AuditVerdict(entries=1, last="ab" * 32, anchors=1, faults=self.faults)


@dataclass
class FakeHouse:
    """Answers every door; ``calls`` keeps (door, arguments), ``failure`` is raised by every door."""

    models: FakeModels = field(default_factory=FakeModels)
    types: FakeTypes = field(default_factory=FakeTypes)
    auditing: FakeAuditing = field(default_factory=FakeAuditing)
    serving: FakeServing = field(default_factory=FakeServing)
    ends_itself: bool = False
    ingested: IngestSummary = INGESTED
    trained: TrainSummary = TRAINED
    taught: TeachSummary = TAUGHT
    scored: ScoreSummary = SCORED
    retaught: tuple[Retaught, ...] = ()
    every_coil: tuple[Coil, ...] = ()
    failures: dict[str, Exception] = field(default_factory=dict)
    watched: Any = None
    checks: tuple[Check, ...] = (Check(name="python", ok=True, detail="3.11.9"),)
    failure: BaseException | None = None
    noise: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    settings: Any = None
    progress: Progress | None = None
    closed: bool = False

    @property
    def audit_trail(self) -> FakeAuditing:
        return self.auditing

    def open(self, settings: Any, progress: Progress) -> "FakeHouse":
        self.settings, self.progress = settings, progress
        return self

    def __enter__(self) -> "FakeHouse":
        return self

    def __exit__(self, *_ending: object) -> None:
        self.closed = True

    def monitor(self, line: str | None = None) -> Any:
        self.calls.append(("monitor", {"line": line}))
        return self.watched

    def _called(self, door: str, **arguments: Any) -> None:
        self.calls.append((door, arguments))
        if self.noise:
            print(self.noise)  # noqa: T201 - what a library does behind our back
        if self.failure is not None:
            raise self.failure

    def reteach(self, model: str, *, operator: str) -> ReteachSummary:
        self._called("reteach", model=model, operator=operator)
        return ReteachSummary(model=model, version="4", lines=self.retaught, seconds=1.0)

    def calibrate(self, normals: Path, *, line: str, recipe: str, operator: str, seed: int) -> TeachSummary:
        self._called("calibrate", normals=normals, line=line, recipe=recipe, operator=operator)
        return self.taught

    def ingest(
        self,
        source: str,
        *,
        coil: str | None,
        line: str,
        recipe: str,
        family: str | None,
        rewound: bool,
        offset_m: float,
        ended: threading.Event,
    ) -> IngestSummary:
        self._called(
            "ingest",
            source=source,
            coil=coil,
            line=line,
            recipe=recipe,
            family=family,
            rewound=rewound,
            offset_m=offset_m,
        )
        assert self.progress is not None
        self.progress("ingest", 12, 12, "7,200 lines/s")
        if self.ends_itself:
            ended.set()
        return self.ingested

    def add_labels(self, folder: Path, *, role: str, line: str, recipe: str, operator: str) -> IngestSummary:
        self._called("add_labels", folder=folder, role=role, line=line, recipe=recipe, operator=operator)
        return self.ingested

    def export_audit(self, out: Path) -> int:
        self._called("export_audit", out=out)
        return 3

    def coil_facts(self, *, line: str | None) -> list[CoilFacts]:
        self._called("coil_facts", line=line)
        return [COIL_FACTS]

    def coil_book(self, coil: str) -> CoilBook:
        self._called("coil_book", coil=coil)
        if coil != COIL_FACTS.coil.id:
            raise NotFoundError(f"coil {coil!r} is not in the catalog")
        return COIL_BOOK

    def build_flat_field(
        self, camera: str, *, dark: str, bright: str, operator: str, target: float | None
    ) -> FlatFieldVersion:
        self._called("build_flat_field", camera=camera, dark=dark, bright=bright, operator=operator, target=target)
        return FLAT_FIELD

    def list_flat_fields(self, camera: str | None = None) -> list[FlatFieldVersion]:
        self._called("list_flat_fields", camera=camera)
        return [FLAT_FIELD]

    def train(
        self,
        data: list[Path],
        *,
        method: str,
        name: str,
        seed: int,
        options: tuple[str, ...],
        embedding: str | None,
    ) -> TrainSummary:
        called = {"method": method, "name": name, "seed": seed, "options": options}
        self._called("train", data=list(data), **called, **({} if embedding is None else {"embedding": embedding}))
        return self.trained

    def train_methods(self) -> list[str]:
        self._called("train_methods")
        return ["protonet", "r2d2"]

    def method_details(self) -> list[dict[str, Any]]:
        return [{"name": "protonet", "paper": "Snell 2017", "learned": "episodes", "options": {"steps": 5}}]

    @property
    def studies(self) -> FakeStudies:
        return FakeStudies(called=self._called)

    def evaluate_detection(
        self,
        data: Path,
        *,
        shot: int,
        normals: int,
        draws: int,
        seed: int,
        model: str | None,
        curve_shots: tuple[int, ...],
        curve_normals: tuple[int, ...],
        fine_tuned: bool,
    ) -> DetectSummary:
        self._called(
            "evaluate_detection",
            data=data,
            shot=shot,
            normals=normals,
            draws=draws,
            seed=seed,
            model=model,
            curve_shots=curve_shots,
            curve_normals=curve_normals,
            fine_tuned=fine_tuned,
        )
        return replace(DETECTED, shot=shot, normals=normals, draws=draws, seed=seed)

    def detection_page(self, document: dict[str, Any], *, data: Path, command: str, out: Path) -> Path:
        self._called("detection_page", document=document, data=data, command=command, out=out)
        return out

    def teach(
        self,
        defect_type: str,
        *,
        samples: Path | None,
        labels: Path | None,
        normals: Path | None,
        line: str,
        recipe: str,
        operator: str,
        seed: int,
        adaptation: str | None,
    ) -> TeachSummary:
        self._called("teach", defect_type=defect_type, samples=samples, labels=labels, operator=operator, line=line)
        if adaptation is None:
            return self.taught
        outcome = {"name": adaptation, "accepted": False, "reason": "margins of left-out samples change by -0.100"}
        return replace(self.taught, adaptation=outcome)

    def withdraw(self, defect_type: str, *, line: str, recipe: str, operator: str, seed: int) -> TeachSummary:
        self._called("withdraw", defect_type=defect_type, operator=operator, line=line)
        return self.taught

    def score(self, coil: str, *, model: str | None) -> ScoreSummary:
        self._called("score", coil=coil, model=model)
        if coil in self.failures:
            raise self.failures[coil]
        return replace(self.scored, coil=coil)

    def coils(self) -> list[Coil]:
        return list(self.every_coil)

    def report(self, coil: str, *, out: Path | None, pdf: bool) -> Path:
        self._called("report", coil=coil, out=out, pdf=pdf)
        return out or Path("workspace/reports") / f"{coil}.html"

    def export_model(self, model: str, *, version: str | None, alias: str, out: Path) -> Path:
        self._called("export_model", model=model, version=version, alias=alias, out=out)
        return out

    def import_model(self, file: Path) -> tuple[str, str]:
        self._called("import_model", file=file)
        return "initialization.default", "7"

    def doctor(self) -> list[Check]:
        self._called("doctor")
        return list(self.checks)
