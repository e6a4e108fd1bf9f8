"""Flow ``monitor``: the lines watched for drift, golden labels judged again, stores looked at, alarms told."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.artifacts import show_table
from flows.house import Door, door_of_this_run
from flows.outcome import Outcome, as_json, concluded, nothing_to_do
from flows.retrying import RETRIES, RETRY_DELAYS_S, worth_a_retry


@flow(name="monitor", description="Watch the lines for drift, judge golden labels again, look at the stores.")
def monitor(line: str | None = None) -> State[dict[str, Any]]:
    """Watch one line, or all of them; the run completes whatever it finds, alarms are its answer."""
    with door_of_this_run() as door, door.turn("monitor") as ours:
        if not ours:
            return concluded(nothing_to_do("another run is watching at this moment"))
        answer = watch_lines(door, line=line)
        show_table("monitor", "Lines watched", [_row(look) for look in answer["lines"]])
        return concluded(_outcome(answer))


@task(
    name="watch lines",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=worth_a_retry,
)
def watch_lines(door: Door, *, line: str | None) -> dict[str, Any]:
    """Return what was seen as JSON."""
    answer: dict[str, Any] = as_json(door.house.monitor(line))
    return answer


def _outcome(answer: dict[str, Any]) -> Outcome:
    looks = answer["lines"]
    alarms = [*answer["stores"], *(alarm for look in looks for alarm in look["alarms"])]
    silent = sum(len(look["not_watched"]) for look in looks)
    failed = [one["target"] for one in answer["deliveries"] if one["error"] is not None]
    said = f"{len(looks)} lines watched, {len(alarms)} alarms"
    said += f" ({alarms[0]['text']})" if alarms else ""
    said += f", {silent} things could not be watched" if silent else ""
    said += f", not told: {', '.join(failed)}" if failed else ""
    return Outcome(message=said, answer=answer)


def _row(look: dict[str, Any]) -> dict[str, str | int | float | None]:
    return {
        "line": look["line"],
        "recipe": look["recipe"],
        "detector": look["detector"],
        "coils": look["coils"],
        "golden": look["golden"],
        "alarms": "; ".join(alarm["text"] for alarm in look["alarms"]) or None,
        "not watched": "; ".join(look["not_watched"]) or None,
    }
