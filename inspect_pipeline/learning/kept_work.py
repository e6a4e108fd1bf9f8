"""What a teaching may take from an earlier one instead of making it anew: it is the same, bit for bit."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from inspect_pipeline.learning.good_ground import Grounds, good_ground
from inspect_pipeline.learning.quick_fit import TypeFits, fit_types

Vectors = Callable[[str, Callable[[], Tensor]], Tensor]
"""Gives the vector of a guessed region by a text that says all it depends on beside the trunk, or makes it."""


def made_anew(_what: str, make: Callable[[], Tensor]) -> Tensor:
    """Return what is made."""
    return make()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWork:
    """What is of good material alone, of one type on it, and the descriptions of guessed regions."""

    grounds: Grounds = good_ground
    vectors: Vectors = made_anew
    types: TypeFits = fit_types


NOTHING_KEPT = KeptWork()
