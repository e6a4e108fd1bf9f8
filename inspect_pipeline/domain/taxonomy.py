"""Families of material, defect types and their life cycle."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from inspect_pipeline.errors import BadDataError, RefusedError

NORMAL_CLASSES = frozenset({"normal", "good", "ok"})
UNKNOWN_TYPE = "unknown"
_LONGEST_NAME = 80
PROVISIONAL_SAMPLES = 3
"""From so many samples on a type warns; fewer leave it a candidate."""
# Separators of paths and markup, controls (C0, C1), line separators, text direction marks that make a name read as
# another, and halves of surrogate pairs (undecodable file names), which no database or page can hold.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f/\\\\<>\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class LifeCycle(StrEnum):
    """How far a type has come: only an approved one may stop the line on its own."""

    CANDIDATE = "candidate"
    PROVISIONAL = "provisional"
    APPROVED = "approved"
    RETIRED = "retired"


# Evidence moves a type between candidate and provisional; people approve it, retire it from anywhere and bring it back,
# where it begins anew: what it had been approved on may have changed meanwhile.
_MOVES: Mapping[LifeCycle, frozenset[LifeCycle]] = MappingProxyType(
    {
        LifeCycle.CANDIDATE: frozenset({LifeCycle.PROVISIONAL, LifeCycle.RETIRED}),
        LifeCycle.PROVISIONAL: frozenset({LifeCycle.CANDIDATE, LifeCycle.APPROVED, LifeCycle.RETIRED}),
        LifeCycle.APPROVED: frozenset({LifeCycle.RETIRED}),
        LifeCycle.RETIRED: frozenset({LifeCycle.CANDIDATE}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeMove:
    """One step of a type in its life cycle: from, to, who, why, when; ``before`` is None for its first."""

    line: str
    defect_type: str
    before: LifeCycle | None
    after: LifeCycle
    operator: str
    reason: str
    at: datetime


def may_move(before: LifeCycle | None, after: LifeCycle) -> bool:
    """Whether a type may go from one stage to another; a new one (None) begins as candidate or provisional."""
    if before is None:
        return after in (LifeCycle.CANDIDATE, LifeCycle.PROVISIONAL)
    return after in _MOVES[before]


def check_move(defect_type: str, before: LifeCycle, after: LifeCycle) -> None:
    """Raise RefusedError, which says what the type may become, where it may not go from one stage to another."""
    if not may_move(before, after):
        allowed = " or ".join(sorted(stage.value for stage in _MOVES[before]))
        raise RefusedError(f"type {defect_type!r} is {before.value} and cannot become {after.value}, only {allowed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectType:
    """A named kind of defect on one line."""

    name: str
    life_cycle: LifeCycle = LifeCycle.CANDIDATE


def checked_name(name: str, *, what: str = "type") -> str:
    """Return ``name`` in Unicode normal form C, stripped; letters of any script, digits and spaces are fine.

    Raises BadDataError for an empty or overlong name, control or text-direction characters, undecodable bytes, slashes,
    angle brackets or a leading dot.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean or len(clean) > _LONGEST_NAME or clean.startswith(".") or _FORBIDDEN.search(clean):
        raise BadDataError(
            f"{what} name {name!r} cannot be used; give 1 to {_LONGEST_NAME} characters without slashes, "
            "angle brackets, control characters or a leading dot"
        )
    return clean


def checked_type(name: str) -> str:
    """Return a defect type's name, refusing the reserved words for defect-free and unknown."""
    clean = checked_name(name)
    if clean.casefold() in NORMAL_CLASSES or clean.casefold() == UNKNOWN_TYPE:
        raise BadDataError(f"type name {clean!r} is reserved (defect-free or unknown); choose another")
    return clean


def is_normal(class_name: str) -> bool:
    """Whether a class folder's name says defect-free."""
    return class_name.casefold() in NORMAL_CLASSES


def life_cycle_for(samples: int, *, held_out: int = 0) -> LifeCycle:
    """Return what the evidence allows: provisional from 3 samples on, approved with held-out labels beside them."""
    if samples < PROVISIONAL_SAMPLES:
        return LifeCycle.CANDIDATE
    return LifeCycle.APPROVED if held_out > 0 else LifeCycle.PROVISIONAL
