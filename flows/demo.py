"""Flow ``demo``: the whole loop, from coils on the line to a report of what was found and missed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.adapt import build_detector
from flows.artifacts import show_table
from flows.house import Door, door_of_this_run
from flows.meta_train import put_in_force, train
from flows.outcome import Outcome, as_json, concluded, nothing_to_do
from flows.progress import say
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from flows.score import judge_frames
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.demo import DemoPlan

INITIALIZATION = "default"
OPERATOR = "demo"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diary:
    """What the demo did: seconds of each stage, what it found done already, and what a gate refused."""

    seconds: dict[str, float] = field(default_factory=dict)
    not_again: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def stage(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Return what the work gives; its time is kept and told."""
        say(f"{name} ...")
        started_s = time.monotonic()
        answer = work()
        self.seconds[name] = round(time.monotonic() - started_s, 3)
        say(f"{name}: {self.seconds[name]:.1f} s")
        return answer

    def note(self, what: str, *, new: bool) -> None:
        """Keep that something was done, or that it was there before."""
        (self.done if new else self.not_again).append(what)
        if not new:
            say(f"not done again: {what}")


@flow(name="demo", description="The whole loop: ingest, meta-train, adapt, score, report.")
def demo(data: str | None = None, out: str | None = None, seed: int = 0) -> State[dict[str, Any]]:
    """Run the loop on the demo images, or on the data folder ``data``; reports go to ``out``.

    A detector that its gate refuses stays challenger, and the held-out coils are scored by it all the same: the
    report then shows why it was refused.
    """
    with door_of_this_run() as door, door.turn("demo") as ours:
        if not ours:
            return concluded(nothing_to_do("another demo is running in this workspace at this moment"))
        diary, folder = Diary(), Path(out) if out is not None else door.place.workspace / "reports"
        plan = diary.stage("plan", lambda: plan_coils(door, data, seed=seed))
        diary.stage("ingest", lambda: _ingest_all(door, plan, diary))
        diary.stage("meta_train", lambda: _train(door, diary, seed=seed))
        detector = diary.stage("adapt", lambda: _adapt(door, plan, diary, seed=seed))
        diary.stage("score", lambda: _score_held_out(door, plan, diary, detector=detector))
        reports = diary.stage("report", lambda: _report_held_out(door, plan, folder, diary))
        metrics = measure(door, plan)
        show_table("demo", "Demo", [{"stage": k, "seconds": v} for k, v in diary.seconds.items()], report=reports[0])
        return concluded(_outcome(diary, plan, reports=reports, metrics=metrics))


@task(name="plan coils", cache_policy=NO_CACHE)
def plan_coils(door: Door, data: str | None, *, seed: int) -> "DemoPlan":
    """Return which coils the demo lays out, of what, and what each is for."""
    return door.house.demo.plan(None if data is None else Path(data), seed=seed)


@task(
    name="lay out and take in",
    task_run_name="take in {coil}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def take_in_planned(door: Door, plan: "DemoPlan", coil: str) -> dict[str, Any]:
    """Return the summary of the ingest of one planned coil as JSON."""
    summary = door.house.demo.ingest(plan, coil)
    return {**as_json(summary), "nothing_new": summary.nothing_new}


@task(name="write report", task_run_name="report of {coil}", cache_policy=NO_CACHE)
def write_report(door: Door, coil: str, file: Path, *, same_run: bool) -> Path:
    """Return the path of the report written; ``same_run`` says that its stages are all of this run."""
    return door.house.report(coil, out=file, same_run=same_run)


@task(name="measure", cache_policy=NO_CACHE)
def measure(door: Door, plan: "DemoPlan") -> dict[str, Any]:
    """Return escapes and overkill of the held-out coils, real and simulated apart, as JSON."""
    metrics: dict[str, Any] = as_json(door.house.demo.metrics(plan))
    return metrics


def _ingest_all(door: Door, plan: "DemoPlan", diary: Diary) -> None:
    for coil in plan.coils:
        summary = take_in_planned(door, plan, coil.id)
        diary.note(f"ingest of {coil.id} ({summary['captured']} captures)", new=not summary["nothing_new"])


def _train(door: Door, diary: Diary, *, seed: int) -> None:
    trained = train(door, [], method="protonet", name=INITIALIZATION, seed=seed)
    diary.note(f"meta-training of {INITIALIZATION} (version {trained['version']})", new=trained["new"])
    _promote(door, diary, initialization_name(INITIALIZATION), trained["version"])


def _adapt(door: Door, plan: "DemoPlan", diary: Diary, *, seed: int) -> str:
    """Return the detector as NAME@VERSION."""
    taught = build_detector(door, plan.line, plan.recipe, seed=seed)
    diary.note(f"teaching of {plan.new_type!r} (version {taught['version']})", new=taught["new"])
    try:
        _promote(door, diary, taught["model"], taught["version"])
    except RefusedError as error:
        diary.refused.append(str(error))
        say(f"refused: {error}")
    return f"{taught['model']}@{taught['version']}"


def _promote(door: Door, diary: Diary, model: str, version: str) -> None:
    moved = put_in_force(door, model, version, reason="demo", operator=OPERATOR)
    diary.note(f"promotion of {model} version {version}", new=moved)


def _score_held_out(door: Door, plan: "DemoPlan", diary: Diary, *, detector: str) -> None:
    for coil in plan.held_out:
        summary = judge_frames(door, coil, model=detector)
        diary.note(f"scoring of {coil} ({summary['judged']} frames judged)", new=summary["new"] > 0)


def _report_held_out(door: Door, plan: "DemoPlan", folder: Path, diary: Diary) -> list[Path]:
    """Write a report where something changed or none is there."""
    changed, same_run = bool(diary.done), not diary.not_again
    reports = []
    for coil in plan.held_out:
        file = folder / f"{coil}.html"
        if changed or not file.exists():
            file = write_report(door, coil, file, same_run=same_run)
            diary.note(f"report of {coil}", new=True)
        else:
            diary.note(f"report of {coil}", new=False)
        reports.append(file.absolute())
    return reports


def _outcome(diary: Diary, plan: "DemoPlan", *, reports: list[Path], metrics: dict[str, Any]) -> Outcome:
    answer = {
        "report": str(reports[0]),
        "reports": [str(report) for report in reports],
        "stages": diary.seconds,
        "metrics": metrics,
        "source": plan.source,
        "simulated": list(plan.simulated),
        "not_done_again": diary.not_again,
        "refused": diary.refused,
    }
    if not diary.done:
        return nothing_to_do(f"the whole loop was run on {plan.source} before", answer)
    message = "; ".join([f"{len(diary.done)} steps done, {len(diary.not_again)} not done again", *diary.refused])
    return Outcome(message=message, answer=answer)
