"""Variation that history's types had is given to a type of one sample: borrowed covariances, and draws of a VAE."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, episode, index_samples, plan_episodes
from inspect_pipeline.learning.evaluation import evaluate
from inspect_pipeline.learning.heads import ridge_weights
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.base_types import base_types
from inspect_pipeline.learning.methods.borrowed import Borrowed, expected_weights
from inspect_pipeline.learning.methods.catalog import build_method, untrained
from inspect_pipeline.learning.methods.distribution_calibration import DistributionCalibration
from inspect_pipeline.learning.methods.residual_vae import evidence_loss
from inspect_pipeline.learning.methods.tukey import Tukey
from inspect_pipeline.learning.methods.vae_hallucination import VaeHallucination
from inspect_pipeline.learning.tasks import Tasks, stack

DIMS = 8
RESTLESS = torch.nn.functional.normalize(torch.tensor([1.0, 1.0, -1.0, 0, 0, 0, 0, 0]), dim=0).numpy()
"""Samples of every type vary along this direction, and it is no channel of its own."""

PLAIN = {"mean_share": 0.0, "tukey": 1.0}  # these descriptors are no activations: they may be negative


def material(*, families: int, seed: int) -> tuple[Tensor, EpisodeIndex]:
    generator = np.random.default_rng(seed)
    rows, names = [], []
    for family in range(families):
        for kind in range(4):
            restless = 2.0 * generator.normal(size=(12, 1)) * RESTLESS
            rows.append(generator.normal(size=DIMS) + restless + 0.2 * generator.normal(size=(12, DIMS)))
            names += [(f"f{family}", f"t{kind}")] * 12
    index = index_samples(families=[n[0] for n in names], types=[n[1] for n in names], groups=[""] * len(names))
    return torch.from_numpy(np.concatenate(rows).astype(np.float32)), index


def calibrated(**options: float) -> DistributionCalibration:
    method = build_method("distribution_calibration", ChannelScales.identity(DIMS), {**PLAIN, **options})
    assert isinstance(method, DistributionCalibration)
    return method.with_history(*material(families=4, seed=0))


def one_shot_accuracy(*methods: object) -> list[float]:
    rows, index = material(families=3, seed=7)
    spec = EpisodeSpec(way=4, shot=1, query=5)
    scores = evaluate(rows.numpy(), index, spec, episodes=100, seed=0, methods=methods).scores  # type: ignore[arg-type]
    return [score.accuracy.mean for score in scores.values()]


@pytest.mark.parametrize("options", [{"weight": 1.0}, {"draws": 40}], ids=["expected", "drawn"])
def test_a_borrowed_covariance_lets_one_sample_know_what_varies(options: dict[str, float]) -> None:
    with_history, without, ridge = one_shot_accuracy(
        calibrated(**options), untrained("protonet", DIMS), untrained("ridge", DIMS)
    )
    assert with_history > max(without, ridge) + 0.03
    untold = build_method("distribution_calibration", ChannelScales.identity(DIMS), {**PLAIN, **options})
    assert one_shot_accuracy(untold)[0] < with_history - 0.03


def test_the_neighbours_are_those_whose_mean_is_nearest() -> None:
    method = calibrated(neighbours=1, mean_share=1.0, spread=0.0)
    wanted = method.base.means[[5, 2]]
    found = method._borrowed(wanted + 0.01)
    torch.testing.assert_close(found.means, wanted)
    torch.testing.assert_close(found.factors, method.base.factors[[5, 2]])


def test_history_is_kept_as_means_strongest_directions_and_what_is_left() -> None:
    rows, index = material(families=2, seed=1)
    kept = base_types(ChannelScales.identity(DIMS), rows, index, rank=3)
    assert (len(kept), kept.factors.shape) == (8, (8, 3, DIMS))
    along = kept.factors[:, 0] @ torch.from_numpy(RESTLESS)
    assert float((along.abs() / kept.factors[:, 0].norm(dim=-1)).min()) > 0.8
    whole = base_types(ChannelScales.identity(DIMS), rows, index, rank=11)
    first = rows[:48] - torch.stack([rows[12 * kind : 12 * kind + 12].mean(dim=0) for kind in range(4)]).mean(dim=0)
    covariance = torch.nn.functional.normalize(first, dim=-1)[:12].T.cov()
    torch.testing.assert_close(whole.factors[0].T @ whole.factors[0], covariance, atol=1e-5, rtol=1e-3)
    assert float(whole.variances.max()) < 1e-5


def test_a_history_without_two_types_in_a_family_is_refused() -> None:
    index = index_samples(families=["a"] * 4, types=["t"] * 4, groups=[""] * 4)
    with pytest.raises(BadDataError, match="no variation to borrow"):
        base_types(ChannelScales.identity(DIMS), torch.randn(4, DIMS), index, rank=2)


def test_the_expected_fit_is_that_of_many_draws_and_without_weight_plain_ridge() -> None:
    generator = torch.Generator().manual_seed(0)
    support, labels = torch.randn(5, DIMS, generator=generator), torch.tensor([0, 0, 1, 1, 1])
    targets = one_hot(labels, 2).float()
    borrowed = Borrowed(
        means=torch.randn(2, DIMS, generator=generator),
        factors=torch.randn(2, 3, DIMS, generator=generator),
        variances=torch.rand(2, DIMS, generator=generator),
    )
    penalty = torch.tensor(0.5)
    plain = expected_weights(support, targets, borrowed, penalty=penalty, weight=0.0)
    torch.testing.assert_close(plain, ridge_weights(support, labels, way=2, penalty=0.5), rtol=1e-4, atol=1e-5)
    many, weight = 100_000, 1.5
    noise = torch.randn(2, many, 3, generator=generator) @ borrowed.factors
    noise += torch.randn(2, many, DIMS, generator=generator) * borrowed.variances.sqrt()[:, None]
    drawn = (borrowed.means[:, None] + noise).flatten(0, 1)
    # The supports of both types weigh 2.5, the mean of their shots, and the draws of each 1.5.
    each = torch.cat([(2.5 / torch.tensor([2.0, 3.0]))[labels], torch.full((2 * many,), weight / many)])
    rows = torch.cat([support, drawn])
    wanted = torch.cat([targets, torch.eye(2).repeat_interleave(many, dim=0)])
    gram = rows.T @ (each[:, None] * rows) + 0.5 * torch.eye(DIMS)
    expected = torch.linalg.solve(gram, rows.T @ (each[:, None] * wanted))
    found = expected_weights(support, targets, borrowed, penalty=penalty, weight=weight)
    torch.testing.assert_close(found, expected, rtol=0.03, atol=3e-3)


def test_history_travels_with_the_head() -> None:
    method = calibrated()
    again = build_method("distribution_calibration", ChannelScales.identity(DIMS), method.options())
    support, labels = torch.randn(4, DIMS, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    scores = [each.adapt(support, labels, way=4).score(support) for each in (method, again.with_head(method.head()))]
    assert torch.equal(scores[0], scores[1])


def test_a_power_draws_long_tails_in() -> None:
    embedding = Tukey(inner=ChannelScales.identity(2), power=0.5)
    found, _ = embedding.embed_support(torch.tensor([[4.0, -1.0]]), embedding.tensors())
    torch.testing.assert_close(found, torch.tensor([[2.0, 1e-3]]))


def hallucinating(steps: int = 60) -> VaeHallucination:
    """The autoencoder alone is trained: an embedding would turn the restless direction down itself."""
    rows, index = material(families=6, seed=2)
    plan = plan_episodes(index, EpisodeSpec(way=4, shot=1, query=5))
    method = build_method(
        "vae_hallucination", ChannelScales.identity(DIMS), {"hidden": 16, "latent": 2, "evidence": 8.0}
    )
    head = {name: tensor.clone().requires_grad_(name.startswith("vae")) for name, tensor in method.head().items()}
    optimizer = torch.optim.Adam([tensor for tensor in head.values() if tensor.requires_grad], lr=0.02)
    for step in range(steps):
        tasks = stack(rows, [episode(plan, seed=0, number=8 * step + k) for k in range(8)])
        found = method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=step / steps)
        optimizer.zero_grad()
        torch.autograd.backward(found.loss.mean())
        optimizer.step()
    trained = method.with_head({name: tensor.detach() for name, tensor in head.items()})
    assert isinstance(trained, VaeHallucination)
    return trained


def test_until_something_is_learned_draws_are_copies_of_the_prototype() -> None:
    method = untrained("vae_hallucination", DIMS)
    assert isinstance(method, VaeHallucination)
    prototypes = torch.randn(3, DIMS, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(method.draws(prototypes), prototypes[:, None].expand(3, 10, DIMS))


def test_trained_draws_vary_as_the_types_of_history_did_and_help_one_sample() -> None:
    method = hallucinating()
    prototypes = torch.nn.functional.normalize(torch.randn(5, DIMS, generator=torch.Generator().manual_seed(1)), dim=-1)
    spread = (method.draws(prototypes) - prototypes[:, None]).flatten(0, 1)
    along = spread @ torch.from_numpy(RESTLESS)
    assert float(along.square().sum() / spread.square().sum()) > 0.8
    with_draws, without = one_shot_accuracy(method, untrained("ridge", DIMS))
    assert with_draws > without + 0.05


def test_the_evidence_bound_is_that_of_a_gaussian_where_nothing_is_decoded() -> None:
    method = untrained("vae_hallucination", DIMS)
    assert isinstance(method, VaeHallucination)
    silent = {**method.own, "vae_code": torch.zeros_like(method.own["vae_code"])}
    residuals = torch.randn(2, 4, DIMS, generator=torch.Generator().manual_seed(0))
    found = evidence_loss(residuals, residuals, silent, noise=torch.zeros(4, 8), left=0.5, warmth=0.5)
    torch.testing.assert_close(found, residuals.square().sum(dim=-1).mean(dim=-1))
    silent["vae_code_bias"] = torch.cat([torch.full((8,), 2.0), torch.full((8,), math.log(3.0))])
    shifted = evidence_loss(residuals, residuals, silent, noise=torch.zeros(4, 8), left=0.5, warmth=0.5)
    torch.testing.assert_close(shifted - found, torch.full((2,), 0.25 * (4.0 + 3.0 - 1.0 - math.log(3.0))))


def test_the_bound_trains_the_autoencoder_and_never_the_embedding() -> None:
    def nothing(logits: Tensor, labels: Tensor) -> Tensor:
        return 0.0 * logits.sum(dim=(-2, -1))

    rows, index = material(families=1, seed=2)
    plan = plan_episodes(index, EpisodeSpec(way=4, shot=1, query=5))
    tasks: Tasks = stack(rows, [episode(plan, seed=0, number=0)])
    method = untrained("vae_hallucination", DIMS)
    head = {name: (tensor + 0.1).requires_grad_() for name, tensor in method.head().items()}
    found = method.with_head(head).objective(tasks, loss=nothing, progress=0.5).loss.sum()
    found.backward()  # type: ignore[no-untyped-call]
    assert head["log_scales"].grad is not None
    assert float(head["log_scales"].grad.abs().max()) == 0.0
    assert head["vae_out"].grad is not None
    assert float(head["vae_out"].grad.abs().max()) > 0.0
