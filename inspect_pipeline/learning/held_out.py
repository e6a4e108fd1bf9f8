"""Folds for meta-training: whole families are held out where there are enough, else whole types, else whole groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices, plan_episodes

_FEWEST_FAMILIES = 3
_FEWEST_TYPES = 4  # two to train on and two to tell apart


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folds:
    """What is kept apart, the episodes that every side can serve, and the samples held out of training, fold by fold.

    No sample is held out twice; a fold trains on all samples that it does not hold out.
    """

    by: Literal["family", "type", "group"]
    spec: EpisodeSpec
    held_out: tuple[Indices, ...]

    def training(self, fold: int, *, samples: int) -> Indices:
        """Return the samples, of so many in all, that a fold trains on."""
        kept = np.ones(samples, dtype=bool)
        kept[self.held_out[fold]] = False
        return np.flatnonzero(kept)


def fold_samples(index: EpisodeIndex, spec: EpisodeSpec, generator: np.random.Generator, *, most: int) -> Folds:
    """Return the folds of the samples, ``most`` of them at most (2 or more).

    With 3 or more families that can serve ``spec``, families are dealt to the folds, those with a leakage group in
    common (partitions of one family, as ``cactus`` makes them) to the same. With fewer, the types of every
    family with 4 or more are dealt to two folds, and episodes may have fewer ways. Else the leakage groups are: the
    weakest proof, since the types are then known. Raises BadDataError when no family can serve ``spec`` at all.
    """
    plan = plan_episodes(index, spec)
    clans = _clans(index, list(plan.members))
    if len(clans) >= _FEWEST_FAMILIES:
        parts = np.array_split(generator.permutation(len(clans)), min(most, len(clans)))
        fold_of = {name: fold for fold, part in enumerate(parts) for place in part.tolist() for name in clans[place]}
        return _folds("family", spec, np.array([fold_of.get(name, -1) for name in index.families]))
    rich = {family: list(types) for family, types in plan.members.items() if len(types) >= _FEWEST_TYPES}
    if rich:
        fold_of_type = {
            (family, types[place]): turn % 2
            for family, types in rich.items()
            for turn, place in enumerate(generator.permutation(len(types)).tolist())
        }
        way = min(spec.way, max(len(types) // 2 for types in rich.values()))
        pairs = zip(index.families, index.types, strict=True)
        return _folds("type", replace(spec, way=way), np.array([fold_of_type.get(pair, -1) for pair in pairs]))
    return _folds("group", spec, _sides_of_groups(index, generator))


def _clans(index: EpisodeIndex, families: Sequence[str]) -> list[list[str]]:
    """Return the families in their order, those that share leakage groups together."""
    names = np.array(index.families, dtype=object)
    clans: list[tuple[list[str], set[int]]] = []
    for family in families:
        groups = set(index.groups[names == family].tolist())
        kin = [clan for clan in clans if clan[1] & groups]
        clans = [clan for clan in clans if not clan[1] & groups]
        joined = [name for clan in kin for name in clan[0]]
        clans.append(([*joined, family], groups.union(*(clan[1] for clan in kin))))
    return [names for names, _ in clans]


def _sides_of_groups(index: EpisodeIndex, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the side, 0 or 1, of every sample; groups are never torn, and types are halved as far as that allows."""
    sides: dict[int, int] = {}
    for types in index.members().values():
        for samples in types.values():
            taken = 0
            for group in generator.permutation(np.unique(index.groups[samples])).tolist():
                side = sides.setdefault(group, int(2 * taken < len(samples)))
                taken += side * int(np.count_nonzero(index.groups[samples] == group))
    return np.array([sides[int(group)] for group in index.groups], dtype=np.intp)


def _folds(by: Literal["family", "type", "group"], spec: EpisodeSpec, fold_of: NDArray[np.intp]) -> Folds:
    held_out = tuple(np.flatnonzero(fold_of == fold) for fold in range(int(fold_of.max()) + 1))
    return Folds(by=by, spec=spec, held_out=held_out)
