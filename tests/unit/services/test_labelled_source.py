"""A labelled folder as a camera that brings its labels along: nothing skipped, the same labels on every run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Origin, RegionSource
from inspect_pipeline.domain.material import Coil, Frame, Pixels, UnusableCapture
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.imaging.strip_edges import EdgeSettings
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.services.examples import history
from inspect_pipeline.services.ingest import Ingest, IngestSummary, LineSetup
from inspect_pipeline.services.labelled_source import LabelledSource, label_of

from .plant import BAR, COIL, LINE, NOON, SIDE_PX, WHOLE, Plant, picture, silent


def torn() -> Pixels:
    raise BadImageError("torn.png: truncated PNG")


def image(class_name: str, number: int, *, marked: bool = False) -> LabelledImage:
    mask = np.zeros((SIDE_PX, SIDE_PX), dtype=np.bool_)
    mask[BAR.top : BAR.bottom, BAR.left : BAR.right] = True
    return LabelledImage(
        family="steel",
        class_name=class_name,
        group="",
        source=f"{class_name}/{number}.png",
        load=lambda: picture(number, class_name),
        load_mask=(lambda: mask) if marked else None,
    )


TORN = LabelledImage(family="steel", class_name="bar", group="", source="torn.png", load=torn)
IMAGES = [image("good", 0), image("bar", 1, marked=True), TORN, image("bar", 2)]


def source(plant: Plant, images: Sequence[LabelledImage] = IMAGES, *, hours: int = 0) -> LabelledSource:
    return LabelledSource(
        images=images,
        store=plant.images,
        role=LabelRole.HISTORY,
        operator="operator-7",
        clock=lambda: NOON + timedelta(hours=hours),
    )


def taken_in(plant: Plant, camera: LabelledSource) -> IngestSummary:
    ingest = Ingest(
        catalog=plant.catalog,
        images=plant.images,
        setup=LineSetup(edges=EdgeSettings(enabled=False)),
        clock=lambda: NOON,
        progress=silent,
        label_frame=camera.labels,
    )
    return ingest.run(camera, Coil(id=COIL, line=LINE, recipe="default", family="steel", created_at=NOON))


def labels(plant: Plant) -> list[Label]:
    with plant.catalog.transaction() as unit:
        return unit.labels()


def test_every_image_is_a_capture_in_line_with_the_others_and_an_unreadable_one_is_unusable() -> None:
    captures = list(source(Plant()))
    assert [type(capture) for capture in captures] == [Frame, Frame, UnusableCapture, Frame]
    assert [capture.first_line for capture in captures] == [0, SIDE_PX, 2 * SIDE_PX, 2 * SIDE_PX]
    assert [capture.sequence for capture in captures] == [0, 1, 2, 3]
    assert isinstance(captures[2], UnusableCapture)
    assert captures[2].reason == "torn.png: truncated PNG"


def test_labels_come_in_with_their_frames_and_say_what_their_folder_said() -> None:
    plant = Plant()
    summary = taken_in(plant, source(plant))
    assert (summary.captured, summary.labels) == (4, 3)
    assert summary.unusable == (("torn.png", "torn.png: truncated PNG"),)
    good, marked, guessed = labels(plant)
    assert (good.kind, good.defect_type, good.region.roi) == (LabelKind.NOT_A_DEFECT, None, WHOLE)
    assert (marked.defect_type, marked.region.source) == ("bar", RegionSource.DRAWN)
    assert (guessed.defect_type, guessed.region.source, guessed.region.mask) == ("bar", RegionSource.GUESSED, None)
    assert {(each.role, each.operator, each.origin) for each in (good, marked, guessed)} == {
        (LabelRole.HISTORY, "operator-7", Origin.REAL)
    }
    mask = decode(plant.images.get(marked.region.mask or ""), name="mask") > 0
    assert (mask.shape, int(mask.sum())) == ((SIDE_PX, SIDE_PX), BAR.area_px)


def test_a_second_run_at_another_time_adds_no_frame_and_no_label() -> None:
    plant = Plant()
    taken_in(plant, source(plant))
    before, written = labels(plant), plant.images.written
    summary = taken_in(plant, source(plant, hours=5))
    assert (summary.new, summary.labels, summary.nothing_new) == (0, 0, True)
    assert (labels(plant), plant.images.written) == (before, written)


def test_another_statement_role_or_frame_is_another_label() -> None:
    plant = Plant()

    def stated(frame: str, defect_type: str | None, role: LabelRole) -> str:
        said = (WHOLE, defect_type, None, RegionSource.DRAWN, Origin.REAL)
        return label_of(frame, said, role=role, operator="x", images=plant.images, now=lambda: NOON).id

    ids = {
        stated(frame, name, role)
        for frame in ("f1", "f2")
        for name in (None, "bar", "spot")
        for role in (LabelRole.SUPPORT, LabelRole.HELD_OUT)
    }
    assert len(ids) == 12


def test_the_leakage_group_of_a_folder_reaches_meta_training() -> None:
    plant = Plant()
    series = [replace(image("bar", number), group=f"series-{number // 2}") for number in range(4)]
    taken_in(plant, source(plant, series))
    found = history(plant.catalog, plant.images, unit_of=lambda _recipe: UnitGrid())
    assert [sample.group for example in found for sample in example.samples] == [
        "series-0",
        "series-0",
        "series-1",
        "series-1",
    ]
