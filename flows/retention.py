"""Flow ``retention``: images that nothing needs go when they are old enough; rows and verdicts stay."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.artifacts import show_table
from flows.house import Door, door_of_this_run
from flows.outcome import Outcome, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry


@flow(name="retention", description="Remove old images by the rules of retention.yaml.")
def retention(dry_run: bool = False) -> State[dict[str, Any]]:
    """Remove what the rules let go; ``dry_run`` says what that would be and changes nothing."""
    with door_of_this_run() as door, door.turn("retention") as ours:
        if not ours:
            return concluded(nothing_to_do("another run is removing images at this moment"))
        detail = remove_old(door, dry_run=dry_run)
        show_table("retention", "Images by class", [{"class": name, "count": count} for name, count in detail.items()])
        return concluded(_outcome(detail, dry_run=dry_run))


@task(
    name="remove old images",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def remove_old(door: Door, *, dry_run: bool) -> dict[str, Any]:
    """Return the counts of rows by class, of files and of bytes."""
    use_case = door.house.retention
    return (use_case.plan() if dry_run else use_case.run()).detail


def _outcome(detail: dict[str, Any], *, dry_run: bool) -> Outcome:
    answer = {"dry_run": dry_run, **detail}
    if not any(detail.values()):
        return nothing_to_do("no image is old enough to go", answer)
    what = "would go" if dry_run else "went"
    return Outcome(message=f"{detail['files']} files of {detail['bytes'] / 1e6:.1f} MB {what}", answer=answer)
