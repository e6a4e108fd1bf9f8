"""What a detector saw of its findings is kept at scoring, and anything of it may be gone."""

from dataclasses import replace

import numpy as np
import pytest

from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.region_crops import describe_regions
from inspect_pipeline.services.finding_vectors import keep_vectors, kept_vectors
from tests.fakes.features import InMemoryFeatures

from .plant import COIL, DETECTOR, Plant, picture

SCORED = FrameResult(frame="coil-1/001", verdict=Verdict.PASS, detector=f"{DETECTOR}@1")


def test_vectors_come_back_by_ordinal_to_half_precision() -> None:
    features = InMemoryFeatures()
    vectors = {0: np.linspace(-1, 1, 7, dtype=np.float32), 12: np.full(7, 1 / 3, dtype=np.float32)}
    keep_vectors(features, SCORED, vectors)
    kept = kept_vectors(features, SCORED.frame, SCORED.detector)
    assert sorted(kept) == [0, 12]
    for ordinal, vector in vectors.items():
        assert kept[ordinal].dtype == np.float32
        np.testing.assert_allclose(kept[ordinal], vector, atol=5e-4)
    assert len(features.contents) == 1


def test_another_version_another_frame_or_an_emptied_store_has_none() -> None:
    features = InMemoryFeatures()
    keep_vectors(features, SCORED, {0: np.ones(3, dtype=np.float32)})
    assert kept_vectors(features, SCORED.frame, f"{DETECTOR}@2") == {}
    assert kept_vectors(features, "coil-1/002", SCORED.detector) == {}
    features.contents.clear()
    assert kept_vectors(features, SCORED.frame, SCORED.detector) == {}


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x80\x04pickle"])
def test_a_damaged_entry_counts_as_gone(content: bytes) -> None:
    features = InMemoryFeatures()
    keep_vectors(features, SCORED, {0: np.ones(3, dtype=np.float32)})
    features.contents = dict.fromkeys(features.contents, content)
    assert kept_vectors(features, SCORED.frame, SCORED.detector) == {}


def test_a_frame_without_compared_findings_takes_no_room() -> None:
    features = InMemoryFeatures()
    keep_vectors(features, SCORED, {})
    assert features.contents == {}


def test_scoring_keeps_of_each_compared_finding_what_the_backbone_gives_for_it(plant: Plant) -> None:
    plant.add_coil()
    frame = plant.add_frame(0, picture(1, "bar"))
    plain = plant.add_frame(1, picture(2))
    features = InMemoryFeatures()
    replace(plant.scoring(), features=features).run(COIL)
    vectors = kept_vectors(features, frame.id, f"{DETECTOR}@1")
    assert kept_vectors(features, plain.id, f"{DETECTOR}@1") == {}
    with plant.catalog.transaction() as unit:
        findings = unit.results(COIL, detector=f"{DETECTOR}@1")[0].findings
    assert sorted(vectors) == list(range(len(findings)))
    detector = Detector.from_bundle(plant.registry.load(DETECTOR, version="1")[1])
    assert detector.regions is not None
    assert vectors[0].shape == (detector.regions.placed.shape[1],)
    pixels = decode(plant.images.get(frame.image or ""), name="frame")
    patches = frame_map(detector.backbone, pixels, detector.settings)
    scores = detector.judge(patches)
    whole = detector.name_regions(scores, [findings[0].roi], pixels)[0].description
    assert whole is not None
    np.testing.assert_allclose(vectors[0], whole, atol=1e-3)
    again = describe_regions(
        detector.backbone,
        pixels,
        patches,
        [findings[0].roi],
        views=detector.settings.typing_views,
        window_px=detector.settings.typing_window_px,
    )
    assert float(np.dot(again[0].numpy(), vectors[0])) > 0.9 * float(np.dot(vectors[0], vectors[0]))
