"""The watch of the lines: drift of what they see and say, golden labels judged again, stores looked at, alarms told.

Each look is kept as a stage "monitor", so that the history of alarms can be shown; a failure to tell somebody is kept
with it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from inspect_pipeline.domain.alarms import Alarm, AlarmArea
from inspect_pipeline.domain.bundle import Bundle, detector_name
from inspect_pipeline.domain.drift import Drift, DriftAlarm, WatchRules
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.domain.trial import Trial
from inspect_pipeline.errors import AlteredError, InspectError, NotFoundError, RefusedError
from inspect_pipeline.services.in_force import version_in_force
from inspect_pipeline.services.line_watch import LineWatch
from inspect_pipeline.services.ports import Catalog, ModelRegistry, Tracker

STAGE = "monitor"
_NO_GOLDEN = "golden labels: the line has none, so none was judged again; add some with 'labels add --role golden'"


class GoldenTrials(Protocol):
    """Tries a detector on the golden labels of a line."""

    def run(self, line: str, challenger: Bundle, champion: Bundle | None) -> tuple[Trial, Trial | None] | None:
        """Return what the detector makes of them, None where the line has none."""
        ...


class HealthCheck(Protocol):
    """One thing that was looked at."""

    @property
    def name(self) -> str:
        """What it is."""
        ...

    @property
    def ok(self) -> bool:
        """Whether it is fit."""
        ...

    @property
    def detail(self) -> str:
        """What was seen, or what to do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one message: to whom, in how many tries, and the error where it did not come through."""

    target: str
    attempts: int
    error: str | None = None


Notifier = Callable[[Mapping[str, Any]], list[Delivery]]
"""Tells everybody who is configured; a failure is in the answer and never raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLook:
    """One look at a line and recipe; ``through`` is the newest coil that was looked at.

    ``golden`` is how many golden labels were judged again. What was not watched says why.
    """

    line: str
    recipe: str
    detector: str | None
    coils: int
    through: str | None
    golden: int
    alarms: tuple[Alarm, ...]
    not_watched: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSummary:
    """One run of the watch: every line, the stores, and who was told."""

    lines: tuple[LineLook, ...]
    stores: tuple[Alarm, ...]
    deliveries: tuple[Delivery, ...]
    seconds: float

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """All alarms: the stores' first."""
        return (*self.stores, *(alarm for look in self.lines for alarm in look.alarms))


def nobody(_document: Mapping[str, Any]) -> list[Delivery]:
    """Tell nobody: no webhook is configured."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """The use case with the adapters it needs; ``seed`` starts the permutations, so that a look can be repeated."""

    catalog: Catalog
    registry: ModelRegistry
    watching: LineWatch
    trials: GoldenTrials
    health: Callable[[], Sequence[HealthCheck]]
    notify: Notifier
    clock: Clock
    progress: Progress
    tracker: Tracker | None = None
    seed: int = 0

    @property
    def rules(self) -> WatchRules:
        """How the lines are watched."""
        return self.watching.rules

    def run(self, lines: Sequence[tuple[str, str]]) -> MonitorSummary:
        """Look at each (line, recipe) and at the stores, keep what was found, and tell of what is new."""
        started = self.clock()
        looks = []
        for done, (line, recipe) in enumerate(lines):
            looks.append(self._looked(line, recipe))
            self.progress("monitor", done + 1, len(lines))
        stores = self._stores()
        fresh = [alarm for alarm in (*stores, *(one for look in looks for one in look.alarms)) if alarm.new]
        told = self.notify(message(fresh, at=started)) if fresh else []
        seconds = (self.clock() - started).total_seconds()
        self._keep_stores(stores, told, started, seconds)
        return MonitorSummary(lines=tuple(looks), stores=tuple(stores), deliveries=tuple(told), seconds=seconds)

    def look(self, line: str, recipe: str) -> LineLook:
        """Return what is to be seen of a line now; nothing is kept."""
        now, model = self.clock(), detector_name(line, recipe)
        look = LineLook(
            line=line, recipe=recipe, detector=None, coils=0, through=None, golden=0, alarms=(), not_watched=(), at=now
        )
        try:
            version = version_in_force(self.catalog, self.registry, model)
            if version is None:
                return replace(look, not_watched=("no detector is in force; promote one",))
            bundle = self.registry.load(model, version=version)[1]
        except (RefusedError, NotFoundError, AlteredError) as error:
            return replace(look, alarms=(_model_alarm(model, error),), not_watched=("drift: see the model's alarm",))
        judge = f"{model}@{version}"
        before = self.last_look(judge)
        drift = self.watching.drift(line, recipe, judge, rng=np.random.default_rng(self.seed))
        golden = self.trials.run(line, bundle, None)
        trial = None if golden is None else golden[0]
        alarms = [*_drift_alarms(line, drift, before), *_golden_alarms(line, trial)]
        seen = () if before is None else tuple(one.key for one in before.alarms)
        return replace(
            look,
            detector=judge,
            coils=len(drift.coils),
            through=drift.coils[-1] if drift.coils else None,
            golden=0 if trial is None else len(trial.regions) + len(trial.goods),
            alarms=tuple(replace(alarm, new=alarm.key not in seen) for alarm in alarms),
            not_watched=(*drift.not_watched, *(() if trial is not None else (_NO_GOLDEN,))),
        )

    def last_look(self, detector: str) -> LineLook | None:
        """Return the look before at a line under this detector ``name@version``, None where there was none."""
        return next(iter(self.history(detector, limit=1)), None)

    def history(self, detector: str, *, limit: int) -> list[LineLook]:
        """Return the latest looks at a line under this detector, newest first."""
        with self.catalog.transaction() as unit:
            runs = unit.overview.last_stages(STAGE, model=detector, limit=limit)
        return [look_of(run) for run in runs]

    def _looked(self, line: str, recipe: str) -> LineLook:
        started = self.clock()
        look = self.look(line, recipe)
        seconds = (self.clock() - started).total_seconds()
        model = look.detector or detector_name(line, recipe)
        with self.catalog.transaction() as unit:
            unit.add_stage(
                StageRun(stage=STAGE, started_at=look.at, seconds=seconds, model=model, detail=detail_of(look))
            )
        if look.detector is not None:
            self.watching.keep_reference(line, recipe, look.detector, at=look.at)
            if self.tracker is not None:
                self._track(self.tracker, look)
        return look

    def _track(self, tracker: Tracker, look: LineLook) -> None:
        ongoing = sum(alarm.ongoing for alarm in look.alarms)
        metrics = {"alarms": float(len(look.alarms)), "ongoing": float(ongoing), "golden": float(look.golden)}
        strongest = {f"strength {one.key}"[:200]: one.strength for one in look.alarms if one.strength is not None}
        named = {_metric_name(name): value for name, value in strongest.items()}
        params: dict[str, str | int | float] = {
            "detector": look.detector or "",
            "through": look.through or "",
            "coils": look.coils,
        }
        tracker.record(STAGE, f"{look.line} {look.recipe}", params=params, metrics={**metrics, **named})

    def _stores(self) -> list[Alarm]:
        with self.catalog.transaction() as unit:
            runs = [run for run in unit.overview.last_stages(STAGE, limit=200) if run.model is None][:1]
        seen = {one["key"] for run in runs for one in json.loads(str(run.detail["alarms"]))}
        return [
            Alarm(
                area=AlarmArea.STORE,
                subject=check.name,
                key=f"store {check.name}",
                text=f"{check.name}: {check.detail}",
                what_to_do="see 'inspect-pipeline doctor'",
                new=f"store {check.name}" not in seen,
            )
            for check in self.health()
            if not check.ok
        ]

    def _keep_stores(self, stores: Sequence[Alarm], told: Sequence[Delivery], at: datetime, seconds: float) -> None:
        failed = [f"{one.target}: {one.error}" for one in told if one.error is not None]
        detail: dict[str, float | int | str] = {
            "alarms": json.dumps([one.to_document() for one in stores], ensure_ascii=False),
            "told": len(told) - len(failed),
            "not_told": json.dumps(failed, ensure_ascii=False),
        }
        with self.catalog.transaction() as unit:
            unit.add_stage(StageRun(stage=STAGE, started_at=at, seconds=seconds, detail=detail))


def message(alarms: Iterable[Alarm], *, at: datetime) -> dict[str, Any]:
    """Return what is sent of new alarms."""
    return {"type": "alarms", "at": at.isoformat(), "alarms": [alarm.to_document() for alarm in alarms]}


def detail_of(look: LineLook) -> dict[str, float | int | str]:
    """Return a look as the detail of its stage."""
    return {
        "line": look.line,
        "recipe": look.recipe,
        "detector": look.detector or "",
        "coils": look.coils,
        "through": look.through or "",
        "golden": look.golden,
        "alarms": json.dumps([alarm.to_document() for alarm in look.alarms], ensure_ascii=False),
        "not_watched": json.dumps(list(look.not_watched), ensure_ascii=False),
    }


def look_of(run: StageRun) -> LineLook:
    """Return the look that a stage keeps."""
    detail = run.detail
    return LineLook(
        line=str(detail["line"]),
        recipe=str(detail["recipe"]),
        detector=str(detail["detector"]) or None,
        coils=int(detail["coils"]),
        through=str(detail["through"]) or None,
        golden=int(detail["golden"]),
        alarms=tuple(Alarm.from_document(one) for one in json.loads(str(detail["alarms"]))),
        not_watched=tuple(json.loads(str(detail["not_watched"]))),
        at=run.started_at,
    )


def _metric_name(name: str) -> str:
    """Return a name that MLflow takes."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-. /") else "_" for letter in name)


def _model_alarm(model: str, error: InspectError) -> Alarm:
    return Alarm(
        area=AlarmArea.MODEL,
        subject=model,
        key=f"model {model}",
        text=str(error),
        what_to_do=f"see 'inspect-pipeline models history {model}' and 'audit verify'",
    )


def _drift_alarms(line: str, drift: Drift, before: LineLook | None) -> list[Alarm]:
    """Return the alarms that go on, and those that ended after the coil that the look before saw last."""
    place = {coil: number for number, coil in enumerate(drift.coils)}
    seen = -1 if before is None else place.get(before.through or "", -1)
    return [alarm_of(line, one) for one in drift.alarms if one.ongoing or place[one.until] > seen]


def alarm_of(line: str, drift: DriftAlarm) -> Alarm:
    """Return a drift as an alarm of its line."""
    return Alarm(
        area=AlarmArea.DRIFT,
        subject=line,
        key=drift.key,
        text=drift.text,
        what_to_do=drift.what_to_do,
        since=drift.since,
        strength=drift.strength,
        ongoing=drift.ongoing,
        facts={
            "signal": drift.name.signal.name.lower(),
            "camera": drift.name.camera or "",
            "kind": drift.kind.name.lower(),
            "coils": drift.coils,
            "value": drift.value,
            "centre": drift.centre,
            "low": drift.low,
            "high": drift.high,
        },
    )


def _golden_alarms(line: str, trial: Trial | None) -> list[Alarm]:
    """Return an alarm for each golden label that the champion gets wrong, and for each frame it could not judge."""
    if trial is None:
        return []
    wrong = [(one.label, f"its {one.defect_type!r} is not found") for one in trial.regions if not one.found]
    wrong += [(one.label, "it is good and alarms") for one in trial.goods if one.alarmed]
    said = [(f"label {label}", what) for label, what in wrong]
    said += [(text.partition(":")[0], text.partition(":")[2].strip() or text) for text in trial.unjudged]
    return [
        Alarm(
            area=AlarmArea.GOLDEN,
            subject=line,
            key=f"golden {name}",
            text=f"golden {name}: {what}",
            what_to_do="roll the detector back, or find out what changed in image, stores or runtime",
        )
        for name, what in said
    ]
