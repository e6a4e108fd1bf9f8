"""Regions named from made-up vectors: the right type, unknown beyond the bound, chance from labels that say nothing."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.region_typing import (
    RegionHead,
    RegionPrior,
    SupportBank,
    fit_region_head,
    left_out_distances,
    left_out_names,
    open_set_limits,
    place,
)

CROP, DENSE = 24, 6
PRIOR = RegionPrior(metric=None, reach=1.5)
TYPES = ("dent", "scratch", "stain")


def vectors(seed: int, kind: int, count: int, *, spread: float = 0.6) -> Tensor:
    """Regions of one kind: its own direction in both crops and in the dense part, and noise."""
    generator = np.random.default_rng([seed, kind])
    rows = np.abs(generator.normal(size=(count, 2 * CROP + DENSE))) * spread * 0.4
    rows[:, [kind, CROP + kind, 2 * CROP + kind]] += 1.0
    return torch.from_numpy(rows.astype(np.float32))


def bank(seed: int = 0, shots: int = 5, types: tuple[str, ...] = TYPES) -> SupportBank:
    return SupportBank(
        vectors=torch.cat([vectors(seed, kind, shots) for kind in range(len(types))]),
        types=tuple(name for name in types for _ in range(shots)),
        labels=tuple(f"{name}-{k}" for name in types for k in range(shots)),
    )


def head(samples: SupportBank, prior: RegionPrior = PRIOR) -> RegionHead:
    return fit_region_head(samples, prior, crop_dims=CROP)


def names(fitted: RegionHead, seed: int = 100) -> list[str]:
    return [one.defect_type for kind in range(3) for one in fitted.name(vectors(seed, kind, 20))]


TRUTH = [name for name in TYPES for _ in range(20)]


def test_regions_are_named_after_the_samples_they_are_like() -> None:
    assert np.mean([a == b for a, b in zip(names(head(bank())), TRUTH, strict=True)]) > 0.97


def test_samples_whose_types_are_permuted_name_no_better_than_chance() -> None:
    rates = []
    for seed in range(40):
        samples = bank(seed)
        order = np.random.default_rng(seed).permutation(len(samples.types))
        shuffled = SupportBank(
            vectors=samples.vectors, types=tuple(samples.types[k] for k in order), labels=samples.labels
        )
        rates.append(np.mean([a == b for a, b in zip(names(head(shuffled)), TRUTH, strict=True)]))
    assert abs(float(np.mean(rates)) - 1 / 3) < 0.08


def test_a_region_says_its_runner_up_its_lead_its_nearest_samples_and_what_decided() -> None:
    samples = bank()
    (named,) = head(samples).name(samples.vectors[6:7])
    assert (named.defect_type, named.known) == ("scratch", True)
    assert named.runner_up in {"dent", "stain"}
    assert named.margin is not None
    assert named.margin > 0.5
    assert (named.neighbours[0].label, named.neighbours[0].defect_type) == ("scratch-1", "scratch")
    assert named.neighbours[0].distance == pytest.approx(0.0, abs=1e-3)
    distances = [one.distance for one in named.neighbours]
    assert distances == sorted(distances)
    assert len(distances) == 3
    assert set(named.contribution) == {"context", "window", "patches"}
    assert sum(abs(value) for value in named.contribution.values()) == pytest.approx(1.0)


def test_a_kind_that_was_never_taught_lies_beyond_the_bound_and_the_taught_ones_within() -> None:
    fitted = head(bank())
    strange = fitted.name(vectors(7, 5, 40))
    own = [one for kind in range(3) for one in fitted.name(vectors(7, kind, 40))]
    assert np.mean([one.known for one in own]) > 0.95
    assert np.mean([one.known for one in strange]) < 0.05


def test_one_type_alone_still_says_unknown() -> None:
    fitted = head(bank(types=("dent",)))
    (same, other) = fitted.name(torch.cat([vectors(9, 0, 1), vectors(9, 4, 1)]))
    assert (same.known, same.runner_up, same.margin, same.contribution) == (True, None, None, {})
    assert not other.known


def test_a_bound_is_that_of_the_type_shrunk_towards_all_types() -> None:
    tight, wide = torch.zeros(3, 2), torch.zeros(3, 2)
    tight[:, 0] = torch.tensor([-0.2, 0.0, 0.2])  # from the mean of the others: 0.3, 0, 0.3
    wide[:, 0] = torch.tensor([-2.0, 0.0, 2.0])  # 3, 0, 3
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    limits = open_set_limits(torch.cat([tight, wide, torch.ones(1, 2)]), labels, way=3, reach=2.0)
    middle = 0.3  # the median of 0, 0, 0.3, 0.3, 3, 3, the lower one
    assert limits[0] == pytest.approx(2.0 * (3 * 0.3 + 3 * middle) / 6)
    assert limits[1] == pytest.approx(2.0 * (3 * 3.0 + 3 * middle) / 6)
    assert limits[2] == pytest.approx(2.0 * middle)


def test_a_type_of_one_sample_has_no_bound_where_no_type_has_two() -> None:
    samples = bank(shots=1)
    fitted = head(samples)
    assert fitted.limits == (None, None, None)
    assert all(one.known and one.limit is None for one in fitted.name(vectors(3, 5, 4)))


@given(st.permutations(range(15)))
def test_the_order_of_the_samples_changes_no_name(order: list[int]) -> None:
    samples = bank()
    other = SupportBank(
        vectors=samples.vectors[order],
        types=tuple(samples.types[k] for k in order),
        labels=tuple(samples.labels[k] for k in order),
    )
    points = vectors(4, 1, 5)
    for first, second in zip(head(samples).name(points), head(other).name(points), strict=True):
        assert (first.defect_type, first.runner_up) == (second.defect_type, second.runner_up)
        assert first.distance == pytest.approx(second.distance, abs=1e-4)


def test_the_same_samples_give_the_same_bits() -> None:
    assert torch.equal(head(bank()).weights, head(bank()).weights)


def test_a_sample_is_named_without_itself_as_a_head_fitted_without_it_names_it() -> None:
    samples = bank(3, shots=4)
    samples = SupportBank(
        vectors=torch.cat([samples.vectors, vectors(8, 2, 1)]),  # a stain that was called a dent
        types=(*samples.types, "dent"),
        labels=(*samples.labels, "wrong"),
    )
    quick = left_out_names(head(samples))
    slow = []
    for i in range(len(samples.types)):
        rest = [k for k in range(len(samples.types)) if k != i]
        fitted = head(
            SupportBank(
                vectors=samples.vectors[rest],
                types=tuple(samples.types[k] for k in rest),
                labels=tuple(samples.labels[k] for k in rest),
            )
        )
        slow.append(fitted.name(samples.vectors[i : i + 1])[0].defect_type)
    assert quick == slow
    assert quick[-1] == "stain"


def test_the_only_sample_of_a_type_is_never_named_after_itself() -> None:
    samples = bank(types=("dent", "stain"))
    alone = SupportBank(
        vectors=torch.cat([samples.vectors, vectors(1, 5, 1)]),
        types=(*samples.types, "burr"),
        labels=(*samples.labels, "burr-0"),
    )
    assert left_out_names(head(alone))[-1] in {"dent", "stain"}


def test_the_metric_acts_on_each_crop_and_not_on_the_dense_part() -> None:
    metric = torch.diag(torch.tensor([4.0] + [1.0] * (CROP - 1)))
    rows = vectors(0, 0, 2)
    plain, weighed = place(rows, None, crop_dims=CROP), place(rows, metric, crop_dims=CROP)
    ratio = weighed[:, : 2 * CROP] / plain[:, : 2 * CROP]
    assert torch.allclose(ratio[:, [0, CROP]] / ratio[:, [1, CROP + 1]], torch.full((2, 2), 4.0), rtol=1e-4)
    assert torch.equal(plain[:, 2 * CROP :], weighed[:, 2 * CROP :])
    assert torch.allclose(weighed[:, : 2 * CROP].norm(dim=1), torch.ones(2))


def test_a_head_that_went_through_json_and_tensors_names_alike() -> None:
    fitted = head(bank(), RegionPrior(metric=torch.eye(CROP) * 2.0, reach=1.2))
    again = RegionHead.restored(json.loads(json.dumps(fitted.fields())), fitted.tensors())
    points = torch.cat([vectors(2, kind, 3) for kind in (0, 1, 2, 5)])
    assert again.name(points) == fitted.name(points)


def test_the_distance_of_a_left_out_sample_is_that_from_the_mean_of_the_others() -> None:
    samples = torch.tensor([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])
    assert left_out_distances(samples)[2].item() == pytest.approx(3.0)
    assert left_out_distances(samples[:1]).tolist() == []


def test_regions_of_another_length_and_samples_without_a_number_are_refused() -> None:
    with pytest.raises(BadDataError, match="teach it again"):
        head(bank()).name(torch.zeros(1, 7))
    with pytest.raises(BadDataError, match="no finite description"):
        SupportBank(vectors=torch.full((1, 3), float("nan")), types=("dent",), labels=("a",))
    with pytest.raises(BadDataError, match="no bank"):
        SupportBank(vectors=torch.zeros(2, 3), types=("dent",), labels=("a", "b"))
