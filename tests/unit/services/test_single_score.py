"""One image judged on the spot is judged as scoring would, by the version in force, and leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict
from inspect_pipeline.errors import BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.services.single_score import SingleScoring

from .plant import COIL, DETECTOR, LINE, Plant, picture


def test_an_image_gets_the_verdict_and_the_regions_that_scoring_gives_and_nothing_is_kept(plant: Plant) -> None:
    plant.add_coil()
    plant.add_frame(0, picture(1, "bar"))
    plant.scoring().run(COIL)
    with plant.catalog.transaction() as unit:
        [scored] = unit.results(COIL, detector=f"{DETECTOR}@1")
    images, state = dict(plant.images.contents), plant.catalog._state
    single = SingleScoring(catalog=plant.catalog, registry=plant.registry)
    said = single.judge(encode_png(picture(1, "bar")), name="image", line=LINE, recipe="default")
    assert (said.verdict, said.detector) == (Verdict.DEFECT, f"{DETECTOR}@1")
    assert (said.height_px, said.width_px) == (96, 96)
    assert [(one.roi, one.defect_type, one.score) for one in said.findings] == [
        (one.roi, one.defect_type, one.score) for one in scored.findings
    ]
    assert plant.images.contents == images
    assert plant.catalog._state.results == state.results


def test_the_detector_is_loaded_once_and_again_when_another_version_is_in_force(plant: Plant) -> None:
    loaded: list[Detector] = []

    def equip(detector: Detector, _bundle: Bundle) -> Detector:
        loaded.append(detector)
        return detector

    single = SingleScoring(catalog=plant.catalog, registry=plant.registry, equip=equip)
    content = encode_png(picture(2))
    for _ in range(2):
        single.judge(content, name="image", line=LINE, recipe="default")
    assert len(loaded) == 1
    _, bundle = plant.registry.load(DETECTOR, version="1")
    again = replace(bundle, manifest={**bundle.manifest, "lineage": {"seed": 1}})
    plant.promote(plant.registry.register(DETECTOR, again, tags={}))
    said = single.judge(content, name="image", line=LINE, recipe="default")
    assert (said.detector, len(loaded)) == (f"{DETECTOR}@2", 2)


def test_what_is_no_image_or_too_large_and_a_line_without_detector_are_refused(plant: Plant) -> None:
    single = SingleScoring(catalog=plant.catalog, registry=plant.registry)
    small = encode_png(np.full((32, 32), 150, dtype=np.uint8))
    bomb = bytearray(small)
    bomb[16:24] = (90_000).to_bytes(4, "big") * 2
    with pytest.raises(BadImageError, match="declares 90000 x 90000 px, more than"):
        single.judge(bytes(bomb), name="image", line=LINE, recipe="default")
    with pytest.raises(BadImageError, match="image: "):
        single.judge(b"no image", name="image", line=LINE, recipe="default")
    with pytest.raises(NotFoundError, match="no detector is in force for line 'other'"):
        single.judge(small, name="image", line="other", recipe="default")
