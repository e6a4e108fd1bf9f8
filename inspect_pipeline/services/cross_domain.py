"""Leave one material out: each material in turn is kept from the training and then measured, beside the baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, Indices, plan_episodes
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import frozen_baselines
from inspect_pipeline.learning.outer_loop import meta_train
from inspect_pipeline.learning.outer_loop_settings import OuterLoop
from inspect_pipeline.services.evaluation import Described
from inspect_pipeline.services.method_figures import ACCURACY, DIFFERENCE, Values, difference, over_materials, share
from inspect_pipeline.services.training import servable

_FEWEST_MATERIALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossDomainSummary:
    """The method on every material that its training did not see; ``accuracy`` and ``interval`` are over materials.

    ``per_family`` holds a row a material: its accuracy, that of what the outer loop would ship, of the baselines on the
    same episodes, what was gained over each, and the same of each training. ``seeds`` are the trainings of each.
    """

    task: str
    method: str
    model: str | None
    options: Mapping[str, Option]
    accuracy: float
    interval: tuple[float, float]
    way: int
    shot: int
    query: int
    episodes: int
    seed: int
    seeds: int
    fingerprint: str
    samples: int
    baselines: Mapping[str, Mapping[str, Any]]
    differences: Mapping[str, Mapping[str, Any]]
    per_family: Mapping[str, Mapping[str, Any]]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Left:
    """One material left out: accuracies (e,) by method, averaged over trainings, and what each training came to."""

    spec: EpisodeSpec
    trained_on: int
    values: Mapping[str, Values]
    shipped: Values
    chosen: tuple[str, ...]
    kept_steps: tuple[int, ...]
    gains: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossDomain:
    """How every material is trained without and measured; ``training`` is the form of the training's episodes."""

    method: Method
    spec: EpisodeSpec
    training: EpisodeSpec
    outer_loop: OuterLoop
    episodes: int
    seed: int
    seeds: int
    progress: Progress
    clock: Clock | None = None

    def run(self, described: Described) -> CrossDomainSummary:
        """Return the table. Raises BadDataError for fewer than 3 materials that can be measured."""
        index, refused, left = described.index, [], {}
        families = sorted(set(index.families))
        for number, family in enumerate(families):
            self.progress("left out", number, len(families), family)
            of_family = np.array([name == family for name in index.families])
            try:
                left[family] = self._without(described, np.flatnonzero(of_family), np.flatnonzero(~of_family))
            except BadDataError as error:
                refused.append(f"{family}: {error}")
        self.progress("left out", len(families), len(families))
        if len(left) < _FEWEST_MATERIALS:
            raise BadDataError(
                f"{len(left)} materials can be left out, {_FEWEST_MATERIALS} are needed; give more --data"
                + "".join(f"; {reason}" for reason in refused)
            )
        return self._summary(described, left, refused)

    def _without(self, described: Described, held_out: Indices, rest: Indices) -> _Left:
        unseen, seen = described.index.subset(held_out), described.index.subset(rest)
        spec = _form(unseen, self.spec)
        asked = servable(seen, self.training)
        baselines = frozen_baselines(described.features.shape[1])
        rows: list[Mapping[str, Values]] = []
        chosen, kept_steps, shipped = [], [], []
        for seed in range(self.seed, self.seed + self.seeds):
            result = meta_train(
                self.method,
                described.features[rest],
                seen,
                asked,
                options=self.outer_loop,
                seed=seed,
                progress=self.progress,
                clock=self.clock,
            )
            found = evaluate(
                described.features[held_out],
                unseen,
                spec,
                episodes=self.episodes,
                seed=self.seed,
                methods=[result.trained, *baselines],
                sampling=self.outer_loop.sampling.judged,
            )
            rows.append({name: score.per_episode for name, score in found.scores.items()})
            shipped.append(rows[-1][result.trained.name if result.chosen != "frozen" else result.best_baseline])
            chosen.append(result.chosen)
            kept_steps.append(result.kept_step)
        ours = self.method.name
        return _Left(
            spec=spec,
            trained_on=len(set(seen.families)),
            values={name: _mean([row[name] for row in rows]) for name in rows[0]},
            shipped=_mean(shipped),
            chosen=tuple(chosen),
            kept_steps=tuple(kept_steps),
            gains={b.name: tuple(float((row[ours] - row[b.name]).mean()) for row in rows) for b in baselines},
        )

    def _summary(self, described: Described, left: Mapping[str, _Left], refused: Sequence[str]) -> CrossDomainSummary:
        ours = self.method.name
        names = [name for name in next(iter(left.values())).values if name != ours]
        mean = {name: _over(left, name) for name in (ours, *names)}
        return CrossDomainSummary(
            task="cross-domain",
            method=ours,
            model=None,
            options=dict(self.method.options()),
            accuracy=mean[ours][ACCURACY],
            interval=(mean[ours]["interval"][0], mean[ours]["interval"][1]),
            way=self.spec.way,
            shot=self.spec.shot,
            query=self.spec.query,
            episodes=self.episodes,
            seed=self.seed,
            seeds=self.seeds,
            fingerprint=described.fingerprint,
            samples=len(described.index),
            baselines={name: mean[name] for name in names},
            differences={name: _gained(left, ours, name) for name in names},
            per_family={family: _row(one, ours, names) for family, one in left.items()},
            refused=tuple(refused),
        )


def _form(index: EpisodeIndex, asked: EpisodeSpec) -> EpisodeSpec:
    """Return the episodes asked for, with fewer ways where the material has fewer types with enough samples."""
    (types,) = plan_episodes(index, replace(asked, way=2)).members.values()
    return replace(asked, way=min(asked.way, len(types)))


def _over(left: Mapping[str, _Left], name: str) -> dict[str, Any]:
    found = _over_materials([float(one.values[name].mean()) for one in left.values()], ACCURACY)
    return found | {"interval": [max(found["interval"][0], 0.0), min(found["interval"][1], 1.0)]}


def _gained(left: Mapping[str, _Left], ours: str, other: str) -> dict[str, Any]:
    gains = {family: difference(one.values[ours], one.values[other]) for family, one in left.items()}
    found = _over_materials([gain[DIFFERENCE] for gain in gains.values()], DIFFERENCE)
    return {**found, "over_materials": found, "per_family": gains}


def _over_materials(means: Sequence[float], name: str) -> dict[str, Any]:
    found = over_materials(means, name)
    if found is None:
        raise BadDataError(f"{len(means)} materials have no interval, {_FEWEST_MATERIALS} are needed; give more --data")
    return found


def _row(one: _Left, ours: str, others: Sequence[str]) -> dict[str, Any]:
    return {
        **share(one.values[ours], ACCURACY),
        "way": one.spec.way,
        "chance": 1.0 / one.spec.way,
        "trained_on": one.trained_on,
        "chosen": list(one.chosen),
        "kept_steps": list(one.kept_steps),
        "shipped": share(one.shipped, ACCURACY),
        "baselines": {name: share(one.values[name], ACCURACY) for name in others},
        "differences": {
            name: difference(one.values[ours], one.values[name]) | {"per_training": list(one.gains[name])}
            for name in others
        },
    }


def _mean(rows: Sequence[NDArray[np.float64]]) -> Values:
    values: Values = np.mean(np.stack(rows), axis=0)
    return values
