"""What follows an initialization is taught again: a task of several flows, which never undoes a promotion."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.artifacts import show_table
from flows.house import Door
from flows.outcome import as_json
from flows.progress import say
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry
from inspect_pipeline.domain.bundle import initialization_named
from inspect_pipeline.errors import InspectError

_KEY = "reteach"


@task(
    name="teach the lines that follow",
    task_run_name="teach the lines that follow {model}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def reteach_lines(door: Door, model: str, *, operator: str) -> dict[str, Any]:
    """Return what became of each line whose detector in force came from the initialization, as JSON."""
    summary: dict[str, Any] = as_json(door.house.reteach(model, operator=operator))
    return summary


def follow(door: Door, model: str, *, operator: str) -> dict[str, Any]:
    """Return what re-teaching gave after a promotion, shown beside the run; nothing for a detector.

    The promotion stands whatever happens here: an error is told under ``error``.
    """
    if initialization_named(model) is None:
        return {}
    try:
        summary = reteach_lines(door, model, operator=operator)
    except InspectError as error:
        say(f"the lines that follow {model} were not taught again: {error}")
        return {"lines": [], "error": str(error)}
    show_lines(summary)
    return summary


def show_lines(summary: dict[str, Any]) -> None:
    """Store a table of the lines as an artifact of the run."""
    rows: list[dict[str, str | int | float | None]] = [
        {
            "line": row["line"],
            "recipe": row["recipe"],
            "in force": row["in_force"],
            "challenger": row["challenger"],
            "could not be taught": row["failed"],
        }
        for row in summary["lines"]
    ]
    show_table(_KEY, f"Lines that follow {summary['model']} version {summary['version']}", rows)


def failures(summary: dict[str, Any]) -> list[str]:
    """Return one line for each line of production that could not be taught again, and for an error as a whole."""
    failed = [f"{row['line']} {row['recipe']}: {row['failed']}" for row in summary.get("lines", []) if row["failed"]]
    return failed + ([summary["error"]] if summary.get("error") else [])
