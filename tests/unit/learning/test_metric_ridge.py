"""Ridge and discriminant in a metric of history: exact numbers, and a metric only where other families gain by it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # type: ignore[import-untyped]

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate, with_permuted_types
from inspect_pipeline.learning.heads import prototype_logits, prototypes, ridge_weights
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.catalog import build_method, untrained
from inspect_pipeline.learning.methods.metric_ridge import MetricRidge, discriminant
from inspect_pipeline.learning.metric_ridge_fit import fit_metric_ridge, powered, scatter_by_family
from inspect_pipeline.learning.tasks import Tasks

DIMS, NOISY = 12, 5
SPECS = [EpisodeSpec(way=3, shot=shot, query=5) for shot in (1, 3)]


def history(seed: int, *, families: int = 4) -> tuple[NDArray[np.float32], EpisodeIndex]:
    """Types differ in quiet dimensions; loud ones differ within every type of every family."""
    generator = np.random.default_rng(seed)
    rows, names, types = [], [], []
    for family in range(families):
        for kind in range(3):
            middle = np.concatenate([np.zeros(NOISY), generator.normal(0, 0.9, DIMS - NOISY)])
            spread = np.concatenate([np.full(NOISY, 3.0), np.full(DIMS - NOISY, 0.5)])
            rows.append(middle + generator.normal(size=(10, DIMS)) * spread)
            names += [f"family-{family}"] * 10
            types += [f"type-{kind}"] * 10
    return np.concatenate(rows).astype(np.float32), index_samples(families=names, types=types, groups=[""] * len(names))


def fitted(features: NDArray[np.float32], index: EpisodeIndex) -> tuple[MetricRidge, dict[str, float], str]:
    sources = {"within types": scatter_by_family(features, index.families, index.types)}
    found = fit_metric_ridge(features, index, SPECS, sources=sources, episodes=30, seed=0)
    return found.method, dict(found.accuracies), found.chosen.source


def test_with_one_support_a_type_the_discriminant_is_the_nearest_prototype() -> None:
    generator = torch.Generator().manual_seed(0)
    support, query = torch.randn(3, 6, generator=generator), torch.randn(20, 6, generator=generator)
    labels = torch.arange(3)
    weights, offsets = discriminant(support, labels, way=3, within=5.0)
    expected = prototype_logits(query, prototypes(support, labels, way=3))
    assert torch.equal((query @ weights + offsets).argmax(dim=1), expected.argmax(dim=1))


def test_with_more_supports_it_is_the_discriminant_of_their_covariance_and_the_identity() -> None:
    generator = torch.Generator().manual_seed(1)
    support, query = torch.randn(12, 4, generator=generator).double(), torch.randn(30, 4, generator=generator).double()
    labels = torch.arange(3).repeat_interleave(4)
    weights, offsets = discriminant(support, labels, way=3, within=2.0)
    middles = prototypes(support, labels, way=3)
    deviations = support - middles[labels]
    covariance = torch.eye(4).double() + 2.0 * 9 * deviations.T @ deviations / deviations.square().sum()
    reference = LinearDiscriminantAnalysis(
        solver="lsqr", covariance_estimator=_Given(covariance.numpy()), priors=np.full(3, 1 / 3)
    ).fit(support.numpy(), labels.numpy())
    scores = reference.decision_function(query.numpy())
    ours = (query @ weights + offsets).numpy()
    assert np.allclose(scores - scores.mean(1, keepdims=True), ours - ours.mean(1, keepdims=True), atol=1e-8)


class _Given:
    """A covariance estimator for scikit-learn that estimates nothing."""

    def __init__(self, covariance_: NDArray[np.float64]) -> None:
        self.covariance_ = covariance_

    def fit(self, _rows: NDArray[np.float64]) -> "_Given":
        return self


def test_a_blend_far_below_zero_is_the_ridge_alone() -> None:
    generator = torch.Generator().manual_seed(2)
    support, query = torch.randn(2, 6, 8, generator=generator), torch.randn(2, 9, 8, generator=generator)
    labels = torch.arange(3).repeat_interleave(2)
    start = MetricRidge.untrained(ChannelScales.identity(8))
    head = replace(start, blend=torch.tensor([-50.0, 0.0]), log_temperature=torch.zeros(2))
    classifier = head.adapt(support, labels, way=3)
    rows = torch.nn.functional.normalize(support - support.mean(dim=1, keepdim=True), dim=-1)
    placed = torch.nn.functional.normalize(query - support.mean(dim=1, keepdim=True), dim=-1)
    expected = placed @ ridge_weights(rows, labels, way=3, penalty=0.1)
    assert torch.allclose(classifier.score(query), expected, atol=1e-5)


def test_constants_have_gradients_and_the_metric_of_history_has_none() -> None:
    method = build_method("metric_ridge", ChannelScales.identity(6), {"has_metric": True})
    head = {name: tensor.clone().requires_grad_() for name, tensor in method.head().items()}
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(2).repeat_interleave(2)
    tasks = Tasks(
        support=torch.randn(3, 4, 6, generator=generator),
        support_labels=labels,
        query=torch.randn(3, 4, 6, generator=generator),
        query_labels=labels,
        way=2,
    )
    method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=0.0).loss.sum().backward()  # type: ignore[no-untyped-call]
    assert head["metric"].grad is None
    assert all(float(head[name].grad.abs().sum()) > 0.0 for name in head.keys() - {"metric"})  # type: ignore[union-attr]


def test_a_metric_that_helps_on_left_out_families_is_chosen_and_helps_on_a_new_one() -> None:
    method, accuracies, source = fitted(*history(0))
    assert source == "within types"
    assert max(accuracies.values()) > max(v for k, v in accuracies.items() if k.startswith("no metric")) + 0.05
    features, index = history(7)
    scores = evaluate(
        features, index, SPECS[0], episodes=100, seed=1, methods=(method, untrained("ridge", DIMS))
    ).scores
    assert scores["metric_ridge"].accuracy.mean > scores["ridge"].accuracy.mean + 0.05


def test_with_permuted_types_nothing_is_better_than_chance() -> None:
    features, index = history(0)
    _, accuracies, _ = fitted(features, with_permuted_types(index, np.random.default_rng(1)))
    assert all(value == pytest.approx(1 / 3, abs=0.08) for value in accuracies.values())


def test_a_family_is_judged_by_a_metric_that_it_did_not_give() -> None:
    features, index = history(0, families=2)
    scatters = scatter_by_family(features, index.families, index.types)
    scatters = {**scatters, "family-1": np.diag(np.linspace(9.0, 0.1, DIMS))}
    found = fit_metric_ridge(features, index, SPECS[:1], sources={"within types": scatters}, episodes=30, seed=0)
    head = replace(MetricRidge.untrained(ChannelScales.identity(DIMS)), blend=torch.tensor([4.0, 0.0]))
    expected = []
    for family, other in (("family-0", "family-1"), ("family-1", "family-0")):
        rows = np.flatnonzero(np.array(index.families) == family)
        placed = features[rows] @ powered(scatters, [other], power=-0.25).numpy()
        scores = evaluate(placed, index.subset(rows), SPECS[0], episodes=30, seed=0, methods=(head,)).scores
        expected.append(scores[head.name].accuracy.mean)
    assert found.accuracies["within types -0.25 discriminant"] == pytest.approx(np.mean(expected), abs=1e-9)


def test_the_metric_of_turned_views_needs_no_types() -> None:
    views = np.array([[1.0, 0.0], [-1.0, 0.0], [5.0, 0.1], [7.0, 0.1]], dtype=np.float32)
    scatter = scatter_by_family(views, ["a"] * 4, ["first", "first", "second", "second"])["a"]
    assert np.allclose(scatter, [[2.0, 0.0], [0.0, 0.0]], atol=1e-6)
    metric = powered({"a": scatter}, ["a"], power=-0.5)
    assert float(metric[0, 0]) == pytest.approx(2.2**-0.5) and float(metric[1, 1]) == pytest.approx(0.2**-0.5)


def test_one_family_cannot_judge_itself() -> None:
    features, index = history(0, families=1)
    scatters = {"within types": scatter_by_family(features, index.families, index.types)}
    with pytest.raises(BadDataError, match="fewer than 2 families"):
        fit_metric_ridge(features, index, SPECS, sources=scatters, episodes=5, seed=0)


def test_the_head_survives_a_bundle_of_options_and_tensors() -> None:
    method, _, _ = fitted(*history(0))
    again = build_method("metric_ridge", ChannelScales.identity(DIMS), method.options()).with_head(method.head())
    support, labels = torch.randn(6, DIMS, generator=torch.Generator().manual_seed(4)), torch.arange(3).repeat(2)
    assert torch.equal(
        again.adapt(support, labels, way=3).score(support), method.adapt(support, labels, way=3).score(support)
    )
