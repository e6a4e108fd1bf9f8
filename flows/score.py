"""Flow ``score``: every frame of a coil that the detector has not judged yet gets its verdict."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.artifacts import show_table
from flows.house import Door, door_of_this_run
from flows.outcome import Outcome, as_json, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from flows.several import each
from inspect_pipeline.domain.bundle import detector_name

CHAMPION = "champion"


def _run_name() -> str:
    """Return what the operator sees in the list of runs."""
    return f"score {flow_run.parameters.get('coil') or 'all coils'}"


@flow(name="score", flow_run_name=_run_name, description="Judge the frames of coils that have no verdict yet.")
def score(coil: str | None = None, model: str | None = None) -> State[dict[str, Any]]:
    """Score one coil, or all coils of lines with a champion; ``model`` is NAME@ALIAS or NAME@VERSION."""
    with door_of_this_run() as door:
        coils = [coil] if coil is not None else coils_to_score(door, model)
        rows = each(coils, lambda one: _score_one(door, one, model=model))
        show_table("score", "Coils scored", [_table_row(row) for row in rows])
        return concluded(_outcome(coils, rows))


@task(
    name="find coils",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def coils_to_score(door: Door, model: str | None) -> list[str]:
    """Return the coils whose line and recipe have a detector in force, or are those of ``model``; oldest first."""
    usable = {version.model for version in door.house.models.listing() if CHAMPION in version.aliases}
    if model is not None:
        usable = {model.rpartition("@")[0]}
    return [coil.id for coil in door.house.coils() if detector_name(coil.line, coil.recipe) in usable]


def _score_one(door: Door, coil: str, *, model: str | None) -> list[dict[str, Any]]:
    with door.turn(f"score {coil}") as ours:
        return [judge_frames(door, coil, model=model)] if ours else []


@task(
    name="judge frames",
    task_run_name="judge frames of {coil}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def judge_frames(door: Door, coil: str, *, model: str | None = None) -> dict[str, Any]:
    """Return the summary of the scoring of one coil as JSON; a second run judges only what has no verdict."""
    summary = door.house.score(coil, model=model)
    return {**as_json(summary), "frames_per_s": summary.frames_per_s}


def _outcome(coils: list[str], rows: list[dict[str, Any]]) -> Outcome:
    answer = rows[0] if len(rows) == 1 else {"coils": rows}
    if not coils:
        return nothing_to_do("no coil of a line with a detector in force is in the catalog", answer)
    if not rows:
        return nothing_to_do(f"another run is scoring {', '.join(coils)} at this moment", answer)
    new = sum(row["new"] for row in rows)
    if not new:
        return nothing_to_do(f"every frame of {', '.join(row['coil'] for row in rows)} has its verdict", answer)
    findings, unusable = sum(row["findings"] for row in rows), sum(row["unusable"] for row in rows)
    done = ", ".join(row["coil"] for row in rows if row["new"])
    return Outcome(message=f"{new} frames of {done} judged: {findings} findings, {unusable} unusable", answer=answer)


def _table_row(row: dict[str, Any]) -> dict[str, str | int | float | None]:
    return {
        "coil": row["coil"],
        "detector": row["detector"],
        "judged": row["judged"],
        "new": row["new"],
        "unusable": row["unusable"],
        "not inspected (m)": row["not_inspected_m"],
        "findings": row["findings"],
        "seconds": row["seconds"],
    }
