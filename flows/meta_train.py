"""Flow ``meta_train``: the history becomes an initialization, registered, and promoted where asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.artifacts import show_table
from flows.following import follow
from flows.house import Door, door_of_this_run
from flows.outcome import Outcome, as_json, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.errors import NothingToDoError

SCHEDULER = "flows"
"""Who promoted, where a flow did it: no person pressed the button."""


@flow(name="meta_train", flow_run_name="meta-train {name} by {method}", description="Meta-train an initialization.")
def meta_train(
    data: list[str] | None = None,
    method: str = "protonet",
    name: str = "default",
    seed: int = 0,
    promote: bool = False,
    *,
    option: list[str] | None = None,
) -> State[dict[str, Any]]:
    """Train on the data folders, else on the catalog's history; with ``promote`` the gate decides on its use.

    ``option`` are those of the method, ``KEY=VALUE``.
    """
    with door_of_this_run() as door, door.turn(f"meta_train {name}") as ours:
        if not ours:
            return concluded(nothing_to_do(f"another run is training {name} at this moment"))
        trained = train(door, data or [], method=method, name=name, seed=seed, options=option or [])
        moved = promote and put_in_force(door, initialization_name(name), trained["version"], reason="meta_train flow")
        if moved:
            follow(door, initialization_name(name), operator=SCHEDULER)
        show_table("meta-train", f"Initialization {name}, version {trained['version']}", _table(trained))
        return concluded(_outcome(name, trained, moved=moved))


@task(
    name="train",
    task_run_name="train {name} by {method}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def train(
    door: Door, data: list[str], *, method: str, name: str, seed: int, options: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the summary of the training as JSON."""
    folders = [Path(folder) for folder in data]
    summary = door.house.train(folders, method=method, name=name, seed=seed, options=options)
    answer: dict[str, Any] = as_json(summary)
    return answer


@task(
    name="put in force",
    task_run_name="promote {model} version {version}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def put_in_force(door: Door, model: str, version: str, *, reason: str, operator: str = SCHEDULER) -> bool:
    """Return True when the version became champion, False when it was. Raises RefusedError with the gate's reasons."""
    try:
        door.house.models.promote(model, operator=operator, reason=reason, version=version)
    except NothingToDoError:
        return False
    return True


def _outcome(name: str, trained: dict[str, Any], *, moved: bool) -> Outcome:
    version = trained["version"]
    if not trained["new"] and not moved:
        return nothing_to_do(f"{name} was trained on the same input before, as version {version}", trained)
    verb = "trained" if trained["new"] else "known"
    return Outcome(message=f"{name} {verb} as version {version}" + (", now champion" if moved else ""), answer=trained)


def _table(trained: dict[str, Any]) -> list[dict[str, str | int | float | None]]:
    figures = {**trained["metrics"], "episodes_per_s": trained["episodes_per_s"], "seconds": trained["seconds"]}
    return [{"figure": name, "value": value} for name, value in figures.items()]
