"""Prototypical network and ridge: untrained they are the frozen baselines; the head travels and is checked."""

import math

import pytest
import torch
from torch import Tensor

from inspect_pipeline.errors import BadDataError, NotFoundError, WeightsError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.methods.catalog import frozen_baselines, method_names, untrained
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.methods.ridge import Ridge

LABELS = torch.arange(3).repeat_interleave(4)


def task(dims: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(12, dims, generator=generator), torch.randn(5, dims, generator=generator)


def test_the_untrained_logits_are_those_written_out_by_hand() -> None:
    support, query = task()
    mean = support.mean(dim=0)
    unit = [(row - mean) / (row - mean).norm() for row in support]
    centres = [torch.stack(unit[4 * kind : 4 * kind + 4]).mean(dim=0) for kind in range(3)]
    expected = torch.tensor(
        [[-10.0 * float((((q - mean) / (q - mean).norm()) - c).square().sum()) for c in centres] for q in query]
    )
    found = ProtoNet.untrained(ChannelScales.identity(6)).adapt(support, LABELS, way=3).score(query)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_channel_scaled_to_nothing_no_longer_counts() -> None:
    support, query = task()
    for method in (ProtoNet.untrained(ChannelScales.identity(6)), Ridge.untrained(ChannelScales.identity(6))):
        scales = torch.zeros(6)
        scales[2] = -30.0
        deaf = method.with_head({**method.head(), "log_scales": scales})
        spoilt = query.clone()
        spoilt[:, 2] += 100.0
        torch.testing.assert_close(
            deaf.adapt(support, LABELS, way=3).score(query), deaf.adapt(support, LABELS, way=3).score(spoilt)
        )


def test_the_ridge_penalty_is_part_of_the_head_and_shrinks_the_scores() -> None:
    support, query = task()
    method = Ridge.untrained(ChannelScales.identity(6))
    tied = method.with_head({**method.head(), "log_penalty": torch.tensor(math.log(100.0))})
    loose, tight = (each.adapt(support, LABELS, way=3).score(query).abs().max() for each in (method, tied))
    assert float(tight) < 0.1 * float(loose)


@pytest.mark.parametrize("name", [*method_names(), *(method.name for method in frozen_baselines(6))])
def test_shots_may_differ_and_a_stack_of_tasks_gives_what_each_gives_alone(name: str) -> None:
    support, query = task()
    method = untrained(name, 6)
    labels = torch.tensor([0] * 7 + [1] * 4 + [2])
    alone = method.adapt(support, labels, way=3).score(query)
    assert alone.isfinite().all()
    together = method.adapt(torch.stack([support, support.flip(1)]), labels, way=3).score(torch.stack([query] * 2))
    torch.testing.assert_close(together[0], alone, rtol=1e-4, atol=1e-5)
    with pytest.raises(BadDataError, match="renumber"):
        method.adapt(support, labels * 2, way=3)


@pytest.mark.parametrize("name", method_names())
def test_a_head_that_does_not_fit_is_refused(name: str) -> None:
    method = untrained(name, 6)
    with pytest.raises(WeightsError, match="log_scales"):
        method.with_head({**method.head(), "log_scales": torch.zeros(5)})
    with pytest.raises(WeightsError, match="are expected"):
        method.with_head({"log_scales": torch.zeros(6)})


def test_a_method_that_does_not_exist_is_refused_with_the_choice() -> None:
    with pytest.raises(NotFoundError, match="choose one of protonet, r2d2"):
        untrained("no_such_method", 6)
