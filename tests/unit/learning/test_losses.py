"""Losses by name: each against torch's own or by hand, and soft labels wherever whole ones may stand."""

import math
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, one_hot

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.loss_settings import LossSettings
from inspect_pipeline.learning.losses import (
    LOSSES,
    build_loss,
    hard_weights,
    loss_named,
    mean_cross_entropy,
    sample_losses,
)

LOGITS = torch.tensor([[[2.0, 0.0, -1.0], [0.5, 0.2, 0.1], [-3.0, 1.0, 0.0], [0.0, 0.0, 4.0]]]).repeat(2, 1, 1)
LABELS = torch.tensor([0, 1, 0, 2])


def test_the_default_is_the_mean_cross_entropy_itself() -> None:
    assert build_loss(LossSettings()) is mean_cross_entropy
    assert mean_cross_entropy(LOGITS, LABELS)[1] == pytest.approx(float(cross_entropy(LOGITS[1], LABELS)))


@settings(max_examples=30, deadline=None)
@given(smoothing=st.floats(0.0, 0.9), gamma=st.floats(0.0, 4.0), keep=st.floats(0.05, 1.0), seed=st.integers(0, 2**31))
def test_whole_labels_and_the_same_ones_as_probabilities_cost_the_same(
    smoothing: float, gamma: float, keep: float, seed: int
) -> None:
    logits = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    loss = build_loss(LossSettings(name="focal", focal_gamma=gamma, label_smoothing=smoothing, keep_hardest=keep))
    whole, soft = loss(logits, labels), loss(logits, one_hot(labels, 4).double().expand(3, 6, 4))
    torch.testing.assert_close(whole, soft)
    assert whole.shape == (3,)
    assert bool((whole > 0.0).all())


def test_label_smoothing_and_class_weights_are_those_of_torch() -> None:
    smooth = build_loss(LossSettings(label_smoothing=0.2))(LOGITS, LABELS)
    assert float(smooth[0]) == pytest.approx(float(cross_entropy(LOGITS[0], LABELS, label_smoothing=0.2)))
    weights = (3.0, 1.0, 0.5)
    weighted = build_loss(LossSettings(class_weights=weights))(LOGITS, LABELS)
    assert float(weighted[0]) == pytest.approx(float(cross_entropy(LOGITS[0], LABELS, weight=torch.tensor(weights))))
    with pytest.raises(BadDataError, match="3 class weights for 2 classes"):
        build_loss(LossSettings(class_weights=weights))(LOGITS[..., :2], torch.tensor([0, 1, 0, 1]))


def test_balanced_weights_let_every_class_count_the_same() -> None:
    each = cross_entropy(LOGITS[0], LABELS, reduction="none")
    wanted = (0.5 * (each[0] + each[2]) + each[1] + each[3]) / 3.0
    found = build_loss(LossSettings(class_weights="balanced"))(LOGITS, LABELS)
    assert float(found[0]) == pytest.approx(float(wanted))


def test_the_focal_loss_counts_what_is_right_already_little() -> None:
    logits, targets = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    right = 1.0 / (1.0 + math.exp(-2.0))
    found = sample_losses(logits, targets, gamma=2.0)
    assert float(found[0]) == pytest.approx(-((1.0 - right) ** 2) * math.log(right), rel=1e-5)
    focal = build_loss(LossSettings(name="focal", focal_gamma=0.0))(LOGITS, LABELS)
    torch.testing.assert_close(focal, mean_cross_entropy(LOGITS, LABELS))
    sure = torch.tensor([[200.0, 0.0]], requires_grad=True)
    sample_losses(sure, targets, gamma=0.5).sum().backward()
    assert sure.grad is not None
    assert bool(torch.isfinite(sure.grad).all())


def test_only_the_hardest_samples_count_and_by_their_loss() -> None:
    each = cross_entropy(LOGITS[0], LABELS, reduction="none").tolist()
    hardest = sorted(each)[-2:]
    kept = build_loss(LossSettings(keep_hardest=0.5))(LOGITS, LABELS)
    assert float(kept[0]) == pytest.approx(sum(hardest) / 2)
    weighted = build_loss(LossSettings(hard_power=1.0))(LOGITS, LABELS)
    assert float(weighted[0]) == pytest.approx(sum(loss**2 for loss in each) / sum(each))
    losses = torch.tensor([[3.0, 1.0, 2.0, 4.0, 0.5]], requires_grad=True)
    weights = hard_weights(losses, keep=0.41, power=0.0)
    assert weights.tolist() == [[1.0, 0.0, 1.0, 1.0, 0.0]]
    assert not weights.requires_grad


def test_inner_loops_find_losses_by_name() -> None:
    assert loss_named("cross_entropy") is mean_cross_entropy
    costs = {name: float(loss_named(name)(LOGITS, LABELS)[0]) for name in LOSSES}
    assert costs["focal"] < costs["cross_entropy"] != costs["smoothed"]
    with pytest.raises(NotFoundError, match="no loss 'hinge'; choose one of cross_entropy, focal, smoothed"):
        loss_named("hinge")


def test_a_mixed_label_costs_the_mixture_of_both() -> None:
    logits = LOGITS[0]
    mixed = torch.tensor([[0.7, 0.3, 0.0]] * 4)
    parts = [cross_entropy(logits, torch.full((4,), label)) for label in (0, 1)]
    assert float(mean_cross_entropy(logits, mixed)) == pytest.approx(float(0.7 * parts[0] + 0.3 * parts[1]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "hinge"}, "no loss 'hinge'"),
        ({"focal_gamma": -1.0}, "focal_gamma"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"keep_hardest": 0.0}, "keep_hardest"),
        ({"class_weights": (1.0, -1.0)}, "class weights"),
        ({"class_weights": "equally"}, "class weights 'equally'"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(wrong: Mapping[str, object], said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        LossSettings(**wrong)  # type: ignore[arg-type]
