"""One coil judged by torch and by every runtime: the same verdicts, scores within 1e-4."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.exporting import exported_descriptor
from inspect_pipeline.runtimes.opening import open_runner

from .plant import COIL, DETECTOR, Plant, picture

MARKS = [None, "bar", None, "spot", "bar"]


@pytest.fixture(scope="module")
def graph(backbone: Backbone) -> bytes:
    return exported_descriptor(backbone)


def results(plant: Plant, equip: Callable[[Detector, Bundle], Detector] | None = None) -> list[FrameResult]:
    own = deepcopy(plant)
    own.add_coil(COIL)
    for number, mark in enumerate(MARKS):
        own.add_frame(number, picture(900 + number, mark))
    scoring = own.scoring()
    (scoring if equip is None else replace(scoring, equip=equip)).run(COIL)
    with own.catalog.transaction() as unit:
        return unit.results(COIL, detector=f"{DETECTOR}@1")


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_verdicts_regions_and_names_are_those_of_torch_and_scores_within_a_ten_thousandth(
    plant: Plant, graph: bytes, runtime: str
) -> None:
    used = []

    def equip(detector: Detector, _bundle: Bundle) -> Detector:
        detector.backbone.runner = open_runner(graph, runtime, precision="f32", threads=1)
        used.append(detector)
        return detector

    wanted, found = results(plant), results(plant, equip)
    assert used
    assert [each.verdict for each in found] == [each.verdict for each in wanted]
    assert sum(len(each.findings) for each in wanted) >= 3
    for mine, theirs in zip(found, wanted, strict=True):
        assert [(f.roi, f.defect_type) for f in mine.findings] == [(f.roi, f.defect_type) for f in theirs.findings]
        assert [f.score for f in mine.findings] == pytest.approx([f.score for f in theirs.findings], rel=1e-4)
