"""Labels in and out of a line: matched by name, all or nothing, known again when they come a second time."""

import json
from typing import Any

import numpy as np
import pytest

from inspect_pipeline.domain.audit import AuditAction
from inspect_pipeline.domain.labels import Label, LabelRole, in_force
from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.services.label_exchange import LabelExchange
from inspect_pipeline.services.label_files.formats import FORMATS
from tests.unit.services.plant import BAR, COIL, LINE, NOON, SPOT, Plant, picture

TABLE = "image,class,xmin,ymin,xmax,ymax\n"


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    for coil in (COIL, "coil-2"):
        plant.add_coil(coil)
    plant.add_frame(0, picture(0))
    plant.add_frame(1, picture(1))
    plant.add_frame(1, picture(2), coil="coil-2")
    plant.add_coil("other", line="other line")
    plant.add_frame(7, picture(7), coil="other")
    return plant


def _exchange(plant: Plant) -> LabelExchange:
    return LabelExchange(catalog=plant.catalog, images=plant.images, clock=lambda: NOON)


def _import(plant: Plant, rows: str, **changes: Any) -> Any:
    options = {"file_name": "boxes.csv", "form": "csv", "line": LINE, "operator": "anna", **changes}
    return _exchange(plant).import_file((TABLE + rows).encode(), **options)


def _labels(plant: Plant) -> list[Label]:
    with plant.catalog.transaction() as unit:
        return unit.labels(line=LINE)


def test_labels_are_appended_to_the_frames_of_their_names_by_the_importer_and_audited(plant: Plant) -> None:
    done = _import(plant, "000.png,scratch,16,40,79,55\ncoil-2/001.png,good,0,0,95,95\n")
    assert (done.images, done.labels, done.new, done.role) == (2, 2, 2, "held out")
    first, second = _labels(plant)
    assert (first.region.frame, first.region.roi, first.defect_type) == (f"{COIL}/000", BAR, "scratch")
    assert (second.region.frame, second.defect_type, second.operator) == ("coil-2/001", None, "anna")
    assert {label.role for label in (first, second)} == {LabelRole.HELD_OUT}
    with plant.catalog.transaction() as unit:
        (entry,) = unit.audit(action=AuditAction.LABELLED)
    assert entry.event.actor == "anna"


def test_what_was_imported_before_is_known_again(plant: Plant) -> None:
    rows = "000.png,scratch,16,40,79,55\n000.png,scratch,16,40,79,55\n"
    assert _import(plant, rows).new == 1
    again = _import(plant, rows + "000.png,hole,48,16,79,47\n")
    assert (again.labels, again.new) == (3, 1)
    assert len(_labels(plant)) == 2
    assert _import(plant, rows, role=LabelRole.GATE).new == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("nowhere.png,s,1,1,2,2\n", "1 images are not on line 'strip': 'nowhere.png'"),
        ("007.png,s,1,1,2,2\n", "not on line 'strip'"),
        ("001.png,s,1,1,2,2\n", "1 names are of several images (give COIL/NAME): '001.png'"),
        ("000.png,s,1,1,97,2\n", "boxes.csv:2, label 1: the box ends at row 3, column 98 of '000.png'"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_taken_in(plant: Plant, rows: str, says: str) -> None:
    with pytest.raises(BadDataError) as raised:
        _import(plant, rows + "coil-1/001.png,s,1,1,2,2\n")
    assert says in str(raised.value)
    assert "nothing was imported" in str(raised.value)
    assert _labels(plant) == []


def test_many_unknown_names_are_counted_and_some_of_them_told(plant: Plant) -> None:
    with pytest.raises(BadDataError, match=r"12 images are not on line .* and 7 more; nothing") as raised:
        _import(plant, "".join(f"x{n}.png,s,1,1,2,2\n" for n in range(12)))
    assert len(str(raised.value)) < 300


def test_a_tool_that_counts_from_one_may_reach_a_pixel_beyond(plant: Plant) -> None:
    _import(plant, "000.png,s,10,10,96,96\n")
    assert _labels(plant)[0].region.roi == Roi(top=10, left=10, bottom=96, right=96)


def test_a_folder_before_a_name_and_a_name_before_its_upload_are_seen_through(plant: Plant) -> None:
    frame = plant.add_frame(30, picture(3))
    assert frame.source == "030.png"
    task = {
        "data": {"image": "/data/upload/1/0a1b2c3d-030.png"},
        "annotations": [
            {
                "result": [
                    {
                        "type": "rectanglelabels",
                        "original_width": 96,
                        "original_height": 96,
                        "value": {"x": 0, "y": 0, "width": 50, "height": 50, "rectanglelabels": ["s"]},
                    }
                ]
            }
        ],
    }
    done = _exchange(plant).import_file(
        json.dumps([task]).encode(), file_name="f.json", form="label-studio", line=LINE, operator="anna"
    )
    assert done.new == 1
    assert _labels(plant)[0].region.frame == frame.id


def test_a_line_role_or_format_that_is_not_there_is_refused(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="no line 'nowhere'"):
        _import(plant, "000.png,s,1,1,2,2\n", line="nowhere")
    with pytest.raises(BadDataError, match="not imported as 'history'"):
        _import(plant, "000.png,s,1,1,2,2\n", role=LabelRole.HISTORY)
    with pytest.raises(BadDataError, match="'yolo'"):
        _import(plant, "", form="yolo")


def test_a_support_of_a_retired_type_is_refused(plant: Plant) -> None:
    with plant.catalog.transaction() as unit:
        unit.put_type(LINE, DefectType(name="s", life_cycle=LifeCycle.RETIRED))
    with pytest.raises(RefusedError, match="retired"):
        _import(plant, "000.png,s,1,1,2,2\n", role=LabelRole.SUPPORT)
    assert _import(plant, "000.png,s,1,1,2,2\n").new == 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_line_that_goes_out_comes_back_as_it_was(plant: Plant, form: str) -> None:
    with plant.catalog.transaction() as unit:
        frames = {frame.id: frame for coil in (COIL, "coil-2") for frame in unit.frames(coil)}
    mask = np.zeros((BAR.height, BAR.width), dtype=np.bool_)
    mask[2:5, 3:9] = True
    plant.add_label(frames[f"{COIL}/001"], "划痕", roi=BAR, mask=mask, role=LabelRole.HELD_OUT)
    plant.add_label(frames["coil-2/001"], "bar", roi=SPOT)
    plant.add_label(frames["coil-2/001"], None)
    old = plant.add_label(frames[f"{COIL}/000"], "bar", roi=SPOT, name="old")
    plant.add_label(frames[f"{COIL}/000"], "spot", roi=SPOT, name="corrected", supersedes=old.id)
    gone = plant.add_label(frames[f"{COIL}/000"], "bar", roi=BAR, name="gone")
    plant.add_label(frames[f"{COIL}/000"], "bar", roi=BAR, role=LabelRole.WITHDRAWN, name="w", supersedes=gone.id)
    made = _exchange(plant).export_file(form=form, line=LINE)
    assert (made.images, made.labels) == (3, 4)
    empty = Plant(catalog=Plant().catalog, images=plant.images)
    for coil in (COIL, "coil-2"):
        empty.add_coil(coil)
    with empty.catalog.transaction() as unit:
        unit.add_frames(list(frames.values()))
    done = _exchange(empty).import_file(made.content, file_name="f", form=form, line=LINE, operator="anna")
    assert done.new == 4
    before = [one for one in in_force(_labels(plant)) if one.role is not LabelRole.WITHDRAWN]

    def said(labels: list[Label]) -> set[Any]:
        return {(one.region.frame, one.region.roi, one.region.mask, one.defect_type) for one in labels}

    assert said(_labels(empty)) == said(before)


def test_a_line_without_labels_is_not_exported(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="no labels in force"):
        _exchange(plant).export_file(form="coco", line="other line")
