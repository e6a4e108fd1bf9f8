"""A real detector as an appraiser of a study."""

from inspect_pipeline.domain.studies import Study, StudyItem
from inspect_pipeline.services.study_models import DetectorAppraiser
from tests.unit.services.plant import BAR, DETECTOR, LINE, NOON, WHOLE, Plant, Ticking, picture, silent


def test_a_taught_detector_names_what_it_knows_and_skips_what_it_cannot_see(plant: Plant) -> None:
    plant.add_coil()
    marked, plain, lost = (plant.add_frame(n, picture(n, None if n == 51 else "bar")) for n in (50, 51, 52))
    assert lost.image is not None
    del plant.images.contents[lost.image]
    regions = ((marked, BAR, "bar"), (plain, WHOLE, ""), (lost, BAR, "bar"))
    study = Study(
        id="s",
        line=LINE,
        name="May",
        made_by="eve",
        made_at=NOON,
        trials=2,
        seed=0,
        types=("bar",),
        items=tuple(
            StudyItem(number=n, frame=frame.id, roi=roi, reference=truth)
            for n, (frame, roi, truth) in enumerate(regions, start=1)
        ),
        people=("anna", "bo"),
        models=(f"{DETECTOR}@1",),
    )
    appraiser = DetectorAppraiser(
        catalog=plant.catalog, images=plant.images, registry=plant.registry, clock=Ticking(), progress=silent
    )
    found = appraiser.judge(study, f"{DETECTOR}@1")
    assert [(one.item, one.trial, one.answer) for one in found] == [
        (1, 1, "bar"), (1, 2, "bar"), (2, 1, ""), (2, 2, ""),
    ]  # fmt: skip
    assert {one.appraiser for one in found} == {f"{DETECTOR}@1"}
    assert all(one.seconds > 0.0 for one in found)
