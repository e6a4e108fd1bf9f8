"""What is to be said of the samples before a detector goes to the line: one record a doubt."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inspect_pipeline.errors import BadDataError


class CheckKind(StrEnum):
    """What was looked at."""

    PROMISE = "promise"
    TWO_NAMES = "two names for one type"
    LOOKS_NORMAL = "looks like normal"
    DISAGREES = "samples disagree"
    BLURRED = "blurred"
    SAME_DEFECT = "same defect twice"
    TOO_SMALL = "too few patches"
    OFF_THE_STRIP = "beside the strip or in its trim"
    UNUSABLE = "on an unusable frame"
    CONTRADICTION = "both good and defective"


class Severity(StrEnum):
    """A note is to be known, a doubt to be looked at; with a refusal the gate lets no detector through."""

    NOTE = "note"
    DOUBT = "doubt"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing found: ``labels`` are the ids of the labels it is about, ``message`` one line for a person."""

    kind: CheckKind
    message: str
    severity: Severity = Severity.DOUBT
    labels: tuple[str, ...] = ()


def checks_to(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Return the checks as plain JSON, for a manifest."""
    return [
        {"kind": one.kind.value, "severity": one.severity.value, "labels": list(one.labels), "message": one.message}
        for one in checks
    ]


def checks_from(stored: Iterable[Mapping[str, Any]]) -> tuple[Check, ...]:
    """Return the checks that ``checks_to`` wrote. Raises BadDataError for anything else."""
    try:
        return tuple(
            Check(
                kind=CheckKind(one["kind"]),
                severity=Severity(one["severity"]),
                labels=tuple(one["labels"]),
                message=one["message"],
            )
            for one in stored
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadDataError(f"the manifest's checks cannot be read ({error!r}); teach the detector again") from error


def rarely_fewer(count: int, trials: int, *, level: float = 0.05) -> bool:
    """Whether ``count`` heads or fewer come up in ``trials`` throws of a fair coin with probability above ``level``.

    Two names for one thing are confused as often as not, so fewer confusions than that tell two types apart.
    """
    below = sum(math.comb(trials, heads) for heads in range(count + 1))
    return math.ldexp(below, -trials) > level
