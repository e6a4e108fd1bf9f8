"""Flow ``reteach``: the lines that follow an initialization are taught again, each gets a challenger."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.following import failures, reteach_lines, show_lines
from flows.house import door_of_this_run
from flows.meta_train import SCHEDULER
from flows.outcome import Outcome, concluded, nothing_to_do
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.errors import RefusedError


@flow(name="reteach", flow_run_name="teach the lines that follow {name}", description="Teach again what follows.")
def reteach(name: str = "default") -> State[dict[str, Any]]:
    """Teach again every line whose detector in force came from the initialization; fails when a line could not be."""
    with door_of_this_run() as door:
        summary = reteach_lines(door, initialization_name(name), operator=SCHEDULER)
        show_lines(summary)
        failed = failures(summary)
        if failed:
            raise RefusedError(
                f"{len(failed)} of {len(summary['lines'])} lines could not be taught: {'; '.join(failed)}"
            )
        return concluded(_outcome(name, summary))


def _outcome(name: str, summary: dict[str, Any]) -> Outcome:
    lines = summary["lines"]
    if not lines:
        return nothing_to_do(f"no line's detector in force came from initialization {name}", summary)
    new = sum(row["new"] for row in lines)
    if not new:
        return nothing_to_do(f"the {len(lines)} lines that follow {name} have their detectors already", summary)
    return Outcome(message=f"{new} new challengers of the {len(lines)} lines that follow {name}", answer=summary)
