"""Families of material, defect types and their life cycle."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from inspect_pipeline.errors import BadDataError

NORMAL_CLASSES = frozenset({"normal", "good", "ok"})
UNKNOWN_TYPE = "unknown"
_LONGEST_NAME = 80
_PROVISIONAL_SAMPLES = 3
# Separators of paths and markup, controls (C0, C1), line separators, text direction marks that make a name read as
# another, and halves of surrogate pairs (undecodable file names), which no database or page can hold.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f/\\\\<>\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class LifeCycle(StrEnum):
    """How far a type has come: only an approved one may stop the line on its own."""

    CANDIDATE = "candidate"
    PROVISIONAL = "provisional"
    APPROVED = "approved"
    RETIRED = "retired"


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
    if samples < _PROVISIONAL_SAMPLES:
        return LifeCycle.CANDIDATE
    return LifeCycle.APPROVED if held_out > 0 else LifeCycle.PROVISIONAL
