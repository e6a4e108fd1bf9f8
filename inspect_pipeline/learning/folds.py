"""Which good units are judged together by a fit that saw none of them."""

from collections.abc import Sequence

import numpy as np

from inspect_pipeline.learning.examples import GoodUnit


def folds(good: Sequence[GoodUnit], *, count: int, generator: np.random.Generator) -> list[int]:
    """Return the fold of every unit: whole leakage groups where they are known, else blocks of consecutive frames.

    Where neither comes in sufficient number, blocks of units. Material drifts along a coil and differs between coils:
    a unit is judged by a fit that saw none of its neighbours, as production is. Folds that share a group promise too
    much (40% of good images alarmed at a promise of 5% on ac_piston). The generator draws where blocks begin.
    """
    groups: Sequence[str | int] = [unit.group or unit.frame for unit in good]
    named = {unit.group for unit in good if unit.group}
    if len(set(groups)) < (2 if named else count):
        groups = range(len(good))
    names = list(dict.fromkeys(groups))
    many = len(names)
    start = int(generator.integers(many))  # where the first block begins; the last one goes on at the head
    fold = {name: (place - start) % many * min(count, many) // many for place, name in enumerate(names)}
    return [fold[group] for group in groups]
