"""A colour and a shape for every type, so that types stay apart in print and for colour-blind readers."""

from collections.abc import Iterable
from dataclasses import dataclass

from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE

COLOURS = 7
SHAPES = 8
"""Seven colours and eight shapes share no factor: the first 56 types each have a pair of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """CSS class of the colour and id of the shape (both drawn by the templates)."""

    name: str
    colour: str
    shape: str


_UNKNOWN = Symbol(name=UNKNOWN_TYPE, colour="unknown", shape="shape-unknown")


def symbols(names: Iterable[str]) -> dict[str, Symbol]:
    """Return a symbol for each name and for ``unknown``, by name: a line's reports look alike from coil to coil."""
    known = sorted({name for name in names if name != UNKNOWN_TYPE})
    chosen = {
        name: Symbol(name=name, colour=f"type-{index % COLOURS}", shape=f"shape-{index % SHAPES}")
        for index, name in enumerate(known)
    }
    return chosen | {UNKNOWN_TYPE: _UNKNOWN}
