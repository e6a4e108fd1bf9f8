"""What holds for every method of the catalog: stacks, shots, seeds, and chance where there is nothing to learn."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import evaluate, with_permuted_types
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.methods.catalog import CATALOG, build_method, untrained
from inspect_pipeline.learning.tasks import Tasks

FORMS = [
    *((name, {}) for name in CATALOG),
    ("protonet", {"distance": "cosine", "learned_scale": False}),
    ("matching_networks", {"full_context": True, "context_dims": 4}),
    ("relation_network", {"residual": False}),
    ("siamese", {"pairs": "best"}),
    ("semi_supervised_protonet", {"refinement": "soft_kmeans", "steps": 3}),
    ("semi_supervised_protonet", {"refinement": "masked"}),
    ("distribution_calibration", {"draws": 20, "tukey": 0.5}),
    ("shrinkage_lda", {"shrinkage": "ledoit_wolf"}),
    ("shrinkage_lda", {"shrinkage": "fixed", "amount": 0.2}),
]
UNEVEN = torch.tensor([2, 0, 0, 1, 0, 0, 1, 0, 1, 0])
BY_FORM = pytest.mark.parametrize(("name", "options"), FORMS, ids=str)


def samples(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def told_apart() -> tuple[NDArray[np.float32], EpisodeIndex]:
    generator = np.random.default_rng(3)
    rows = np.concatenate([4.0 * generator.normal(size=12) + generator.normal(size=(12, 12)) for _ in range(8)])
    families = [f"f{kind // 4}" for kind in range(8) for _ in range(12)]
    types = [f"t{kind}" for kind in range(8) for _ in range(12)]
    return rows.astype(np.float32), index_samples(families=families, types=types, groups=[""] * len(types))


@BY_FORM
def test_a_stack_of_tasks_of_unequal_shots_gives_what_each_gives_alone(name: str, options: dict[str, object]) -> None:
    method = build_method(name, ChannelScales.identity(5), options)  # type: ignore[arg-type]
    support, query, unlabelled = samples(2, 10, 5), samples(2, 6, 5, seed=1), samples(2, 7, 5, seed=2)
    together = method.adapt(support, UNEVEN, way=3, unlabelled=unlabelled).score(query)
    labelled_each = method.adapt(support, UNEVEN.expand(2, -1), way=3, unlabelled=unlabelled).score(query)
    assert together.shape == (2, 6, 3)
    torch.testing.assert_close(labelled_each, together, rtol=1e-4, atol=1e-4)
    for task in range(2):
        alone = method.adapt(support[task], UNEVEN, way=3, unlabelled=unlabelled[task]).score(query[task])
        torch.testing.assert_close(alone, together[task], rtol=1e-3, atol=1e-3)


@BY_FORM
def test_labels_with_a_gap_are_refused(name: str, options: dict[str, object]) -> None:
    method = build_method(name, ChannelScales.identity(5), options)  # type: ignore[arg-type]
    with pytest.raises(BadDataError, match="renumber"):
        method.adapt(samples(4, 5), torch.tensor([0, 0, 2, 2]), way=3)


@BY_FORM
def test_a_step_moves_every_learned_tensor_that_answers_and_the_same_seed_moves_it_alike(
    name: str, options: dict[str, object]
) -> None:
    tasks = Tasks(
        support=samples(2, 10, 5),
        support_labels=UNEVEN,
        query=samples(2, 6, 5, seed=1),
        query_labels=torch.tensor([0, 1, 2, 0, 1, 2]),
        way=3,
        unlabelled=samples(2, 7, 5, seed=2),
    )
    slopes = []
    for _ in range(2):
        method = build_method(name, ChannelScales.identity(5), options)  # type: ignore[arg-type]
        head = {key: (tensor + 0.01).requires_grad_() for key, tensor in method.head().items()}
        found = method.with_head(head).objective(tasks, loss=mean_cross_entropy, progress=0.25)
        assert found.loss.shape == (2,)
        assert found.logits.shape == (2, 6, 3)
        found.loss.sum().backward()  # type: ignore[no-untyped-call]
        slopes.append({key: tensor.grad for key, tensor in head.items() if tensor.grad is not None})
    assert any("log_scales" in key for key in slopes[0])  # adapters stand beside the tensor that they change
    assert all(slope.isfinite().all() for slope in slopes[0].values())
    assert all(torch.equal(slope, slopes[1][key]) for key, slope in slopes[0].items())


@pytest.mark.parametrize("name", [n for n in CATALOG if n != "relation_network"])
def test_types_are_told_and_with_permuted_labels_the_accuracy_falls_to_chance(name: str) -> None:
    features, index = told_apart()
    spec, method = EpisodeSpec(way=4, shot=2, query=5), untrained(name, 12)
    told = evaluate(features, index, spec, episodes=40, seed=0, methods=[method]).scores[name].accuracy
    shuffled = with_permuted_types(index, np.random.default_rng(0))
    chance = evaluate(features, shuffled, spec, episodes=120, seed=0, methods=[method]).scores[name].accuracy
    assert told.mean > 0.9
    assert chance.mean < 0.25 + 0.06
