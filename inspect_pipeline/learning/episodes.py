"""Few-shot episodes: types of one family, a few supports and queries each, never the same sample or leakage group.

An episode's number and the seed alone decide it, so it is the same whatever the workers or the order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError

Indices = NDArray[np.intp]


def _none() -> Indices:
    return np.zeros(0, dtype=np.intp)


_DRAWS = 20  # draws before the exact partition is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSpec:
    """``way`` types with ``shot`` supports and ``query`` queries each."""

    way: int
    shot: int
    query: int

    def __post_init__(self) -> None:
        if self.way < 2 or self.shot < 1 or self.query < 1:
            raise BadDataError(
                f"an episode of {self.way} ways, {self.shot} shots and {self.query} queries cannot be drawn; "
                "give at least 2 ways, 1 shot and 1 query"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """Sample indices and labels 0..way-1 of one task; rows of a class lie together, in class order.

    ``unlabelled`` are further samples of these types, and of distractors, without a label; mostly there are none.
    ``materials`` are the families of the classes where they differ, else empty: all are of ``family``.
    """

    family: str
    class_names: tuple[str, ...]
    support: Indices
    support_labels: Indices
    query: Indices
    query_labels: Indices
    unlabelled: Indices = field(default_factory=_none)
    materials: tuple[str, ...] = ()

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """The family and the type of every class, in class order."""
        return tuple(zip(self.materials or (self.family,) * len(self.class_names), self.class_names, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeIndex:
    """Family, type and leakage group (0..groups-1) of n samples, as arrays of length n; built by ``index_samples``."""

    families: tuple[str, ...]
    types: tuple[str, ...]
    groups: Indices

    def __len__(self) -> int:
        return len(self.families)

    def members(self) -> dict[str, dict[str, Indices]]:
        """Return the sample indices of every type of every family, names sorted."""
        found: dict[str, dict[str, list[int]]] = {}
        for sample, (family, type_name) in enumerate(zip(self.families, self.types, strict=True)):
            found.setdefault(family, {}).setdefault(type_name, []).append(sample)
        return {
            family: {name: np.array(found[family][name], dtype=np.intp) for name in sorted(found[family])}
            for family in sorted(found)
        }

    def subset(self, samples: Sequence[int] | Indices) -> "EpisodeIndex":
        """Return the index of these samples only, samples and groups renumbered from 0 in the order given."""
        _, groups = np.unique(self.groups[np.asarray(samples, dtype=np.intp)], return_inverse=True)
        return EpisodeIndex(
            families=tuple(self.families[sample] for sample in samples),
            types=tuple(self.types[sample] for sample in samples),
            groups=groups,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodePlan:
    """What can be drawn: the sample indices of every type that can serve, and why the rest cannot."""

    index: EpisodeIndex
    spec: EpisodeSpec
    members: Mapping[str, Mapping[str, Indices]]
    refused: tuple[str, ...]


def index_samples(*, families: Sequence[str], types: Sequence[str], groups: Sequence[str]) -> EpisodeIndex:
    """Return the index of n samples. An empty group means that the sample is a group of its own.

    Groups are told apart within a family. Raises BadDataError when the three are not equally long, or empty.
    """
    if not len(families) == len(types) == len(groups):
        raise BadDataError(f"{len(families)} families, {len(types)} types, {len(groups)} groups: give one a sample")
    if not families:
        raise BadDataError("there is no sample to draw episodes from; give labelled images")
    keys = [
        (family, group, -1 if group else sample)
        for sample, (family, group) in enumerate(zip(families, groups, strict=True))
    ]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return EpisodeIndex(
        families=tuple(families),
        types=tuple(types),
        groups=np.array([numbers[key] for key in keys], dtype=np.intp),
    )


def plan_episodes(index: EpisodeIndex, spec: EpisodeSpec) -> EpisodePlan:
    """Return the families and types that can serve ``spec``; those that cannot stand in ``refused`` with their numbers.

    Raises BadDataError, with all those numbers, when no family can.
    """
    members: dict[str, dict[str, Indices]] = {}
    refused: list[str] = []
    for family, types in index.members().items():
        faults = {name: type_fault(index.groups[samples], spec) for name, samples in types.items()}
        able = {name: samples for name, samples in types.items() if not faults[name]}
        refused += [f"type {name!r} of family {family!r} has {fault}" for name, fault in faults.items() if fault]
        if len(able) >= spec.way:
            members[family] = able
        else:
            refused.append(f"family {family!r} has {len(able)} usable types of {spec.way}")
    if not members:
        raise BadDataError(
            f"no family can serve {spec.way}-way {spec.shot}-shot episodes with {spec.query} queries: "
            f"{'; '.join(refused)}; add samples or ask for fewer"
        )
    return EpisodePlan(index=index, spec=spec, members=members, refused=tuple(refused))


def episode(plan: EpisodePlan, *, seed: int, number: int) -> Episode:
    """Return episode ``number`` of ``seed``, the same in any process and order."""
    return sample_episode(plan, np.random.default_rng([seed, number]))


def sample_episode(plan: EpisodePlan, generator: np.random.Generator) -> Episode:
    """Return a random episode: a family drawn uniformly, then its types, then their samples.

    Supports are drawn uniformly, then queries from the groups that no support of the episode touches. Raises
    BadDataError when groups that span several types leave no such queries.
    """
    spec = plan.spec
    names = tuple(plan.members)
    family = names[int(generator.integers(len(names)))]
    types = plan.members[family]
    chosen = generator.permutation(len(types))[: spec.way]
    classes = tuple(list(types)[place] for place in chosen)
    split = split_pools(plan.index.groups, spec, [types[name] for name in classes], generator)
    if split is None:
        raise BadDataError(
            f"types {', '.join(classes)} of family {family!r} share leakage groups so that {spec.shot} supports and "
            f"{spec.query} queries a type cannot be kept apart; ask for fewer"
        )
    labels = np.arange(spec.way, dtype=np.intp)
    return Episode(
        family=family,
        class_names=classes,
        support=np.concatenate(split[0]),
        support_labels=labels.repeat(spec.shot),
        query=np.concatenate(split[1]),
        query_labels=labels.repeat(spec.query),
    )


def split_pools(
    groups: Indices, spec: EpisodeSpec, pools: Sequence[Indices], generator: np.random.Generator
) -> tuple[list[Indices], list[Indices]] | None:
    """Return supports and queries of every class with no group on both sides, or None.

    ``groups`` are those of all samples, ``pools`` the samples of each class.
    """
    for draw in range(_DRAWS + 1):
        if draw < _DRAWS:
            allowed = pools
        else:  # uniform draws failed: a few large groups; keep supports to groups that leave enough
            allowed = [_leaving_queries(pool, groups[pool], spec=spec, generator=generator) for pool in pools]
        support = [generator.choice(pool, spec.shot, replace=False) for pool in allowed]
        touched = np.zeros(len(groups), dtype=bool)
        touched[groups[np.concatenate(support)]] = True
        free = [pool[~touched[groups[pool]]] for pool in pools]
        if min(len(pool) for pool in free) >= spec.query:
            return support, [generator.choice(pool, spec.query, replace=False) for pool in free]
    return None


def type_fault(groups: Indices, spec: EpisodeSpec) -> str:
    """Return why a type with samples of these ``groups`` cannot serve, with the numbers, or an empty text."""
    needed = spec.shot + spec.query
    if len(groups) < needed:
        return f"{len(groups)} samples, {needed} are needed"
    sizes = np.bincount(groups)
    sizes = sizes[sizes > 0]
    if _window(_reachable(sizes)[0], len(groups), spec) == 0:
        return (
            f"{len(groups)} samples in {len(sizes)} leakage groups, "
            f"which cannot be parted into {spec.shot} and {spec.query}"
        )
    return ""


def _reachable(sizes: NDArray[np.intp]) -> list[int]:
    """Return, for every i, the sums that subsets of sizes[i:] reach, as bits of an integer."""
    sums = [1]
    for size in sizes[::-1]:
        sums.append(sums[-1] | (sums[-1] << int(size)))
    return sums[::-1]


def _window(sums: int, total: int, spec: EpisodeSpec, *, taken: int = 0) -> int:
    """Return the bits of ``sums`` that, with ``taken``, are enough for supports and leave enough for queries."""
    lowest, highest = max(spec.shot - taken, 0), total - spec.query - taken
    return (sums >> lowest) & ((1 << max(highest - lowest + 1, 0)) - 1)


def _leaving_queries(pool: Indices, groups: Indices, *, spec: EpisodeSpec, generator: np.random.Generator) -> Indices:
    """Return the samples of randomly ordered groups that hold the supports and leave the queries."""
    order = generator.permutation(np.unique(groups))
    sizes = np.array([np.count_nonzero(groups == group) for group in order], dtype=np.intp)
    sums, taken, kept = _reachable(sizes), 0, []
    for place, group in enumerate(order):
        size = int(sizes[place])
        if taken < spec.shot and _window(sums[place + 1], len(pool), spec, taken=taken + size):
            taken += size
            kept.append(group)
    return pool[np.isin(groups, kept)]
