"""A memory bank covers what it was given, stays within its size, and knows what is far from all of it."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.memory_bank import fit_bank

from .patch_material import DIMS


def cloud(seed: int, count: int, *, at: float = 0.0, spread: float = 0.1) -> Tensor:
    return at + spread * torch.from_numpy(np.random.default_rng(seed).normal(size=(count, DIMS)).astype(np.float32))


@given(seed=st.integers(0, 1000), size=st.integers(1, 40))
def test_the_bank_never_holds_more_than_its_size_and_only_patches_it_was_given(seed: int, size: int) -> None:
    patches = cloud(seed, 30)
    bank = fit_bank([patches], size=size, candidates=1000, seed=seed)
    assert len(bank.rows) == min(size, 30)
    assert all(bool((patches == row).all(dim=1).any()) for row in bank.rows)


def test_a_rare_kind_of_good_patch_is_kept_where_a_random_choice_would_lose_it() -> None:
    rare = cloud(1, 2, at=3.0)
    bank = fit_bank([cloud(0, 500), rare], size=10, candidates=1000, seed=0)
    assert float(bank.distance(rare).max()) < 1.0
    assert float(bank.distance(cloud(2, 5, at=1.5)).min()) > 1.0


def test_the_distance_is_that_to_the_nearest_row_at_every_place_of_a_map() -> None:
    bank = fit_bank([cloud(0, 50)], size=50, candidates=1000, seed=0)
    maps = cloud(3, 6).reshape(2, 3, DIMS)
    expected = torch.cdist(maps.reshape(6, DIMS), bank.rows).amin(dim=1).reshape(2, 3)
    torch.testing.assert_close(bank.distance(maps), expected, rtol=1e-4, atol=1e-4)


def test_an_extended_bank_knows_the_new_material_and_is_no_larger() -> None:
    bank = fit_bank([cloud(0, 200)], size=20, candidates=1000, seed=0)
    new = cloud(5, 50, at=2.0)
    more = bank.extended(new, seed=0)
    assert len(more.rows) == 20
    assert float(more.distance(new).mean()) < 0.5 * float(bank.distance(new).mean())
    assert float(more.distance(cloud(0, 200)).mean()) < 0.6


def test_the_same_seed_gives_the_same_bank_and_few_candidates_bound_the_work() -> None:
    patches = [cloud(0, 300)]
    one, two = (fit_bank(patches, size=8, candidates=50, seed=4) for _ in range(2))
    assert torch.equal(one.rows, two.rows)


def test_a_bank_of_nothing_is_refused() -> None:
    with pytest.raises(BadDataError, match="memory bank"):
        fit_bank([], size=8, candidates=50, seed=0)
