"""Evaluation of a folder: what is a sample, what identifies the data, and the frozen heads on the same episodes."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import Box, LabelledImage
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.episodes import EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import data_fingerprint, sample_hash
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.services.evaluation import (
    Described,
    EvaluateSummary,
    Measures,
    Regions,
    describe_folder,
    evaluate_folder,
)
from inspect_pipeline.services.examples import NORMAL
from inspect_pipeline.services.method_curves import MethodCurves

from .plant import BAR, SPOT, picture, silent


def image(class_name: str, number: int, *, boxes: Sequence[Box] = (), group: str = "") -> LabelledImage:
    return LabelledImage(
        family="steel",
        class_name=class_name,
        group=group,
        source=f"{class_name}/{number}.png",
        load=lambda: picture(number, class_name),
        boxes=tuple(boxes),
    )


def described(backbone: Backbone, images: Sequence[LabelledImage], *, regions: Regions = "image") -> Described:
    return describe_folder(images, backbone, regions=regions, progress=silent)


def test_whole_images_are_samples_of_their_class_and_every_good_name_is_one_class(backbone: Backbone) -> None:
    found = described(backbone, [image("good", 0), image("OK", 1), image("bar", 2, group="series-1")])
    assert found.index.types == (NORMAL, NORMAL, "bar")
    assert found.features.shape == (3, 864)
    assert len(set(found.index.groups.tolist())) == 3


def test_boxes_are_samples_of_their_own_class_cut_with_context_and_share_the_group_of_their_image(
    backbone: Backbone,
) -> None:
    spot = Roi(top=40, left=40, bottom=48, right=56)
    both = image("bar", 7, boxes=[Box(roi=BAR, class_name="bar"), Box(roi=spot, class_name="spot")])
    found = described(backbone, [both, image("good", 8)], regions="boxes")
    assert found.index.types == ("bar", "spot", NORMAL)
    assert found.index.groups.tolist() == [0, 0, 1]
    # Twice the longer side, 32 px, around the middle of the box at row 44, column 48.
    crop = picture(7, "bar")[44 - 16 : 44 + 16, 48 - 16 : 48 + 16]
    np.testing.assert_allclose(found.features[1], region_features(backbone, [crop])[0], atol=1e-5)


def test_a_box_outside_its_image_is_no_sample(backbone: Backbone) -> None:
    outside = Box(roi=Roi(top=500, left=500, bottom=510, right=510), class_name="bar")
    found = described(backbone, [image("bar", 0, boxes=[outside, Box(roi=SPOT, class_name="spot")])], regions="boxes")
    assert found.index.types == ("spot",)


def test_boxes_are_not_looked_at_where_whole_images_are_asked_for(backbone: Backbone) -> None:
    assert described(backbone, [image("bar", 0, boxes=[Box(roi=SPOT, class_name="spot")])]).index.types == ("bar",)


def test_the_fingerprint_is_that_of_the_data_whatever_the_order_or_the_names_of_the_files(backbone: Backbone) -> None:
    images = [image("bar", 1), image("spot", 2), image("good", 3)]
    found = described(backbone, images)
    assert described(backbone, images[::-1]).fingerprint == found.fingerprint
    hashes = [sample_hash(picture(number, name)) for number, name in ((1, "bar"), (2, "spot"), (3, "good"))]
    index = index_samples(families=["steel"] * 3, types=["bar", "spot", NORMAL], groups=[""] * 3)
    assert found.fingerprint == data_fingerprint(hashes, index)
    assert described(backbone, [*images[:2], image("good", 4)]).fingerprint != found.fingerprint


def test_an_image_that_cannot_be_read_ends_the_evaluation(backbone: Backbone) -> None:
    def torn() -> Pixels:
        raise BadImageError("1.png: truncated")

    broken = LabelledImage(family="steel", class_name="bar", group="", source="1.png", load=torn)
    with pytest.raises(BadImageError, match=r"1\.png: truncated"):
        described(backbone, [image("bar", 0), broken])


# Episodes over descriptors --------------------------------------------------------------------------------------------


def clouds(*, each: dict[str, int], apart: float = 6.0) -> Described:
    generator = np.random.default_rng(0)
    rows: list[NDArray[np.float32]] = []
    names: list[str] = []
    for place, (name, count) in enumerate(each.items()):
        centre = apart * np.eye(8)[place]
        rows.append((centre + generator.normal(size=(count, 8))).astype(np.float32))
        names += [name] * count
    index = index_samples(families=["f"] * len(names), types=names, groups=[""] * len(names))
    return Described(features=np.concatenate(rows), index=index, fingerprint="abc")


def evaluated(data: Described, *, seed: int = 3, method: str = "ridge") -> EvaluateSummary:
    return evaluate_folder(
        data,
        untrained(method, 8),
        model=None,
        spec=EpisodeSpec(way=2, shot=2, query=3),
        episodes=40,
        seed=seed,
        progress=silent,
    )


def test_the_answer_says_what_was_measured_and_on_what() -> None:
    summary = evaluated(clouds(each={"a": 10, "b": 10, "c": 10}))
    assert (summary.method, summary.model, summary.fingerprint) == ("ridge", None, "abc")
    assert (summary.way, summary.shot, summary.query, summary.episodes, summary.seed) == (2, 2, 3, 40, 3)
    assert summary.interval[0] <= summary.accuracy <= summary.interval[1]
    assert summary.accuracy > 0.9
    assert set(summary.per_type) == {"f/a", "f/b", "f/c"}
    assert set(summary.per_family) == {"f"}
    assert (summary.samples, summary.refused) == (30, ())
    assert evaluated(clouds(each={"a": 10, "b": 10, "c": 10})) == summary


def test_the_frozen_heads_stand_beside_it_on_the_same_episodes() -> None:
    data = clouds(each={"a": 10, "b": 10, "c": 10}, apart=1.5)
    ridge, nearest = evaluated(data), evaluated(data, method="nearest_prototype")
    assert set(ridge.baselines) == {"nearest_prototype", "ridge", "shrinkage_lda"}
    assert ridge.baselines["ridge"]["accuracy"] == ridge.accuracy
    assert ridge.baselines["nearest_prototype"]["accuracy"] == nearest.accuracy
    assert ridge.baselines == nearest.baselines
    # An untrained metric is the plain one: the same figure under another name.
    assert evaluated(data, method="protonet").accuracy == nearest.accuracy


def test_types_that_cannot_serve_are_listed_with_their_numbers() -> None:
    summary = evaluated(clouds(each={"a": 10, "b": 10, "rare": 2}))
    (why,) = summary.refused
    assert why == "type 'rare' of family 'f' has 2 samples, 5 are needed"
    assert set(summary.per_type) == {"f/a", "f/b"}


def test_permuted_types_leave_accuracy_at_chance() -> None:
    data = clouds(each={"a": 30, "b": 30})
    names = np.random.default_rng(5).permutation(np.array(data.index.types))
    index = index_samples(families=["f"] * 60, types=[str(name) for name in names], groups=[""] * 60)
    summary = evaluated(Described(features=data.features, index=index, fingerprint="x"))
    assert abs(summary.accuracy - 0.5) < 0.1


# Beside the accuracy --------------------------------------------------------------------------------------------------

TYPES = {"a": 24, "b": 24, "c": 24, "d": 24}
EVERYTHING = Measures(curves=MethodCurves(shots=(1, 3, 6)), open_set=True, known_versus_new=True)


def three_families(*, permuted: bool = False) -> Described:
    generator = np.random.default_rng(2)
    parts = [clouds(each=TYPES, apart=1.5 + number) for number in range(3)]
    types = [name for part in parts for name in part.index.types]
    if permuted:
        types = [str(name) for part in np.split(np.array(types), 3) for name in generator.permutation(part)]
    index = index_samples(
        families=[f"f{number}" for number, part in enumerate(parts) for _ in part.index.types],
        types=types,
        groups=[""] * len(types),
    )
    return Described(features=np.concatenate([part.features for part in parts]), index=index, fingerprint="abc")


def measured(data: Described, *, way: int = 4, measures: Measures = EVERYTHING) -> EvaluateSummary:
    return evaluate_folder(
        data,
        untrained("ridge", 8),
        model="initialization.default@3",
        spec=EpisodeSpec(way=way, shot=3, query=4),
        episodes=90,
        seed=1,
        progress=silent,
        measures=measures,
        trained_on=("f1", "elsewhere"),
    )


@pytest.fixture(scope="module")
def summary() -> EvaluateSummary:
    return measured(three_families())


def test_what_is_gained_over_a_baseline_is_paired_over_episodes_and_over_materials(summary: EvaluateSummary) -> None:
    assert set(summary.differences) == {"nearest_prototype", "shrinkage_lda"}
    name = "nearest_prototype"
    gain = summary.differences[name]
    assert gain["difference"] == pytest.approx(summary.accuracy - summary.baselines[name]["accuracy"])
    assert gain["interval"][0] < gain["difference"] < gain["interval"][1]
    means = [row["difference"] for row in gain["per_family"].values()]
    assert list(gain["per_family"]) == ["f0", "f1", "f2"]
    assert gain["over_materials"]["difference"] == pytest.approx(np.mean(means))
    assert gain["over_materials"]["materials"] == 3


def test_two_materials_have_no_interval_over_materials() -> None:
    data = three_families()
    two = np.flatnonzero(np.array(data.index.families) != "f2")
    part = Described(features=data.features[two], index=data.index.subset(two), fingerprint="abc")
    assert measured(part, measures=Measures()).differences["nearest_prototype"]["over_materials"] is None


def test_the_curve_over_shots_rises_and_says_what_each_point_gained(summary: EvaluateSummary) -> None:
    curve = summary.curves["shots"]
    points = curve["points"]
    assert [point["shots"] for point in points] == [1, 3, 6]
    assert points[0]["gained"] is None
    assert points[2]["gained"]["difference"] == pytest.approx(points[2]["accuracy"] - points[1]["accuracy"])
    assert points[0]["accuracy"] < points[1]["accuracy"] < points[2]["accuracy"]
    nearest = points[1]["baselines"]["nearest_prototype"]["accuracy"]
    assert points[1]["differences"]["nearest_prototype"]["difference"] == pytest.approx(points[1]["accuracy"] - nearest)
    assert (curve["families"], list(curve["per_family"])) == (["f0", "f1", "f2"], ["f0", "f1", "f2"])


def test_strangers_and_added_types_are_measured_beside_the_baselines(summary: EvaluateSummary) -> None:
    strangers, grown = summary.open_set, summary.known_versus_new
    assert strangers is not None and grown is not None
    assert (strangers["known"], grown["known"]) == (3, 2)
    assert strangers["auroc"] == strangers["scores"]["highest_probability"]["auroc"] > 0.7
    assert set(strangers["scores"]) == {"highest_probability", "highest_logit"}
    assert set(strangers["scores"]["highest_logit"]["differences"]) == {"nearest_prototype", "shrinkage_lda"}
    assert set(strangers["per_type"]) == {f"f{family}/{name}" for family in range(3) for name in TYPES}
    assert [point["added"] for point in grown["points"]] == [0, 1, 2]
    last = grown["points"][2]
    assert last["forgetting"]["value"] == pytest.approx(
        grown["points"][0]["known_accuracy"]["value"] - last["known_accuracy"]["value"]
    )
    gained = grown["differences"]["nearest_prototype"][1]["harmonic_mean"]["difference"]
    other = grown["baselines"]["nearest_prototype"][2]["harmonic_mean"]["value"]
    assert gained == pytest.approx(last["harmonic_mean"]["value"] - other)


def test_materials_that_the_model_was_trained_on_are_named(summary: EvaluateSummary) -> None:
    assert summary.seen == ("f1",)


def test_permuted_types_leave_every_figure_at_chance() -> None:
    found = measured(three_families(permuted=True))
    assert abs(found.accuracy - 0.25) < 0.06
    gain = found.differences["nearest_prototype"]
    assert gain["interval"][0] < 0.02 and gain["interval"][1] > -0.02
    for point in found.curves["shots"]["points"]:
        assert abs(point["accuracy"] - 0.25) < 0.06
    assert found.open_set is not None and found.known_versus_new is not None
    assert abs(found.open_set["auroc"] - 0.5) < 0.06
    last = found.known_versus_new["points"][2]
    assert abs(last["known_accuracy"]["value"] - 0.25) < 0.08
    assert abs(last["new_accuracy"]["value"] - 0.25) < 0.08


def test_two_types_in_an_episode_leave_open_set_unmeasured_with_the_reason() -> None:
    found = measured(three_families(), way=2)
    assert (found.open_set, found.known_versus_new) == (None, None)
    assert found.not_measured == ("with 2 types in an episode none can be left out or added; give --way 3 or more",)


def test_points_of_a_curve_are_each_given_once_the_smallest_first() -> None:
    with pytest.raises(BadDataError, match=r"the shots of a curve are \(5, 1\)"):
        MethodCurves(shots=(5, 1))
    with pytest.raises(BadDataError, match=r"the shots of a curve are \(0, 1\)"):
        MethodCurves(shots=(0, 1))
    assert MethodCurves(steps=(0, 1)).steps == (0, 1)
