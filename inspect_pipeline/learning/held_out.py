"""What meta-training must not see: whole families where there are enough, else whole types, else whole groups."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices, plan_episodes

_FEWEST_FAMILIES = 3
_FEWEST_TYPES = 4  # two to train on and two to tell apart


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Division:
    """Samples to train on and samples to validate on, the episodes each can serve, and what was kept apart."""

    by: Literal["family", "type", "group"]
    train: Indices
    validation: Indices
    train_spec: EpisodeSpec
    validation_spec: EpisodeSpec


def divide(index: EpisodeIndex, spec: EpisodeSpec, generator: np.random.Generator) -> Division:
    """Return the division of the samples for training and validation.

    With 3 or more families that can serve ``spec``, a quarter of them (at least one) is held out. With fewer, half of
    the types of every family with 4 or more; episodes then have fewer ways. Else half of every type's leakage groups:
    the weakest proof, since types are then known. Raises BadDataError when no family can serve ``spec`` at all.
    """
    plan = plan_episodes(index, spec)
    families = tuple(plan.members)
    if len(families) >= _FEWEST_FAMILIES:
        order = generator.permutation(len(families))
        kept_out = {families[place] for place in order[: max(1, len(families) // 4)]}
        return _division("family", [name in kept_out for name in index.families], train=spec, validation=spec)
    rich = {family: list(types) for family, types in plan.members.items() if len(types) >= _FEWEST_TYPES}
    if rich:
        return _by_type(index, spec, rich=rich, generator=generator)
    return _division("group", _half_of_the_groups(index, generator), train=spec, validation=spec)


def _by_type(
    index: EpisodeIndex, spec: EpisodeSpec, *, rich: dict[str, list[str]], generator: np.random.Generator
) -> Division:
    kept_out = {
        (family, types[place])
        for family, types in rich.items()
        for place in generator.permutation(len(types))[: len(types) // 2]
    }
    fewest_held = max(len(types) // 2 for types in rich.values())
    fewest_kept = max(len(types) - len(types) // 2 for types in rich.values())
    return _division(
        "type",
        [pair in kept_out for pair in zip(index.families, index.types, strict=True)],
        train=replace(spec, way=min(spec.way, fewest_kept)),
        validation=replace(spec, way=min(spec.way, fewest_held)),
    )


def _half_of_the_groups(index: EpisodeIndex, generator: np.random.Generator) -> list[bool]:
    """Return which samples lie in a group held out; of every type about half the samples, where groups allow it."""
    held: dict[int, bool] = {}
    for types in index.members().values():
        for samples in types.values():
            taken = 0
            for group in generator.permutation(np.unique(index.groups[samples])).tolist():
                side = held.setdefault(group, 2 * taken < len(samples))
                taken += int(np.count_nonzero(index.groups[samples] == group)) if side else 0
    return [held[int(group)] for group in index.groups]


def _division(
    by: Literal["family", "type", "group"], held: list[bool], *, train: EpisodeSpec, validation: EpisodeSpec
) -> Division:
    mask = np.array(held, dtype=bool)
    return Division(
        by=by,
        train=np.flatnonzero(~mask),
        validation=np.flatnonzero(mask),
        train_spec=train,
        validation_spec=validation,
    )
