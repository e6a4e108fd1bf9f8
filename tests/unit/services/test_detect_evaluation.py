"""Detection over draws: the product's own detector, what its threshold gave, and chance where labels mean nothing."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, cut_patches
from inspect_pipeline.learning.teaching import teach_patches
from inspect_pipeline.services.detect_draws import DrawSpec, Labelled, draw
from inspect_pipeline.services.detect_evaluation import DetectSummary, evaluate_detection
from inspect_pipeline.services.detect_images import describe_images
from inspect_pipeline.services.detect_regions import on_region
from inspect_pipeline.services.detect_trial import measure
from inspect_pipeline.services.examples import source_of

from .plant import SIDE_PX, WHOLE, silent
from .shelf import Shelf, subject

SPEC = DrawSpec(shot=3, normals=8, draws=3, seed=5)
BASELINES = {
    "normality_only",
    "type_channel_only",
    "nearest_prototype",
    "ridge",
    "shrinkage_lda",
    "logistic_regression",
}


def evaluated(
    backbone: Backbone, images: Sequence[LabelledImage], *, spec: DrawSpec = SPEC, trained_on: Sequence[str] = ()
) -> DetectSummary:
    return evaluate_detection(
        images, subject(backbone), spec, model="initialization.default@3", trained_on=trained_on, progress=silent
    )


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def summary(backbone: Backbone, shelf: Shelf) -> DetectSummary:
    return evaluated(backbone, shelf.material(), trained_on=("steel", "brass"))


def test_marks_that_all_can_see_are_found_placed_and_named(summary: DetectSummary) -> None:
    assert summary.image_auroc > 0.99
    assert summary.interval[0] <= summary.image_auroc <= summary.interval[1] <= 1.0
    assert summary.average_precision > 0.99
    assert summary.escape_at == {"0.01": None, "0.05": 0.0}
    assert summary.detector["escape"]["value"] < 0.05
    assert summary.detector["region_recall"]["value"] > 0.9
    assert summary.detector["region_recall_own"]["value"] > 0.9
    assert summary.detector["false_regions_per_normal"]["value"] < 0.2
    assert summary.detector["aupro"]["value"] > 0.8 > summary.detector["aupro_chance"]["value"] + 0.3
    assert summary.together["steel"]["figures"]["type_accuracy"]["value"] > 0.75
    assert summary.detector["type_accuracy"] == {"value": None, "interval": None}  # one type alone has no other name


def test_the_answer_says_what_was_drawn_and_what_stands_beside_it(summary: DetectSummary) -> None:
    assert (summary.task, summary.model, summary.images) == ("detect", "initialization.default@3", 58)
    assert (summary.shot, summary.normals, summary.draws, summary.seed) == (3, 8, 3, 5)
    assert (summary.promised_overkill, summary.false_regions, summary.refused) == (0.05, 0.1, ())
    assert set(summary.per_type) == {"steel/bar", "steel/spot"}
    assert (summary.per_type["steel/bar"]["test_normals"], summary.per_type["steel/bar"]["test_defects"]) == (26, 9)
    assert set(summary.per_family) == {"steel"}
    assert set(summary.baselines) == BASELINES == set(summary.per_family["steel"]["baselines"])
    gained = summary.baselines["normality_only"]["difference"]["image_auroc"]
    assert gained["value"] == pytest.approx(summary.image_auroc - summary.baselines["normality_only"]["image_auroc"])
    assert "Student" in summary.intervals
    assert summary.curves is None
    assert summary.promise["overkill"]["within"]["of"] == 6  # 3 draws of 2 types
    assert summary.promise["overkill"]["promised"] == 0.05
    kept = [summary.per_type[name]["promise"]["overkill"]["within"]["count"] for name in summary.per_type]
    assert sum(kept) == summary.promise["overkill"]["within"]["count"]
    assert summary.per_family["steel"]["promise"] == summary.promise
    assert summary.seen == ("steel",)


def test_an_untaught_mark_is_ranked_apart_from_the_taught_one(summary: DetectSummary) -> None:
    assert summary.per_type["steel/bar"]["figures"]["strangers_auroc"]["value"] > 0.9
    assert summary.together["steel"]["figures"]["strangers_auroc"]["value"] is None


def test_a_type_left_out_is_found_as_abnormal_and_looks_less_like_the_taught_one(summary: DetectSummary) -> None:
    unknown = summary.unknown
    assert unknown is not None
    assert set(unknown["per_type"]) == {"steel/bar", "steel/spot"}
    assert (unknown["types"], unknown["per_type"]["steel/bar"]["taught"]) == (2, ["spot"])
    assert unknown["per_type"]["steel/bar"]["test_strangers"] >= 9
    assert unknown["figures"]["strangers_auroc"]["value"] > 0.9
    assert unknown["figures"]["unknown_auroc"]["value"] > 0.8
    assert unknown["figures"]["strangers_auroc"]["draws"] == 3
    assert all(unknown["figures"][name]["draws"] > 0 for name in ("named_unknown", "known_named_unknown"))


def test_every_image_is_read_once_whatever_the_number_of_draws(summary: DetectSummary, shelf: Shelf) -> None:
    assert set(shelf.reads.values()) == {1}


def test_the_same_seed_gives_the_same_numbers_and_boxes_give_no_aupro(backbone: Backbone) -> None:
    spec = replace(SPEC, draws=2)
    images = Shelf().material(good=20, each=9, exact=False)
    first = evaluated(backbone, images, spec=spec)
    assert first == evaluated(backbone, images, spec=spec)
    assert first.detector["region_recall"]["value"] > 0.9
    assert first.detector["aupro"]["value"] is None


def test_the_detector_under_test_is_the_one_that_is_taught_at_a_line(backbone: Backbone) -> None:
    images, settings = Shelf().material(good=20, each=9), subject(backbone).settings
    described = describe_images(images, backbone, settings=settings, progress=silent)
    drawn = draw([one.labelled for one in described], ("bar",), SPEC, material="steel", number=0)
    frames = [FrameRegions(pixels=images[i].load(), normals=(WHOLE,), defects=()) for i in drawn.normals]
    for i in drawn.supports["bar"]:
        mask = images[i].load_mask
        assert mask is not None
        region = DefectRegion(roi=WHOLE, mask=mask(), defect_type="bar", source=source_of(mask()), label="x")
        frames.append(FrameRegions(pixels=images[i].load(), normals=(), defects=(region,)))
    patches = cut_patches(backbone, frames, unit=Promise().unit, settings=settings)
    detector = teach_patches(backbone, patches, promise=Promise(), settings=settings, seed=5).detector
    alarms = [float(detector.examine(images[i].load()).strongest.max()) >= 1.0 for i in drawn.test_normals]
    missed = [float(detector.examine(images[i].load()).strongest.max()) < 1.0 for i in drawn.defects]
    trial = measure(described, drawn, subject(backbone), seed=5)
    assert trial.own["overkill"] == pytest.approx(np.mean(alarms))
    assert trial.own["escape"] == pytest.approx(np.mean(missed))
    assert torch.equal(described[0].patches, dense_map(backbone, images[0].load()))


def test_permuted_labels_leave_every_figure_at_chance(backbone: Backbone) -> None:
    generator = np.random.default_rng(11)
    shown = ["good"] * 40 + ["bar"] * 24 + ["spot"] * 24
    told = [shown[k] for k in generator.permutation(len(shown)).tolist()]
    places = [int(16 * k) for k in generator.integers(0, 4, size=len(shown))]
    shelf = Shelf()
    images = [
        shelf.image(
            number,
            name,
            shows=mark,
            box=None if name == "good" else Roi(top=place, left=80 - place, bottom=place + 16, right=96 - place),
            exact=True,
        )
        for number, (mark, name, place) in enumerate(zip(shown, told, places, strict=True))
    ]
    found = evaluated(backbone, images, spec=DrawSpec(shot=3, normals=8, draws=8, seed=1))
    figures = found.detector
    assert abs(found.image_auroc - 0.5) < 0.1
    assert abs(found.average_precision - 21 / (21 + 32)) < 0.1  # the share of defects
    assert abs(figures["escape_at_0.05"]["value"] - 0.95) < 0.1
    assert abs(figures["escape"]["value"] - (1.0 - figures["overkill"]["value"])) < 0.1
    assert figures["region_recall"]["value"] < 0.15
    assert abs(figures["aupro"]["value"] - 0.15) < 0.1
    assert abs(figures["strangers_auroc"]["value"] - 0.5) < 0.1
    assert abs(figures["aupro"]["value"] - figures["aupro_chance"]["value"]) < 0.1
    assert found.unknown is not None
    assert abs(found.unknown["figures"]["strangers_auroc"]["value"] - 0.5) < 0.1
    assert abs(found.unknown["figures"]["unknown_auroc"]["value"] - 0.5) < 0.1
    named = found.together["steel"]["figures"]["type_accuracy"]["value"]
    assert named is None or named < 0.65
    for name in BASELINES:
        assert abs(found.baselines[name]["image_auroc"] - 0.5) < 0.12, name
        assert abs(found.baselines[name]["difference"]["image_auroc"]["value"]) < 0.12, name


def test_what_cannot_be_drawn_is_listed_and_nothing_at_all_is_refused(backbone: Backbone) -> None:
    shelf = Shelf()
    images = shelf.material(good=20, each=9)[:-7]  # 2 spots are left
    found = evaluated(backbone, images, spec=replace(SPEC, draws=1))
    assert found.refused == ("steel/spot has 2 samples of 'spot', 3 are asked for",)
    assert (set(found.per_type), dict(found.together)) == ({"steel/bar"}, {})
    assert found.interval == (0.0, 1.0)  # one draw has no spread
    with pytest.raises(BadDataError, match=r"nothing can be detected here: .* 3 are asked for"):
        evaluated(backbone, images[-4:])


def test_an_image_that_cannot_be_read_ends_the_evaluation(backbone: Backbone) -> None:
    def torn() -> Pixels:
        raise BadImageError("1.png: truncated")

    broken = LabelledImage(family="steel", class_name="bar", group="", source="1.png", load=torn)
    with pytest.raises(BadImageError, match=r"1\.png: truncated"):
        evaluated(backbone, [broken])


@pytest.mark.parametrize(
    ("found", "on"),
    [
        (Roi(top=100, left=100, bottom=164, right=164), True),
        (Roi(top=80, left=80, bottom=144, right=144), True),  # the window around the mark
        (Roi(top=0, left=0, bottom=500, right=1250), False),  # a box of the whole image finds nothing
        (Roi(top=200, left=100, bottom=264, right=164), False),
    ],
)
def test_a_region_is_found_by_a_box_that_lies_on_it(found: Roi, on: bool) -> None:
    assert on_region(found, Roi(top=120, left=120, bottom=124, right=128)) is on


def test_a_defect_free_image_has_no_marks(backbone: Backbone) -> None:
    (one,) = describe_images(Shelf().material(good=1, each=0), backbone, settings=DetectorSettings(), progress=silent)
    assert (one.labelled, dict(one.marks)) == (Labelled(types=(), group="good/0.png"), {})
    assert one.good_px.sum() == SIDE_PX**2
