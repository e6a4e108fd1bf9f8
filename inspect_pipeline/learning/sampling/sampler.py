"""Training episodes by step and number: a pure function of the seed, the number and the hardness before the step.

So it does not matter who draws them, or in which order, and a run goes on from a step as if it had not stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.episodes import (
    Episode,
    EpisodeIndex,
    EpisodePlan,
    EpisodeSpec,
    Indices,
    plan_episodes,
    sample_episode,
)
from inspect_pipeline.learning.sampling.hardness import Hardness, TypeKey
from inspect_pipeline.learning.sampling.partition import part_pools
from inspect_pipeline.learning.sampling.settings import Sampling
from inspect_pipeline.learning.sampling.type_pool import TypePool, normal_type, type_pool, type_weights

_FORM_STREAM = 1  # apart from the streams of episodes, which are [seed, number]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeSampler:
    """Draws the episodes of a training; built by ``episode_sampler``.

    ``pools`` and ``plans`` are kept by shot and by form; they are caches and hold nothing that a draw depends on.
    """

    index: EpisodeIndex
    spec: EpisodeSpec
    sampling: Sampling
    seed: int
    pools: Mapping[int, TypePool]
    plans: dict[EpisodeSpec, EpisodePlan] = field(default_factory=dict)

    @property
    def refused(self) -> tuple[str, ...]:
        """Why types and families cannot serve, at the most shots."""
        plan = self.plans.get(self.spec)
        return self.pools[max(self.pools)].refused if plan is None else plan.refused

    def form(self, step: int) -> EpisodeSpec:
        """Return the form of all episodes of a step; shots and ways are drawn equally often from their ranges."""
        if self.sampling.ways is None and self.sampling.shots is None:
            return self.spec
        generator = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(_FORM_STREAM, step)))
        shot = int(generator.choice(sorted(self.pools)))
        low, high = self.sampling.ways or (self.spec.way, self.spec.way)
        way = int(generator.integers(low, min(high, _most_ways(self.pools[shot], self.sampling)) + 1))
        return replace(self.spec, way=way, shot=shot)

    def step(self, step: int, *, numbers: Sequence[int], hardness: Hardness) -> list[Episode]:
        """Return the episodes of a step with these numbers."""
        form = self.form(step)
        return [self.draw(form, number=number, hardness=hardness) for number in numbers]

    def draw(self, form: EpisodeSpec, *, number: int, hardness: Hardness) -> Episode:
        """Return episode ``number`` in that form. Raises BadDataError when leakage groups cannot be kept apart."""
        generator = np.random.default_rng([self.seed, number])
        if self.sampling.plain:
            plan = self.plans.get(form)
            if plan is None:
                plan = self.plans[form] = plan_episodes(self.index, form)
            return sample_episode(plan, generator)
        pool = self.pools[form.shot]
        keys = _classes(pool, self.sampling, hardness, way=form.way, generator=generator)
        return self._episode(pool, form, keys, generator)

    def _episode(
        self, pool: TypePool, form: EpisodeSpec, keys: Sequence[TypeKey], generator: np.random.Generator
    ) -> Episode:
        others = _distractors(pool, keys, count=self.sampling.distractors, generator=generator)
        sides = part_pools(
            self.index.groups,
            form,
            [pool.able[family][name] for family, name in keys],
            others,
            unlabelled=self.sampling.unlabelled,
            generator=generator,
        )
        if sides is None:
            raise BadDataError(
                f"types {', '.join('/'.join(key) for key in keys)} share leakage groups so that {form.shot} supports, "
                f"{form.query} queries and {self.sampling.unlabelled} unlabelled samples a type cannot be kept apart; "
                "ask for fewer"
            )
        labels = np.arange(form.way, dtype=np.intp)
        families = tuple(family for family, _ in keys)
        mixed = len(set(families)) > 1
        return Episode(
            family="+".join(sorted(set(families))),
            class_names=tuple(name for _, name in keys),
            support=np.concatenate(sides[0]),
            support_labels=labels.repeat(form.shot),
            query=np.concatenate(sides[1]),
            query_labels=labels.repeat(form.query),
            unlabelled=np.concatenate([np.zeros(0, dtype=np.intp), *sides[2]]),
            materials=families if mixed else (),
        )


def episode_sampler(index: EpisodeIndex, spec: EpisodeSpec, sampling: Sampling, *, seed: int) -> EpisodeSampler:
    """Return the sampler of ``index``.

    The most ways of a range are lowered to what the data carries, the least are not: BadDataError says with the numbers
    why a form cannot be served.
    """
    fixed = sampling.ways is None and sampling.shots is None
    plans = {spec: plan_episodes(index, spec)} if sampling.plain and fixed else {}
    low, high = sampling.shots or (spec.shot, spec.shot)
    pools = {shot: type_pool(index, replace(spec, shot=shot), sampling) for shot in range(low, high + 1)}
    least = sampling.ways[0] if sampling.ways else spec.way
    for shot, pool in pools.items():
        most = _most_ways(pool, sampling)
        if most < least:
            raise BadDataError(
                f"no family can serve {least}-way {shot}-shot episodes with {spec.query} queries, "
                f"{sampling.unlabelled} unlabelled samples and {sampling.distractors} distractors, {most} ways at "
                f"most: {'; '.join(pool.refused) or 'there are too few types'}; add samples or ask for fewer"
            )
    return EpisodeSampler(index=index, spec=spec, sampling=sampling, seed=seed, pools=pools, plans=plans)


def _most_ways(pool: TypePool, sampling: Sampling) -> int:
    """Return the most ways that every episode can have, mixed or not."""
    alone = max(pool.alone.values(), default=0)
    mixed = _most_mixed(pool, sampling) if sampling.domain_shuffle else alone
    return mixed if sampling.domain_shuffle == 1.0 else min(alone, mixed)


def _most_mixed(pool: TypePool, sampling: Sampling) -> int:
    """Return the most ways of episodes of several families, 0 where there are not two that can give types."""
    names = [name for types in pool.able.values() for name in types]
    drawn_from, classes = len(pool.able), len(names)
    if sampling.normal_class:
        drawn_from = sum(any(not is_normal(name) for name in types) for types in pool.able.values())
        classes = sum(not is_normal(name) for name in names) + 1
        if not any(is_normal(name) for name in names):
            return 0
    if drawn_from < 2:
        return 0
    return min(classes, len(names) - sampling.distractors)


def _classes(
    pool: TypePool, sampling: Sampling, hardness: Hardness, *, way: int, generator: np.random.Generator
) -> list[TypeKey]:
    """Return the classes of an episode, in random order but for the normal one, which is the first."""
    weights = type_weights(pool, sampling, hardness)
    mixed = sampling.domain_shuffle > 0.0 and generator.random() < sampling.domain_shuffle
    able = [family for family in pool.able if mixed or pool.ways(family) >= way]
    if sampling.normal_class:
        able = [family for family in able if normal_type(pool.able[family]) is not None]
    totals = np.array([weights[family].sum() for family in able])
    first = able[int(generator.choice(len(able), p=totals / totals.sum()))]
    normal = normal_type(pool.able[first]) if sampling.normal_class else None
    odds = {
        (family, name): float(weight)
        for family in (pool.able if mixed else (first,))
        for name, weight in zip(pool.able[family], weights[family], strict=True)
        if not (sampling.normal_class and is_normal(name))
    }
    fixed = [] if normal is None else [(first, normal)]
    if mixed:
        drawn = _mixed(odds, first, count=way - len(fixed), generator=generator, anchored=bool(fixed))
    else:
        drawn = _several(odds, count=way - len(fixed), generator=generator)
    return [*fixed, *(drawn[place] for place in generator.permutation(len(drawn)))]


def _mixed(
    odds: Mapping[TypeKey, float], first: str, *, count: int, generator: np.random.Generator, anchored: bool
) -> list[TypeKey]:
    """Return types of which one is of the ``first`` family (``anchored``: its normal type is), one of another."""
    own = {key: odd for key, odd in odds.items() if key[0] == first}
    drawn = [] if anchored else _several(own, count=1, generator=generator)
    drawn += _several({key: odd for key, odd in odds.items() if key[0] != first}, count=1, generator=generator)
    rest = {key: odd for key, odd in odds.items() if key not in drawn}
    return drawn + _several(rest, count=count - len(drawn), generator=generator)


def _several(odds: Mapping[TypeKey, float], *, count: int, generator: np.random.Generator) -> list[TypeKey]:
    """Return so many different types; each draw goes by the odds of those that are left."""
    keys = list(odds)
    if count == 0:
        return []
    shares = np.array([odds[key] for key in keys])
    places = generator.choice(len(keys), count, replace=False, p=shares / shares.sum())
    return [keys[place] for place in places.tolist()]


def _distractors(
    pool: TypePool, keys: Sequence[TypeKey], *, count: int, generator: np.random.Generator
) -> list[Indices]:
    """Return the samples of types of the episode's families that are not among its classes."""
    if count == 0:
        return []
    families = dict.fromkeys(family for family, _ in keys)
    spare = [
        pool.spare[family][name] for family in families for name in pool.spare[family] if (family, name) not in keys
    ]
    if len(spare) < count:  # a mixed episode of small families
        spare = [
            samples
            for family, types in pool.spare.items()
            for name, samples in types.items()
            if (family, name) not in keys
        ]
    return [spare[place] for place in generator.choice(len(spare), count, replace=False).tolist()]
