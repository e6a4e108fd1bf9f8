"""Curves over samples and good images: paired points, points that the data cannot carry, and what is pooled."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.services.detect_curves import Curve, CurveSpec, Point, curve_rows
from inspect_pipeline.services.detect_draws import DrawSpec
from inspect_pipeline.services.detect_evaluation import DetectSummary, evaluate_detection
from inspect_pipeline.services.detect_figures import Series

from .plant import silent
from .shelf import Shelf, subject

SPEC = DrawSpec(shot=3, normals=8, draws=2, seed=5)


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def summary(backbone: Backbone, shelf: Shelf) -> DetectSummary:
    images = [image for image in shelf.material(good=34, each=12) if image.class_name != "spot"]
    return evaluate_detection(
        images,
        subject(backbone),
        SPEC,
        model=None,
        trained_on=(),
        progress=silent,
        curves=CurveSpec(shots=(1, 3, 9), normals=(4, 8, 40)),
    )


def curve(summary: DetectSummary, axis: str) -> Mapping[str, Any]:
    assert summary.curves is not None
    found: Mapping[str, Any] = summary.curves[axis]
    return found


def test_points_that_the_data_carry_are_measured_and_others_are_refused_with_numbers(summary: DetectSummary) -> None:
    assert [point["shot"] for point in curve(summary, "shots")["points"]] == [1, 3]
    assert [point["normals"] for point in curve(summary, "normals")["points"]] == [4, 8]
    assert len(summary.refused) == 2
    assert "curve over shots: steel/bar: beside 9 samples a type and 8 normals, draw 0 leaves" in summary.refused[0]
    assert summary.refused[1] == "curve over normals: steel/bar has 34 defect-free images, 40 are asked for"


def test_the_largest_point_is_the_draw_of_these_numbers_and_gains_are_paired(summary: DetectSummary) -> None:
    few, many = curve(summary, "shots")["points"]
    assert many["figures"] == summary.per_type["steel/bar"]["figures"]
    assert many["baselines"]["ridge"]["image_auroc"] == summary.baselines["ridge"]["image_auroc"]
    assert few["gained"] is None
    gained = many["gained"]["image_auroc"]["value"]
    assert gained == pytest.approx(many["figures"]["image_auroc"]["value"] - few["figures"]["image_auroc"]["value"])
    assert curve(summary, "shots")["per_type"]["steel/bar"]["test_defects"] == 9  # of 12, at 1 sample too


def test_descriptors_are_computed_once_for_all_points(summary: DetectSummary, shelf: Shelf) -> None:
    assert set(shelf.reads.values()) == {1}


def point(shot: int, auroc: float) -> Point:
    figures = ("image_auroc", "average_precision", "escape_at_0.01", "escape_at_0.05")
    ranked = {name: np.array([auroc, auroc]) for name in figures}
    series: Series = {"detector": ranked, "own": {"overkill": np.array([0.0, 0.0])}}
    return Point(shot=shot, normals=8, series=series)


def test_only_types_that_carry_every_point_are_pooled() -> None:
    long = Curve(points=(point(1, 0.8), point(3, 0.9)), refused=(), test_normals=9, test_defects=9)
    short = Curve(points=(point(1, 0.2),), refused=("too few",), test_normals=9, test_defects=9)
    rows = curve_rows({"shots": {"m/a": long, "m/b": short}})["shots"]
    assert rows["types"] == ["m/a"]
    assert [row["figures"]["image_auroc"]["value"] for row in rows["points"]] == pytest.approx([0.8, 0.9])
    assert rows["points"][1]["gained"]["image_auroc"]["value"] == pytest.approx(0.1)
    assert len(rows["per_type"]["m/b"]["points"]) == 1


def test_points_are_given_once_smallest_first_and_each_must_be_drawable(backbone: Backbone) -> None:
    with pytest.raises(BadDataError, match="smallest first"):
        CurveSpec(shots=(3, 1))
    with pytest.raises(BadDataError, match="2 normals"):
        evaluate_detection(
            Shelf().material(good=1, each=0),
            subject(backbone),
            replace(SPEC, draws=1),
            model=None,
            trained_on=(),
            progress=silent,
            curves=CurveSpec(normals=(2,)),
        )
