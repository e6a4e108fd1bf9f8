"""Samples without a label move prototypes, distractors do not, and transductive methods judge queries together."""

import pytest
import torch
from torch import Tensor

from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method, untrained
from inspect_pipeline.learning.methods.protonet import PrototypeClassifier
from inspect_pipeline.learning.methods.soft_kmeans import (
    distractor_shares,
    masked_shares,
    moved,
    soft_shares,
    started_mask,
)
from inspect_pipeline.learning.tasks import Tasks

TWO = torch.arange(2)
TEN = torch.tensor(10.0)
TRUE = torch.tensor([[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]])
MISLEADING = torch.tensor([[1.0, 0.9, 0.0, 0.0], [-1.0, 0.9, 0.0, 0.0]])
"""Supports whose second channel says nothing about the type, and where the types really lie."""


def semi(refinement: str, **options: int) -> Method:
    return build_method("semi_supervised_protonet", ChannelScales.identity(4), {"refinement": refinement, **options})


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prototypes_of(method: Method, unlabelled: Tensor | None) -> Tensor:
    found = method.adapt(MISLEADING, TWO, way=2, unlabelled=unlabelled)
    assert isinstance(found, PrototypeClassifier)
    return found.class_prototypes


@pytest.mark.parametrize("refinement", ["soft_kmeans", "distractor", "masked"])
def test_without_unlabelled_samples_it_is_the_prototypical_network(refinement: str) -> None:
    query = noise(5, 4)
    expected = untrained("protonet", 4).adapt(MISLEADING, TWO, way=2).score(query)
    for nothing in (None, torch.zeros(0, 4)):
        found = semi(refinement).adapt(MISLEADING, TWO, way=2, unlabelled=nothing).score(query)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("refinement", ["soft_kmeans", "distractor", "masked"])
def test_prototypes_move_towards_the_unlabelled_samples_of_their_type(refinement: str) -> None:
    unlabelled = torch.tensor([[1.0, 0.2, 0.5, 0.0], [-1.0, 0.2, 0.5, 0.0]]).repeat(10, 1)
    before, after = prototypes_of(semi(refinement), None), prototypes_of(semi(refinement), unlabelled)
    assert float(before[:, 2].abs().max()) < 1e-6
    assert float((after[:, 2] - before[:, 2]).abs().min()) > 0.1
    assert float(after[0, 0]) > 0.0 > float(after[1, 0])


def test_one_step_of_soft_k_means_is_the_mean_of_the_support_and_the_shares() -> None:
    class_prototypes, rows = noise(2, 4), noise(6, 4, seed=1)
    shares = soft_shares(rows, class_prototypes, scale=torch.tensor(1.0))
    squares = (rows[:, None] - class_prototypes).square().sum(dim=-1)
    torch.testing.assert_close(shares, (-squares).softmax(dim=-1))
    found = moved(class_prototypes, torch.tensor([3.0, 1.0]), rows, shares)
    by_hand = (3.0 * class_prototypes[0] + (shares[:, :1] * rows).sum(dim=0)) / (3.0 + shares[:, 0].sum())
    torch.testing.assert_close(found[0], by_hand)


def test_the_cluster_of_distractors_absorbs_what_is_far_and_leaves_what_is_near() -> None:
    near, far = torch.tensor([[1.0, 0.1, 0.0, 0.0]]), torch.tensor([[0.0, 0.1, 0.0, 1.0]])
    near, far = (torch.nn.functional.normalize(x, dim=-1) for x in (near, far))
    rows = torch.cat([near, far])
    soft = soft_shares(rows, TRUE, scale=TEN).sum(dim=-1)
    with_cluster = distractor_shares(rows, TRUE, scale=TEN, log_radius=torch.tensor(0.0)).sum(dim=-1)
    torch.testing.assert_close(soft, torch.ones(2))
    assert float(with_cluster[0]) > 0.95
    assert float(with_cluster[1]) < 0.05
    narrow = distractor_shares(rows, TRUE, scale=TEN, log_radius=torch.tensor(-1.0)).sum(dim=-1)
    assert float(narrow.min()) > 0.95


def test_the_mask_turns_down_what_lies_far_among_the_samples() -> None:
    rows = torch.tensor([[1.0, 0.1, 0.0, 0.0], [1.0, -0.1, 0.0, 0.0], [0.6, 0.0, 0.0, 2.0]])
    shares = masked_shares(rows, TRUE, scale=TEN, mask=started_mask(0))
    assert float(shares[:2, 0].min()) > 0.9
    assert float(shares[2].sum()) < 0.4
    unmasked = soft_shares(rows, TRUE, scale=TEN)
    assert float(unmasked[2].sum()) > 0.99


def test_the_outer_loop_learns_how_far_a_distractor_is() -> None:
    labels = torch.arange(2).repeat_interleave(3)
    tasks = Tasks(
        support=MISLEADING + 0.1 * noise(8, 2, 4),
        support_labels=TWO,
        query=TRUE.repeat_interleave(3, dim=0) + 0.1 * noise(8, 6, 4, seed=1),
        query_labels=labels,
        way=2,
        unlabelled=0.5 * TRUE.repeat(5, 1) + 0.5 * noise(8, 10, 4, seed=2),
    )
    method = semi("distractor")
    radius = method.head()["log_radius"].clone().requires_grad_()
    found = method.with_head({**method.head(), "log_radius": radius}).objective(
        tasks, loss=mean_cross_entropy, progress=0.0
    )
    found.loss.sum().backward()  # type: ignore[no-untyped-call]
    assert radius.grad is not None
    assert float(radius.grad.abs()) > 1e-6


@pytest.mark.parametrize("name", ["transductive_protonet", "tim"])
def test_other_queries_change_the_answer_of_a_transductive_method_alone(name: str) -> None:
    queries = 0.5 * TRUE.repeat(10, 1) + 0.5 * noise(20, 4)
    for each, together in ((name, True), ("protonet", False)):
        classifier = untrained(each, 4).adapt(MISLEADING, TWO, way=2)
        alone = torch.cat([classifier.score(query[None]) for query in queries])
        assert torch.allclose(classifier.score(queries), alone, atol=1e-4) != together


@pytest.mark.parametrize("name", ["transductive_protonet", "tim"])
def test_the_shape_of_the_queries_mends_a_support_that_misleads(name: str) -> None:
    support = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.3, 1.0, 0.0, 0.0]])  # the second is no fair sample of its type
    centres = torch.tensor([[1.0, 0.0, 0.5, 0.0], [0.55, 0.5, -0.5, 0.0]])
    queries = centres.repeat(30, 1) + 0.12 * noise(60, 4)
    truth = TWO.repeat(30)
    found = {
        each: float(
            (untrained(each, 4).adapt(support, TWO, way=2).score(queries).argmax(dim=-1) == truth).double().mean()
        )
        for each in (name, "protonet")
    }
    assert found[name] > found["protonet"] + 0.05


def test_information_maximization_spreads_the_queries_over_the_types_and_soft_k_means_does_not() -> None:
    support = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    queries = torch.tensor([1.0, 0.5, 0.0, 0.0]) + 0.1 * noise(40, 4)  # one cloud, nearer to the first type
    share = {
        name: float(untrained(name, 4).adapt(support, TWO, way=2).score(queries).argmax(dim=-1).double().mean())
        for name in ("tim", "transductive_protonet", "protonet")
    }
    assert max(share["protonet"], share["transductive_protonet"]) < 0.1
    assert 0.4 < share["tim"] < 0.6
