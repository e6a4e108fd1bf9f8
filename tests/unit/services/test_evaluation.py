"""Evaluation of a folder: what is a sample, what identifies the data, and the frozen heads on the same episodes."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels, Roi
from inspect_pipeline.domain.records import Box, LabelledImage
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.episodes import EpisodeSpec, index_samples
from inspect_pipeline.learning.evaluation import data_fingerprint, sample_hash
from inspect_pipeline.learning.methods.catalog import untrained
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.services.evaluation import Described, EvaluateSummary, Regions, describe_folder, evaluate_folder
from inspect_pipeline.services.examples import NORMAL

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
    assert set(ridge.baselines) == {"nearest_prototype", "ridge"}
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
