"""Work of an earlier teaching: taken where all is the same, made anew where anything differs or is damaged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.good_ground import good_ground
from inspect_pipeline.learning.patch_bytes import packed
from inspect_pipeline.services.kept_work import ground_key, stored_work
from tests.fakes.features import InMemoryFeatures

SETTINGS = DetectorSettings(folds=3)
OTHERS = (
    replace(SETTINGS, shrinkage=0.1),
    replace(SETTINGS, folds=2),
    replace(SETTINGS, smoothing_patches=2),
    replace(SETTINGS, normality="memory_bank"),
    replace(SETTINGS, bank_patches=7),
)


def units() -> list[GoodUnit]:
    rows = np.random.default_rng(0).normal(size=(6, 5, 5, 4)).astype(np.float32)
    return [GoodUnit(patches=torch.from_numpy(each), frame=k, whole=True) for k, each in enumerate(rows)]


def test_a_ground_is_made_once_and_is_the_same_bit_for_bit(backbone: Backbone) -> None:
    features = InMemoryFeatures()
    work = stored_work(features, backbone)
    first, again = (work.grounds(units(), SETTINGS, 3) for _ in range(2))
    assert (features.hits, features.misses) == (1, 1)
    assert packed(first) == packed(again) == packed(good_ground(units(), SETTINGS, 3))


def test_whatever_a_ground_depends_on_makes_another_and_a_ridge_does_not() -> None:
    good = units()
    key = ground_key(good, SETTINGS, 3)
    nudged = [replace(good[0], patches=good[0].patches + 1e-3), *good[1:]]
    others = [
        ground_key(nudged, SETTINGS, 3),
        ground_key([good[1], good[0], *good[2:]], SETTINGS, 3),
        ground_key([replace(good[0], frame=1), *good[1:]], SETTINGS, 3),
        ground_key([replace(good[0], group="a"), *good[1:]], SETTINGS, 3),
        ground_key(good[:-1], SETTINGS, 3),
        ground_key(good, SETTINGS, 4),
        *(ground_key(good, other, 3) for other in OTHERS),
    ]
    assert len({key, *others}) == 1 + len(others)
    assert ground_key(good, replace(SETTINGS, ridge=9.0, anomaly_handicap=1.0), 3) == key


def test_samples_on_other_coils_that_move_the_numbers_of_frames_leave_the_ground() -> None:
    moved = [replace(unit, frame=unit.frame + 7) for unit in units()]
    assert ground_key(moved, SETTINGS, 3) == ground_key(units(), SETTINGS, 3)


@pytest.mark.parametrize("damage", [b"", b"nothing of the kind"])
def test_damaged_work_is_made_anew(backbone: Backbone, damage: bytes) -> None:
    features = InMemoryFeatures()
    work = stored_work(features, backbone)
    made = packed(work.grounds(units(), SETTINGS, 3))
    vector = work.vectors("here", lambda: torch.ones(3))
    for key in features.contents:
        features.contents[key] = damage
    assert packed(work.grounds(units(), SETTINGS, 3)) == made
    assert torch.equal(work.vectors("here", lambda: torch.ones(3)), vector)


def test_a_vector_is_made_once_for_what_it_depends_on(backbone: Backbone) -> None:
    work = stored_work(InMemoryFeatures(), backbone)
    first, second = torch.ones(2), torch.zeros(2)
    assert torch.equal(work.vectors("a", lambda: first), first)
    assert torch.equal(work.vectors("a", lambda: second), first)
    assert torch.equal(work.vectors("b", lambda: second), second)
