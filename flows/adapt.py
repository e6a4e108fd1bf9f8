"""Flow ``adapt``: labels that no detector has used yet become a new detector of their line."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.artifacts import show_table
from flows.house import Door, door_of_this_run
from flows.meta_train import put_in_force
from flows.outcome import Outcome, as_json, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from flows.several import each


def _run_name() -> str:
    """Return what the operator sees in the list of runs."""
    return f"adapt {flow_run.parameters.get('line') or 'all lines'}"


@flow(name="adapt", flow_run_name=_run_name, description="Build the detectors of lines that have labels not used yet.")
def adapt(
    line: str | None = None,
    recipe: str = "default",
    seed: int = 0,
    promote: bool = False,
) -> State[dict[str, Any]]:
    """Adapt one line and recipe, or all of the catalog; with ``promote`` the gate decides on the detector's use."""
    with door_of_this_run() as door:
        found = count_unused(door, line, recipe)
        waiting = [one for one in found if one[2] > 0]
        rows = each(waiting, lambda job: _adapt_one(door, *job, seed=seed, promote=promote))
        show_table("adapt", "Detectors adapted", [_table_row(row) for row in rows])
        return concluded(_outcome(found, rows, waiting=len(waiting)))


@task(
    name="count labels not used yet",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def count_unused(door: Door, line: str | None, recipe: str) -> list[tuple[str, str, int]]:
    """Return (line, recipe, labels that no detector has used) of one line, or of all lines of the catalog, by name."""
    lines = door.house.lines() if line is None else [(line, recipe)]
    return [(*one, door.house.unused_labels(*one)) for one in lines]


def _adapt_one(door: Door, line: str, recipe: str, labels: int, *, seed: int, promote: bool) -> list[dict[str, Any]]:
    with door.turn(f"adapt {line} {recipe}") as ours:
        if not ours:
            return []
        taught = build_detector(door, line, recipe, seed=seed)
        moved = promote and put_in_force(door, taught["model"], taught["version"], reason=f"{labels} new labels")
        return [{**taught, "line": line, "recipe": recipe, "labels": labels, "promoted": moved}]


@task(
    name="build detector",
    task_run_name="build detector of {line} {recipe}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def build_detector(door: Door, line: str, recipe: str, *, seed: int) -> dict[str, Any]:
    """Return the summary of the teaching as JSON; the detector is registered as challenger."""
    summary: dict[str, Any] = as_json(door.house.adapt(line=line, recipe=recipe, seed=seed))
    return summary


def _outcome(lines: list[tuple[str, str, int]], rows: list[dict[str, Any]], *, waiting: int) -> Outcome:
    answer = rows[0] if len(rows) == 1 else {"detectors": rows}
    names = ", ".join(f"{line} {recipe}" for line, recipe, _ in lines) or "an empty catalog"
    if not waiting:
        return nothing_to_do(f"all labels of {names} are used already", answer)
    if not rows:
        return nothing_to_do(f"another run is adapting {names} at this moment", answer)
    made = "; ".join(
        f"{row['model']} version {row['version']} from {row['labels']} labels not used before"
        + (", now champion" if row["promoted"] else "")
        for row in rows
    )
    return Outcome(message=made, answer=answer)


def _table_row(row: dict[str, Any]) -> dict[str, str | int | float | None]:
    return {
        "line": row["line"],
        "recipe": row["recipe"],
        "model": row["model"],
        "version": row["version"],
        "labels not used before": row["labels"],
        "champion": "yes" if row["promoted"] else "no",
        "seconds": row["seconds"],
    }
