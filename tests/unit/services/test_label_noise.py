"""A wrong label among right ones is found, shown and corrected; what cannot be judged is counted."""

import pytest

from inspect_pipeline.domain.labels import LabelKind, LabelRole, in_force
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.learning.detector_settings import DetectorSettings, UnitGrid
from inspect_pipeline.services.label_noise import LabelNoise, Unjudged
from tests.unit.services.plant import BAR, LINE, SPOT, WHOLE, Plant, Ticking, picture, silent


@pytest.fixture
def noisy(plant: Plant) -> Plant:
    """3 bars and 3 spots drawn on frames of their own, a fourth spot that somebody called a bar, and a good frame."""
    plant.add_coil()
    for number in range(7):
        mark = "bar" if number < 3 else "spot"
        frame = plant.add_frame(60 + number, picture(60 + number, mark))
        roi = BAR if mark == "bar" else SPOT
        named = "bar" if number == 6 else mark
        plant.add_label(frame, named, roi=roi, role=LabelRole.HELD_OUT, name=f"label-{number}")
    good = plant.add_frame(80, picture(80))
    plant.add_label(good, None, roi=WHOLE, role=LabelRole.HELD_OUT)
    dark = plant.add_frame(81, picture(81), reason="too dark")
    plant.add_label(dark, "bar", roi=BAR, role=LabelRole.HELD_OUT)
    return plant


def _noise(plant: Plant) -> LabelNoise:
    return LabelNoise(
        catalog=plant.catalog,
        images=plant.images,
        registry=plant.registry,
        features=plant.features,
        settings=DetectorSettings(folds=2, typing_views=1),
        unit=UnitGrid(),
        clock=Ticking(),
        progress=silent,
    )


def test_the_wrong_label_is_doubted_and_corrected_and_what_cannot_be_judged_is_counted(noisy: Plant) -> None:
    noise = _noise(noisy)
    report = noise.report(LINE)
    first = report.doubted[0]
    assert (first.label, first.given, first.suggested, first.role) == ("label-6", "bar", "spot", "held out")
    assert (report.labels, report.judged) == (33, 7)
    # 20 good frames and 4 samples of the lesson, whose regions are guessed, and what the fixture adds.
    assert report.unjudged == {Unjudged.NOT_DRAWN: 4, Unjudged.WHOLE_FRAME: 21, Unjudged.UNUSABLE: 1}
    assert noise.report(LINE) is report
    right = noise.correct("label-6", line=LINE, name="spot", by="anna")
    assert (right.supersedes, right.role, right.operator) == ("label-6", LabelRole.HELD_OUT, "anna")
    assert "label-6" not in {one.label for one in noise.report(LINE).doubted}


def test_a_correction_is_a_new_row_and_is_made_once(noisy: Plant) -> None:
    noise = _noise(noisy)
    made = noise.correct("label-2", line=LINE, name="", by="anna")
    assert (made.kind, made.defect_type) == (LabelKind.NOT_A_DEFECT, None)
    with noisy.catalog.transaction() as unit:
        every = unit.labels(line=LINE)
    assert "label-2" in {label.id for label in every}
    assert {label.id for label in in_force(every)} >= {made.id}
    with pytest.raises(RefusedError, match="no longer in force"):
        noise.correct("label-2", line=LINE, name="spot", by="bo")
    with pytest.raises(RefusedError, match="already"):
        noise.correct("label-1", line=LINE, name="bar", by="bo")
    with pytest.raises(NotFoundError, match="no label 'label-1'"):
        noise.correct("label-1", line="other", name="spot", by="bo")
    with pytest.raises(BadDataError, match="cannot be used"):
        noise.correct("label-1", line=LINE, name="<b>", by="bo")


def test_a_line_without_labels_says_so(noisy: Plant) -> None:
    with pytest.raises(NotFoundError, match="no labels in force"):
        _noise(noisy).report("empty")
