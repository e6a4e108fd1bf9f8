"""Flow ``promote``: what passes its gate comes into force, and the lines that follow it are taught again."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.artifacts import show_table
from flows.following import failures, follow
from flows.house import Door, door_of_this_run
from flows.meta_train import SCHEDULER, put_in_force
from flows.outcome import Outcome, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from flows.several import each
from inspect_pipeline.errors import RefusedError

CHALLENGER = "challenger"


def _run_name() -> str:
    """Return what the operator sees in the list of runs."""
    return f"promote {flow_run.parameters.get('model') or 'all challengers'}"


@flow(name="promote", flow_run_name=_run_name, description="Put challengers in force that pass their gate.")
def promote(
    model: str | None = None, version: str | None = None, *, reason: str = "promote flow"
) -> State[dict[str, Any]]:
    """Promote one model (its version or challenger), or all that have a challenger, through the gate.

    A refusal fails the run with the gate's reasons, which stand beside it as a table; it keeps no other model from
    coming into force.
    """
    with door_of_this_run() as door:
        wanted = find_challengers(door, model, version)
        rows: list[dict[str, Any]] = []
        try:
            each(wanted, lambda one: _promoted(door, rows, *one, reason=reason))
        finally:
            show_table("promote", "What the gate said", [_table_row(row) for row in rows])
        return concluded(_outcome(model, rows))


@task(
    name="find challengers",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def find_challengers(door: Door, model: str | None, version: str | None) -> list[tuple[str, str]]:
    """Return (model, version) of what is to be tried: initializations first, for detectors follow them."""
    listed = door.house.models.listing()
    if model is not None and version is not None:
        return [(model, version)]
    found = [(one.model, one.version) for one in listed if CHALLENGER in one.aliases and model in (None, one.model)]
    return sorted(found, key=lambda one: (not one[0].startswith("initialization."), one))


def _promoted(door: Door, rows: list[dict[str, Any]], model: str, version: str, *, reason: str) -> list[dict[str, Any]]:
    """Add to ``rows`` what became of one model. Raises RefusedError with the gate's reasons."""
    row: dict[str, Any] = {"model": model, "version": version, "promoted": False, "reasons": []}
    rows.append(row)
    try:
        row["promoted"] = put_in_force(door, model, version, reason=reason)
    except RefusedError as error:
        row["reasons"] = [str(error)]
        raise
    if row["promoted"]:
        row["reteach"] = follow(door, model, operator=SCHEDULER)
    return [row]


def _outcome(model: str | None, rows: list[dict[str, Any]]) -> Outcome:
    moved = [row for row in rows if row["promoted"]]
    answer = {"models": rows}
    if not rows:
        return nothing_to_do(f"nothing challenges {model or 'what is in force'}", answer)
    if not moved:
        return nothing_to_do("; ".join(f"{row['model']} version {row['version']} is in force" for row in rows), answer)
    told = [f"{row['model']} version {row['version']} is champion" for row in moved]
    told += [f"not taught again: {line}" for row in moved for line in failures(row["reteach"])]
    return Outcome(message="; ".join(told), answer=answer)


def _table_row(row: dict[str, Any]) -> dict[str, str | int | float | None]:
    return {
        "model": row["model"],
        "version": row["version"],
        "champion": "yes" if row["promoted"] else "no",
        "why not": "; ".join(row["reasons"]) or None,
    }
