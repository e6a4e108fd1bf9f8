"""Accuracy over shots and steps on paired episodes: the same queries at every point, a family as far as it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pytest
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.contest import contest
from inspect_pipeline.learning.embedding import ChannelScales, Option
from inspect_pipeline.learning.episode_curves import Stepped, shot_curves, step_curves, with_shots
from inspect_pipeline.learning.episodes import EpisodeSpec, episode, plan_episodes
from inspect_pipeline.learning.evaluation import evaluate, with_permuted_types
from inspect_pipeline.learning.losses import Loss
from inspect_pipeline.learning.method import Classifier, Objective, query_objective
from inspect_pipeline.learning.methods.catalog import frozen_baselines, untrained
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.tasks import Tasks

from .episode_clouds import DIMS, clouds

SPEC = EpisodeSpec(way=3, shot=5, query=4)
EACH = {"a": 30, "b": 30, "c": 30}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guessing:
    """Answers the first class everywhere, but from ``steps`` steps on it is the nearest prototype."""

    inner: ProtoNet
    steps: int = 1
    wakes: int = 2
    name: str = "guessing"

    @property
    def embedding(self) -> ChannelScales:
        assert isinstance(self.inner.embedding, ChannelScales)
        return self.inner.embedding

    def options(self) -> dict[str, Option]:
        return {"steps": self.steps}

    def head(self) -> dict[str, Tensor]:
        return self.inner.head()

    def with_head(self, head: Mapping[str, Tensor]) -> Self:
        return replace(self, inner=self.inner.with_head(head))

    def with_steps(self, steps: int) -> Self:
        return replace(self, steps=steps)

    def adapt(self, support: Tensor, labels: Tensor, *, way: int, unlabelled: Tensor | None = None) -> Classifier:
        if self.steps >= self.wakes:
            return self.inner.adapt(support, labels, way=way)
        return _First(way=way)

    def objective(self, tasks: Tasks, *, loss: Loss, progress: float) -> Objective:
        return query_objective(self, tasks, loss=loss)


@dataclass(frozen=True)
class _First:
    way: int

    def score(self, query: Tensor) -> Tensor:
        return torch.eye(self.way)[0].expand(*query.shape[:-1], self.way)


def guessing() -> Guessing:
    return Guessing(inner=ProtoNet.untrained(ChannelScales.identity(DIMS)))


def test_fewer_shots_are_the_first_supports_of_every_class_and_the_queries_stay() -> None:
    _, index = clouds(EACH)
    drawn = episode(plan_episodes(index, SPEC), seed=0, number=0)
    two = with_shots(drawn, 2, of=5)
    assert two.support.tolist() == [int(drawn.support[row]) for row in (0, 1, 5, 6, 10, 11)]
    assert two.support_labels.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(two.query, drawn.query)


def test_the_largest_point_is_the_plain_accuracy_of_the_same_episodes() -> None:
    features, index = clouds(EACH, apart=1.5)
    methods = frozen_baselines(DIMS)
    (curve,) = shot_curves(contest(features, index, methods), SPEC, shots=(1, 3, 5), episodes=40, seed=7).curves
    plain = evaluate(features, index, SPEC, episodes=40, seed=7, methods=methods)
    assert (curve.family, curve.points) == ("family-0", (1, 3, 5))
    for name, score in plain.scores.items():
        np.testing.assert_allclose(curve.accuracies[name][-1], score.per_episode)


def test_more_shots_are_more_accurate_where_types_overlap() -> None:
    features, index = clouds(EACH, apart=1.5)
    entered = contest(features, index, frozen_baselines(DIMS))
    (curve,) = shot_curves(entered, SPEC, shots=(1, 5, 20), episodes=150, seed=0).curves
    for rows in curve.accuracies.values():
        assert rows[0].mean() + 0.05 < rows[1].mean() < rows[2].mean()


def test_a_family_goes_as_far_as_its_samples_and_the_rest_is_refused_with_what_it_needs() -> None:
    features, index = clouds(EACH, families=2)
    # The second family keeps 12 samples of a type: 5 shots and 4 queries, not 20.
    kept = np.array([sample for sample in range(len(index)) if sample < 90 or sample % 30 < 12])
    entered = contest(features[kept], index.subset(kept), frozen_baselines(DIMS))
    found = shot_curves(entered, SPEC, shots=(1, 5, 20), episodes=20, seed=0)
    assert {curve.family: curve.points for curve in found.curves} == {"family-0": (1, 5, 20), "family-1": (1, 5)}
    assert [curve.accuracies["ridge"].shape for curve in found.curves] == [(3, 10), (2, 10)]
    assert found.refused == ("20 shots: family 'family-1' has not the samples; a point needs 3 types of 24 samples",)


def test_a_curve_that_no_family_carries_is_refused() -> None:
    features, index = clouds(EACH)
    with pytest.raises(BadDataError, match="no curve over shots can be drawn: 30 shots: no family has the samples"):
        shot_curves(contest(features, index, frozen_baselines(DIMS)), SPEC, shots=(30,), episodes=4, seed=0)


def test_over_steps_the_method_changes_and_the_others_stand_still_on_the_same_episodes() -> None:
    features, index = clouds(EACH)
    entered = contest(features, index, [guessing(), *frozen_baselines(DIMS)])
    (curve,) = step_curves(entered, SPEC, name="guessing", steps=(0, 1, 2), episodes=30, seed=0).curves
    ours, nearest = curve.accuracies["guessing"], curve.accuracies["nearest_prototype"]
    np.testing.assert_allclose(ours[:2], 1 / 3)
    np.testing.assert_allclose(ours[2], nearest[2])
    np.testing.assert_array_equal(nearest[0], nearest[2])
    assert isinstance(guessing(), Stepped)


def test_a_method_without_steps_has_no_curve_over_them() -> None:
    features, index = clouds(EACH)
    entered = contest(features, index, [untrained("ridge", DIMS)])
    with pytest.raises(BadDataError, match="method ridge takes no steps of adaptation; leave the curve over steps out"):
        step_curves(entered, SPEC, name="ridge", steps=(0, 1), episodes=4, seed=0)


def test_permuted_types_leave_every_point_of_a_curve_at_chance() -> None:
    features, index = clouds(EACH)
    permuted = with_permuted_types(index, np.random.default_rng(0))
    entered = contest(features, permuted, frozen_baselines(DIMS))
    (curve,) = shot_curves(entered, SPEC, shots=(1, 5, 20), episodes=200, seed=0).curves
    for rows in curve.accuracies.values():
        np.testing.assert_allclose(rows.mean(axis=1), 1 / 3, atol=0.05)
