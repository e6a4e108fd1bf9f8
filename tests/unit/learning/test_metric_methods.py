"""Comparing in a learned space: each method does what its nearest neighbour cannot."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.losses import mean_cross_entropy
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method, untrained
from inspect_pipeline.learning.methods.full_context import FullContext
from inspect_pipeline.learning.methods.protonet import PrototypeClassifier
from inspect_pipeline.learning.methods.siamese import PairClassifier, Siamese
from inspect_pipeline.learning.methods.task_space import TaskSpace
from inspect_pipeline.learning.tasks import Tasks

FIVE_SHOTS = torch.arange(2).repeat_interleave(5)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def accuracy(method: Method, tasks: Tasks) -> float:
    logits = method.adapt(tasks.support, tasks.support_labels, way=tasks.way).score(tasks.query)
    return float((logits.argmax(dim=-1) == tasks.query_labels).double().mean())


def two_faced(*, tasks: int = 20, seed: int = 0) -> Tasks:
    """Every type has two opposite appearances, three supports of one and two of the other."""
    faces = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])
    axes = torch.eye(4)[:2]
    support = torch.cat([faces[:, None] * axis for axis in axes]) + 0.05 * noise(tasks, 10, 4, seed=seed)
    query = torch.cat([sign * axes for sign in (1.0, -1.0)]) + 0.05 * noise(tasks, 4, 4, seed=seed + 1)
    return Tasks(
        support=support, support_labels=FIVE_SHOTS, query=query, query_labels=torch.tensor([0, 1, 0, 1]), way=2
    )


def opposites(*, tasks: int, seed: int) -> Tasks:
    """A query belongs to the type that is least like it: no distance tells that."""
    support = normalize(noise(tasks, 3, 4, seed=seed), dim=-1)
    support = support - support.mean(dim=-2, keepdim=True)
    labels = torch.arange(3)
    query = -support + 0.1 * noise(tasks, 3, 4, seed=seed + 1)
    return Tasks(support=support, support_labels=labels, query=query, query_labels=labels, way=3)


def trained(method: Method, tasks: list[Tasks], *, rate: float = 0.02) -> Method:
    head = {name: tensor.clone().requires_grad_() for name, tensor in method.head().items()}
    optimizer = torch.optim.Adam(list(head.values()), lr=rate)
    for number, part in enumerate(tasks):
        progress = number / len(tasks)
        loss = method.with_head(head).objective(part, loss=mean_cross_entropy, progress=progress).loss.mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return method.with_head({name: tensor.detach() for name, tensor in head.items()})


def test_the_cosine_is_deaf_to_the_length_of_a_prototype_and_the_distance_is_not() -> None:
    space = TaskSpace(embedding=ChannelScales.identity(4), state={}, mean=torch.zeros(1, 4))
    class_prototypes, query = noise(3, 4, seed=0), noise(6, 4, seed=1)
    scores = {
        (distance, length): PrototypeClassifier(
            space=space,
            log_temperature=torch.tensor(0.0),
            class_prototypes=class_prototypes * torch.tensor([[length], [1.0], [1.0]]),
            distance=distance,
        ).score(query)
        for distance in ("cosine", "euclidean")
        for length in (1.0, 0.1)
    }
    by_hand = torch.stack(
        [torch.nn.functional.cosine_similarity(query, row, dim=-1) for row in class_prototypes], dim=1
    )
    torch.testing.assert_close(scores["cosine", 1.0], by_hand)
    torch.testing.assert_close(scores["cosine", 0.1], by_hand)
    assert not torch.allclose(scores["euclidean", 0.1], scores["euclidean", 1.0], atol=0.1)


def test_a_scale_that_is_not_learned_is_no_part_of_the_head() -> None:
    fixed = build_method("protonet", ChannelScales.identity(4), {"learned_scale": False})
    assert set(fixed.head()) == {"log_scales"}
    assert "log_temperature" in untrained("protonet", 4).head()


@pytest.mark.parametrize(("name", "options"), [("distance", "angle"), ("learned_scale", "yes")])
def test_an_option_with_another_value_is_refused(name: str, options: str) -> None:
    with pytest.raises(BadDataError, match=f"{name} = '{options}' cannot be used"):
        build_method("protonet", ChannelScales.identity(4), {name: options})


def test_attention_keeps_both_appearances_of_a_type_where_a_prototype_keeps_neither() -> None:
    tasks = two_faced()
    assert accuracy(untrained("matching_networks", 4), tasks) == 1.0
    assert accuracy(untrained("protonet", 4), tasks) < 0.8


def test_the_attention_of_a_query_is_that_written_out_by_hand() -> None:
    tasks = two_faced(tasks=1)
    support, query = tasks.support[0], tasks.query[0]
    mean = torch.stack([support[:5].mean(dim=0), support[5:].mean(dim=0)]).mean(dim=0)
    cosines = normalize(query - mean, dim=-1) @ normalize(support - mean, dim=-1).T
    attention = (10.0 * cosines).softmax(dim=-1)
    expected = torch.stack([attention[:, :5].sum(dim=-1), attention[:, 5:].sum(dim=-1)], dim=-1)
    found = untrained("matching_networks", 4).adapt(support, FIVE_SHOTS, way=2).score(query)
    torch.testing.assert_close(found.exp(), expected)


def test_full_context_changes_nothing_at_the_start_and_then_lets_supports_see_each_other_but_no_query() -> None:
    tasks = two_faced(tasks=1)
    method = build_method("matching_networks", ChannelScales.identity(4), {"full_context": True})
    plain = untrained("matching_networks", 4).adapt(tasks.support, FIVE_SHOTS, way=2).score(tasks.query)
    torch.testing.assert_close(method.adapt(tasks.support, FIVE_SHOTS, way=2).score(tasks.query), plain)
    moved = method.with_head({key: tensor + 0.3 for key, tensor in method.head().items()})
    classifier = moved.adapt(tasks.support, FIVE_SHOTS, way=2)
    torch.testing.assert_close(classifier.score(tasks.query)[:, :1], classifier.score(tasks.query[:, :1]))
    assert moved.head()["support_out"].shape == (64, 4)
    found = moved.embedding.embed_support(tasks.support, moved.embedding.tensors())[0]
    context = classifier.context  # type: ignore[attr-defined]
    other = found.clone()
    other[:, -1] = -other[:, -1]
    assert not torch.allclose(context.beside(found)[:, 0], context.beside(other)[:, 0], atol=1e-4)


def test_a_query_reads_the_supports_that_are_like_it() -> None:
    context = FullContext.started(3, width=2, steps=1, seed=0)
    tensors = {**context.tensors, "query_out": torch.eye(2, 3)}
    queries, supports = noise(2, 3, seed=1), noise(4, 3, seed=2)
    x, memory = (rows @ tensors["context_in"] / 3**0.5 for rows in (queries, supports))
    attention = (normalize(x, dim=-1) @ normalize(memory, dim=-1).T).softmax(dim=-1)
    inputs = torch.cat([x, attention @ memory, torch.zeros(2, 2)], dim=-1)
    gates = inputs @ tensors["query_gates"] / 6**0.5 + tensors["query_bias"]
    cell = gates[:, 2:4].sigmoid() * gates[:, 6:].tanh()
    expected = queries + gates[:, 4:6].sigmoid() * cell.tanh() @ torch.eye(2, 3) / 3**0.5
    found = FullContext(width=2, steps=1, tensors=tensors).read(queries, supports)
    torch.testing.assert_close(found, expected)


def test_a_relation_that_is_no_distance_can_be_learned_by_the_module_alone() -> None:
    lessons = [opposites(tasks=64, seed=2 * number) for number in range(60)]
    unseen = opposites(tasks=100, seed=1001)
    relation = build_method("relation_network", ChannelScales.identity(4), {"residual": False, "hidden": 32})
    assert accuracy(trained(relation, lessons), unseen) > 0.7
    assert accuracy(trained(untrained("protonet", 4), lessons), unseen) < 0.2


def test_the_relation_network_starts_as_the_nearest_prototype() -> None:
    tasks = two_faced(tasks=3)
    scores = [
        untrained(name, 4).adapt(tasks.support, FIVE_SHOTS, way=2).score(tasks.query)
        for name in ("relation_network", "protonet")
    ]
    torch.testing.assert_close(scores[0], scores[1])


def test_pairs_are_verified_and_the_loss_of_the_queries_is_never_asked() -> None:
    def never(logits: Tensor, labels: Tensor) -> Tensor:
        raise AssertionError("a siamese network is trained on pairs")

    untold = untrained("siamese", 4)
    found = untold.objective(two_faced(), loss=never, progress=0.0)
    assert found.loss.shape == (20,)
    method = trained(untold, [two_faced(seed=number) for number in range(2, 60, 2)], rate=0.05)
    classifier = method.adapt(two_faced(tasks=1).support, FIVE_SHOTS, way=2)
    assert isinstance(classifier, PairClassifier)
    alike = classifier.verify(two_faced(tasks=1).query)[0]
    # The first query is the first face of type 0: three supports show it, two its other face, five the other type.
    assert float(alike[0, :3].min()) > 0.0
    assert float(alike[0, 5:].max()) < float(alike[0, :3].min())


def test_pairs_of_one_type_weigh_as_much_as_the_many_others() -> None:
    tasks = two_faced(tasks=2)
    method = untrained("siamese", 4)
    classifier = method.adapt(tasks.support, FIVE_SHOTS, way=2)
    assert isinstance(classifier, PairClassifier)
    chance = classifier.verify(tasks.query).sigmoid().clamp(1e-6, 1 - 1e-6)
    same = tasks.query_labels[:, None] == FIVE_SHOTS
    by_hand = torch.stack([-0.5 * (one[same].log().mean() + (1 - one[~same]).log().mean()) for one in chance])
    found = method.objective(tasks, loss=mean_cross_entropy, progress=0.0).loss
    torch.testing.assert_close(found, by_hand, rtol=1e-3, atol=1e-3)


def test_a_type_is_judged_by_its_best_pair_or_by_the_mean_of_its_pairs() -> None:
    tasks = two_faced(tasks=1)
    verified = torch.tensor([[[3.0, -9.0, -9.0, -9.0, -1.0, 1.0, 1.0, 1.0, 1.0, 2.0]]])
    found = {
        pairs: Siamese.untrained(ChannelScales.identity(4), {"pairs": pairs})
        .adapt(tasks.support, FIVE_SHOTS, way=2)
        .by_type(verified)
        for pairs in ("best", "mean")
    }
    torch.testing.assert_close(found["best"], torch.tensor([[[3.0, 2.0]]]))
    torch.testing.assert_close(found["mean"], torch.tensor([[[-5.0, 1.2]]]))


def test_twins_tell_types_of_two_appearances_where_a_prototype_does_not() -> None:
    assert accuracy(untrained("siamese", 4), two_faced()) == 1.0
    assert accuracy(untrained("protonet", 4), two_faced()) < 0.8


def test_a_channel_without_weight_does_not_count_between_twins() -> None:
    tasks = two_faced(tasks=1)
    method = untrained("siamese", 4)
    weights = method.head()["pair_log_weights"].clone()
    weights[1] = -30.0
    deaf = method.with_head({**method.head(), "pair_log_weights": weights})
    found = deaf.adapt(tasks.support, FIVE_SHOTS, way=2)
    assert isinstance(found, PairClassifier)
    by_hand = [
        float(found.bias) - float((weights.exp() * (found.space.place(tasks.query)[0, 0] - row).abs()).sum())
        for row in found.supports[0]
    ]
    torch.testing.assert_close(found.verify(tasks.query)[0, 0], torch.tensor(by_hand), rtol=1e-4, atol=1e-4)
