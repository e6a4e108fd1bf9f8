"""What a flow answers: plain JSON, one line in words, and whether there was anything to do."""

import json
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

NOTHING_TO_DO = "nothing to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer of a flow; ``message`` is the line that the operator sees beside the run."""

    message: str
    answer: dict[str, Any] = field(default_factory=dict)
    nothing_to_do: bool = False


def nothing_to_do(why: str, answer: dict[str, Any] | None = None) -> Outcome:
    """Return the outcome of a run that found its work done."""
    return Outcome(message=f"{NOTHING_TO_DO}: {why}", answer=answer or {}, nothing_to_do=True)


def concluded(outcome: Outcome) -> State[dict[str, Any]]:
    """Return the final state of a flow run: Completed, with the message, the answer as its result."""
    data = {**outcome.answer, "message": outcome.message, "nothing_to_do": outcome.nothing_to_do}
    return Completed(message=outcome.message, data=data)


def as_json(summary: object) -> Any:
    """Return a summary (a dataclass, a list of them, ...) as plain JSON values; times become ISO 8601."""
    value = asdict(summary) if is_dataclass(summary) and not isinstance(summary, type) else summary
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
