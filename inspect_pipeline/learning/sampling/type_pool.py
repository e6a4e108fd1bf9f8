"""Which types can serve an episode of a form, which families can serve one alone, and how often each is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices, type_fault
from inspect_pipeline.learning.sampling.hardness import Hardness
from inspect_pipeline.learning.sampling.partition import deal
from inspect_pipeline.learning.sampling.settings import Sampling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TypePool:
    """``able`` types with their samples by family, the ``spare`` ones that can only distract, and what is refused.

    ``alone`` are the most ways that a family serves by itself; families that cannot serve two are not in it.
    """

    able: Mapping[str, Mapping[str, Indices]]
    spare: Mapping[str, Mapping[str, Indices]]
    alone: Mapping[str, int]
    refused: tuple[str, ...]

    def ways(self, family: str) -> int:
        """Return the most ways of an episode of that family alone, 0 where it cannot serve any."""
        return self.alone.get(family, 0)


def type_pool(index: EpisodeIndex, spec: EpisodeSpec, sampling: Sampling) -> TypePool:
    """Return what can be drawn for the shots and queries of ``spec`` (its way does not matter here)."""
    able: dict[str, dict[str, Indices]] = {}
    spare: dict[str, dict[str, Indices]] = {}
    refused = []
    for family, types in index.members().items():
        faults = {name: _fault(index.groups[samples], spec, sampling) for name, samples in types.items()}
        able[family] = {name: samples for name, samples in types.items() if not faults[name]}
        spare[family] = {name: samples for name, samples in types.items() if len(samples) >= sampling.unlabelled}
        refused += [f"type {name!r} of family {family!r} has {fault}" for name, fault in faults.items() if fault]
        if sampling.normal_class and normal_type(able[family]) is None:
            refused.append(f"family {family!r} has no usable normal type")
    alone = {family: _alone(types, spare[family], sampling) for family, types in able.items()}
    return TypePool(
        able={family: types for family, types in able.items() if types},
        spare=spare,
        alone={family: ways for family, ways in alone.items() if ways >= 2},
        refused=tuple(refused),
    )


def normal_type(types: Mapping[str, Indices]) -> str | None:
    """Return the first type whose name says that nothing is wrong, or None."""
    return next((name for name in types if is_normal(name)), None)


def _alone(types: Mapping[str, Indices], spare: Mapping[str, Indices], sampling: Sampling) -> int:
    """Return the most ways, the normal one counted, that leave the distractors asked for."""
    normal = normal_type(types)
    if sampling.normal_class and normal is None:
        return 0
    defects = sum(not is_normal(name) for name in types)
    counted = defects + 1 if sampling.normal_class else len(types)
    useless = len(spare.keys() - types.keys())  # they cannot be classes, but they can distract
    return min(counted, len(types) + useless - sampling.distractors)


def _fault(groups: Indices, spec: EpisodeSpec, sampling: Sampling) -> str:
    fault = type_fault(groups, spec)
    if fault or not sampling.unlabelled:
        return fault
    needs = (spec.shot, spec.query, sampling.unlabelled)
    sizes = np.unique(groups, return_counts=True)[1]
    if len(groups) < sum(needs):
        return f"{len(groups)} samples, {sum(needs)} are needed"
    if sizes.max() > 1 and deal(sizes.tolist(), needs, np.random.default_rng(0)) is None:
        return f"{len(groups)} samples in {len(sizes)} leakage groups, which cannot be parted into {needs}"
    return ""


def type_weights(pool: TypePool, sampling: Sampling, hardness: Hardness) -> dict[str, NDArray[np.float64]]:
    """Return the weight of every able type (in the order of the pool); a family's sum is how often it is drawn."""
    weights: dict[str, NDArray[np.float64]] = {}
    if sampling.policy == "hard":
        return _hard(pool, sampling, hardness)
    for family, types in pool.able.items():
        counts = np.array([len(samples) for samples in types.values()], dtype=np.float64)
        if sampling.policy == "uniform":
            weights[family] = np.ones(len(counts))
        elif sampling.policy == "hierarchical":
            share = counts**sampling.type_power
            weights[family] = float(counts.sum()) ** sampling.family_power * share / share.sum()
        else:
            weights[family] = np.full(len(counts), 1.0 / len(counts))
    return weights


def _hard(pool: TypePool, sampling: Sampling, hardness: Hardness) -> dict[str, NDArray[np.float64]]:
    keys = [(family, name) for family, types in pool.able.items() for name in types]
    losses = np.maximum(hardness.of(keys), 1e-12) ** sampling.hard_power
    losses = losses / losses.mean()
    floor = sampling.hard_floor
    weights, place = {}, 0
    for family, types in pool.able.items():
        own = losses[place : place + len(types)]
        place += len(types)
        weights[family] = (floor + (1.0 - floor) * own) / len(types)  # the sum is the mean over the types
    return weights
