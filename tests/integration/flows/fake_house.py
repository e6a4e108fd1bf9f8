"""A house of dictionaries: enough of its behaviour for the order, the retries and the answers of the flows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.demo import DemoPlan, PlannedCoil
from inspect_pipeline.domain.alarms import Alarm, AlarmArea
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.domain.material import Coil
from inspect_pipeline.domain.records import ModelVersion, Progress
from inspect_pipeline.domain.retention import ImageClass
from inspect_pipeline.errors import InspectError, NotFoundError, NothingToDoError, RefusedError
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.services.intake_rate import Rates
from inspect_pipeline.services.monitoring import Delivery, LineLook, MonitorSummary
from inspect_pipeline.services.reteaching import Retaught, ReteachSummary
from inspect_pipeline.services.retention import Pruned, RetentionPlan
from inspect_pipeline.services.scoring import ScoreSummary

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FRAMES = 5


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The part of a training's and a teaching's summary that flows read."""

    model: str
    version: str
    new: bool
    metrics: dict[str, float] = field(default_factory=dict)
    episodes_per_s: float = 1.0
    seconds: float = 0.1


@dataclass(kw_only=True)
class FakeHouse:
    """Counts what is asked of it; ``failures`` are raised by the next calls, one a call."""

    progress: Progress | None = None
    calls: list[str] = field(default_factory=list)
    failures: list[InspectError] = field(default_factory=list)
    frames: dict[str, int] = field(default_factory=dict)
    known: list[Coil] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    unused: dict[tuple[str, str], int] = field(default_factory=dict)
    champions: dict[str, str] = field(default_factory=dict)
    trained: bool = False
    gate_refuses: str | None = None
    gate_is_for: str | None = None
    scored_by: list[str | None] = field(default_factory=list)
    same_run: list[bool] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    challengers: dict[str, str] = field(default_factory=dict)
    followers: dict[str, str | None] = field(default_factory=dict)

    def __enter__(self) -> "FakeHouse":
        return self

    def __exit__(self, *error: object) -> None:
        self.calls.append("closed")

    @property
    def models(self) -> "FakeHouse":
        return self

    pruned: bool = False

    @contextmanager
    def turn(self, subject: str) -> Iterator[bool]:
        """Give the turn unless this test says that another run has it."""
        yield subject not in self.taken

    @property
    def demo(self) -> "FakeDemo":
        return FakeDemo(house=self)

    def _called(self, what: str) -> None:
        self.calls.append(what)
        assert self.progress is not None
        self.progress(what, 1, 1)
        if self.failures:
            raise self.failures.pop(0)

    def add_coil(self, name: str, line: str = "default") -> None:
        self.known.append(Coil(id=name, line=line, recipe="default", family=line, created_at=NOW))

    def ingest(
        self,
        source: str,
        *,
        coil: str | None = None,
        line: str = "",
        recipe: str = "",
        rewound: bool = False,
        offset_m: float = 0.0,
    ) -> IngestSummary:
        name = coil or Path(source).name
        self._called(f"ingest {name}")
        new = FRAMES - self.frames.get(name, 0)
        self.frames[name] = FRAMES
        return IngestSummary(
            coil=name, captured=FRAMES, new=new, duplicates=FRAMES - new, unusable=(("torn.png", "torn"),),
            noted=(), missing=(), expected_lines=0, labels=0, seconds=0.1, rates=Rates(),
        )  # fmt: skip

    def monitor(self, line: str | None) -> MonitorSummary:
        self._called(f"monitor {line}")
        alarm = Alarm(area=AlarmArea.DRIFT, subject="new", key="k", text="focus: beyond", what_to_do="clean the lens")
        look = LineLook(
            line="new", recipe="default", detector="detector.new.default@1", coils=30, through="coil-30", golden=4,
            alarms=(alarm,), not_watched=("contrast: too few",), at=datetime(2026, 1, 5, tzinfo=UTC),
        )  # fmt: skip
        told = (Delivery(target="http://mes/alarms", attempts=4, error="HTTP 503"),)
        return MonitorSummary(lines=(look,), stores=(), deliveries=told, seconds=0.5)

    @property
    def retention(self) -> "FakeRetention":
        return FakeRetention(house=self)

    def train(
        self, data: Sequence[Path] = (), *, method: str, name: str, seed: int, options: Sequence[str] = ()
    ) -> Learned:
        told = f" with {', '.join(options)}" if options else ""
        self._called(f"train {name} by {method} on {[path.name for path in data]}{told}")
        new, self.trained = not self.trained, True
        return Learned(model=f"initialization.{name}", version="1", new=new, metrics={"accuracy": 0.9})

    def promote(self, model: str, *, operator: str, reason: str, version: str) -> None:
        self._called(f"promote {model} {version} by {operator}")
        if self.gate_refuses is not None and self.gate_is_for in (None, model):
            raise RefusedError(self.gate_refuses)
        if self.champions.get(model) == version:
            raise NothingToDoError(f"{model} version {version} is the champion already")
        self.champions[model] = version

    def unused_labels(self, line: str, recipe: str) -> int:
        return self.unused.get((line, recipe), 0)

    def adapt(self, *, line: str, recipe: str, seed: int) -> Learned:
        self._called(f"adapt {line} {recipe}")
        new = self.unused.pop((line, recipe), 0) > 0
        return Learned(model=f"detector.{line}.{recipe}", version="1", new=new)

    def coils(self) -> list[Coil]:
        return self.known

    def lines(self) -> list[tuple[str, str]]:
        return sorted({(coil.line, coil.recipe) for coil in self.known})

    def listing(self) -> list[ModelVersion]:
        return [
            ModelVersion(model=model, version=version, created_at=NOW, aliases=(alias,), tags={}, run=None)
            for alias, held in (("champion", self.champions), ("challenger", self.challengers))
            for model, version in held.items()
        ]

    def reteach(self, model: str, *, operator: str) -> ReteachSummary:
        self._called(f"reteach {model} by {operator}")
        lines = tuple(
            Retaught(
                line=line,
                recipe="default",
                model=f"detector.{line}.default",
                in_force="1",
                challenger=None if why else "2",
                new=why is None,
                failed=why,
            )
            for line, why in self.followers.items()
        )
        return ReteachSummary(model=model, version=self.champions.get(model, "1"), lines=lines, seconds=0.1)

    def score(self, coil: str, *, model: str | None = None) -> ScoreSummary:
        self._called(f"score {coil}")
        self.scored_by.append(model)
        new = 0 if coil in self.judged else FRAMES
        self.judged.add(coil)
        return ScoreSummary(
            coil=coil, detector="detector.default.default@1", judged=FRAMES, unusable=0, new=new, not_inspected_m=0.0,
            findings=2, verdicts={"PASS": FRAMES}, seconds=0.5,
        )  # fmt: skip

    def report(self, coil: str, *, out: Path, same_run: bool = False) -> Path:
        self._called(f"report {coil}")
        self.same_run.append(same_run)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("<html>", encoding="utf-8")
        return out


@dataclass(kw_only=True)
class FakeRetention:
    """Two old images of frames that passed, once."""

    house: FakeHouse

    def plan(self) -> RetentionPlan:
        left = not self.house.pruned
        gone = Pruned(rows=2, files=2, size_bytes=3_000_000) if left else Pruned()
        return RetentionPlan(by_class={ImageClass.PASSED: gone})

    def run(self) -> RetentionPlan:
        plan = self.plan()
        self.house.pruned = True
        return plan


@dataclass(kw_only=True)
class FakeDemo:
    """Three coils, one of each role."""

    house: FakeHouse

    def plan(self, data: Path | None, *, seed: int) -> DemoPlan:
        if data is not None:
            raise NotFoundError(f"{data}: no such folder")
        roles = (LabelRole.HISTORY, LabelRole.SUPPORT, LabelRole.HELD_OUT)
        coils = [PlannedCoil(id=role.name.lower(), line="new", family="new", role=role) for role in roles]
        return DemoPlan(
            source="drawn squares", data=None, seed=seed, line="new", recipe="default", new_type="square",
            coils=tuple(coils), simulated=("scratch",),
        )  # fmt: skip

    def ingest(self, plan: DemoPlan, coil: str) -> IngestSummary:
        summary = self.house.ingest(coil)
        if plan.coils[1].id == coil and summary.new:
            self.house.unused[(plan.line, plan.recipe)] = 5
        return replace(summary, labels=5)

    def metrics(self, plan: DemoPlan) -> dict[str, Any]:
        measured = {"count": 1, "of": 4, "rate": 0.25, "interval": [0.01, 0.8]}
        nothing = {"count": 0, "of": 0, "rate": None, "interval": [0.0, 1.0]}
        return {
            "unit": "cell", "escapes": {"real": measured, "simulated": nothing}, "overkill": measured,
            "promised_overkill": 0.05, "per_type": [], "not_judged": 0,
        }  # fmt: skip


def names_called(fake: FakeHouse) -> list[str]:
    """Return the first words of the calls, in order."""
    return [call.split(" ")[0] for call in fake.calls]
