"""Alarms of the watch: what is wrong on a line or in a store, since when, how strongly, and what to do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from inspect_pipeline.errors import BadDataError


class AlarmArea(StrEnum):
    """Where an alarm comes from."""

    DRIFT = "drift"
    GOLDEN = "golden label"
    MODEL = "model"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm in one line; ``key`` is what makes it the same one at the next look.

    ``since`` is the first coil that shows it (drift only), ``strength`` in sigmas of the reference. ``ongoing``: the
    newest coil still shows it. ``new``: the look before did not have it. ``facts`` say a drift in numbers, so that a
    page can tell it in its reader's language.
    """

    area: AlarmArea
    subject: str
    key: str
    text: str
    what_to_do: str
    since: str | None = None
    strength: float | None = None
    ongoing: bool = True
    new: bool = True
    facts: Mapping[str, str | float] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """Return the alarm as plain JSON."""
        return {**asdict(self), "area": self.area.value}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Alarm":
        """Return the alarm of a document. Raises BadDataError for one that is none."""
        try:
            return cls(**{**document, "area": AlarmArea(document["area"])})
        except (TypeError, KeyError, ValueError) as error:
            raise BadDataError(f"a recorded alarm cannot be read ({error}); it is of another version") from error
