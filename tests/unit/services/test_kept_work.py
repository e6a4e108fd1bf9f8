"""Work of an earlier teaching: taken where all is the same, made anew where anything differs or is damaged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_fit import Variant
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.good_ground import GoodGround, good_ground
from inspect_pipeline.learning.patch_bytes import packed
from inspect_pipeline.learning.quick_fit import Lesson
from inspect_pipeline.learning.teaching import Taught, teach_patches
from inspect_pipeline.services.kept_work import ground_key, stored_work, type_keys
from tests.fakes.features import InMemoryFeatures
from tests.unit.learning.patch_material import material

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


def taught(backbone: Backbone, types: dict[str, int], features: InMemoryFeatures) -> Taught:
    """Three samples a type on good material that is the same for all, what was fitted before taken from the store."""
    patches = material(3, types=types, shots=3)
    work = stored_work(features, backbone)
    return teach_patches(backbone, patches, promise=Promise(), settings=SETTINGS, seed=7, kept=work)


def test_a_type_more_beside_kept_ones_gives_the_detector_that_all_taught_anew_give_bit_for_bit(
    backbone: Backbone,
) -> None:
    kept = InMemoryFeatures()
    taught(backbone, {"scratch": 0, "stain": 5}, kept)
    entries, hits = len(kept.contents), kept.hits
    beside = taught(backbone, {"scratch": 0, "stain": 5, "weld": 9}, kept)
    anew = taught(backbone, {"scratch": 0, "stain": 5, "weld": 9}, InMemoryFeatures())
    assert (len(kept.contents) - entries, kept.hits - hits) == (1, 3)  # the ground and two types were there
    assert beside.detector.to_bundle({}) == anew.detector.to_bundle({})
    assert (beside.leave_one_out, beside.checks, beside.overkill) == (anew.leave_one_out, anew.checks, anew.overkill)


def test_whatever_a_type_depends_on_makes_another_entry_and_its_name_does_not() -> None:
    good = units()
    ground, shifted = good_ground(good, SETTINGS, 3), good_ground(good[1:], SETTINGS, 3)
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 3, 4)).astype(np.float32))
    supports = tuple(
        Support(
            patches=each, inside=torch.ones(3, 3, dtype=torch.bool), defect_type="a", source=RegionSource.DRAWN,
            label=str(n),
        )
        for n, each in enumerate(rows)
    )  # fmt: skip
    lesson = Lesson(supports=supports, variants=(Variant(defect_type="a", supports=(0, 1)),))

    def key(
        chosen: DetectorSettings = SETTINGS,
        *,
        on: GoodGround = ground,
        supports: tuple[Support, ...] = supports,
        variants: tuple[Variant, ...] = lesson.variants,
    ) -> str:
        return type_keys(on, [Lesson(supports=supports, variants=variants)], chosen)[0]

    nudged = (replace(supports[0], patches=supports[0].patches + 1e-3), supports[1])
    guessed = (replace(supports[0], source=RegionSource.GUESSED), supports[1])
    others = [
        key(supports=nudged),
        key(supports=guessed),
        key(supports=supports[::-1]),
        key(variants=(Variant(defect_type="a", supports=(0,)),)),
        key(on=shifted),
        key(replace(SETTINGS, ridge=9.0)),
        key(replace(SETTINGS, support_patches=7)),
        key(replace(SETTINGS, smoothing_patches=7)),
    ]
    assert len({key(), *others}) == 1 + len(others)
    renamed = tuple(replace(one, defect_type="b", label=f"x{one.label}") for one in supports)
    assert key(supports=renamed) == key()
