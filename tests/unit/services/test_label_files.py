"""Files of labels: what goes out comes back through every format, and what is damaged is one line with its place."""

import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files import brush_runs
from inspect_pipeline.services.label_files.formats import FORMATS, label_format
from inspect_pipeline.services.label_files.polygons import filled
from inspect_pipeline.services.label_files.records import Budget, FileImage, FileLabel
from inspect_pipeline.services.label_files.run_lengths import packed_counts

NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\<>?%"), min_size=1, max_size=12
).filter(lambda name: not name.startswith("."))
TYPES = st.sampled_from(["Kratzer", "划痕", 'a "quoted", & odd; name', "trou d'usine", "=1+1"])


@st.composite
def images(draw: st.DrawFn) -> list[FileImage]:
    """Up to three images with up to three labels each: boxes, masks that may leave the box's rims empty, severities."""
    found = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        labels = []
        for _ in range(draw(st.integers(1, 3))):
            left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
            roi = Roi(
                top=top, left=left, bottom=draw(st.integers(top + 1, height)), right=draw(st.integers(left + 1, width))
            )
            bits = draw(st.none() | st.integers(1, 2**roi.area_px - 1))
            mask = None
            if bits is not None:
                text = f"{bits:0{roi.area_px}b}"
                mask = np.array([one == "1" for one in text], dtype=np.bool_).reshape(roi.height, roi.width)
            labels.append(
                FileLabel(
                    roi=roi,
                    mask=mask,
                    defect_type=draw(st.none() | TYPES),
                    severity=draw(st.none() | st.integers(0, 10)),
                )
            )
        found.append(FileImage(name=f"{name}.png", labels=tuple(labels), width_px=width, height_px=height))
    return found


def said(images: list[FileImage]) -> list[Any]:
    """All that images say, comparable."""
    return [
        (
            image.name,
            [
                (one.roi, one.defect_type, one.severity, None if one.mask is None else one.mask.tolist())
                for one in image.labels
            ],
        )
        for image in images
    ]


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(images())
def test_what_is_written_comes_back_whole(name: str, written: list[FileImage]) -> None:
    form = FORMATS[name]
    content = form.write(written)
    assert said(form.read(content, "file")) == said(written)
    assert form.write(written) == content


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32))
def test_a_brush_stroke_of_any_size_comes_back(height: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    mask = generator.random((height, width)) < generator.random() ** 3
    mask[generator.integers(height), generator.integers(width)] = True
    data = brush_runs.packed(mask)
    assert np.array_equal(brush_runs.unpacked(data, height=height, width=width, where="w"), mask)


def test_literals_of_a_brush_stroke_are_read_as_the_tool_packs_them() -> None:
    """Two pixels, the second marked: 4 literal zeros, then a run of 4 times 255."""
    head = f"{8:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits = head + "0" + "00" + f"{3:03b}" + f"{0:08b}" * 4 + "1" + "00" + f"{3:03b}" + f"{255:08b}"
    bits += "0" * (-len(bits) % 8)
    data = list(int(bits, 2).to_bytes(len(bits) // 8))
    assert brush_runs.unpacked(data, height=1, width=2, where="w").tolist() == [[False, True]]


def test_packed_runs_are_those_of_cocoapi() -> None:
    assert packed_counts(_packed([34, 3, 7, 3, 7, 3, 7, 3, 33]), "w") == [34, 3, 7, 3, 7, 3, 7, 3, 33]


def _packed(counts: list[int]) -> str:
    """rleToString of maskApi.c, line by line."""
    text = ""
    for i, count in enumerate(counts):
        x = count - (counts[i - 2] if i > 2 else 0)
        more = True
        while more:
            c = x & 0x1F
            x >>= 5
            more = x != -1 if c & 0x10 else x != 0
            text += chr((c | 0x20 if more else c) + 48)
    return text


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_packed_runs_of_any_length_are_read(counts: list[int]) -> None:
    assert packed_counts(_packed(counts), "w") == counts


def test_a_polygon_marks_the_pixels_whose_centres_it_holds() -> None:
    square, offset = filled([[(2, 1), (5, 1), (5, 3), (2, 3)]], "w", Budget())
    assert (square.tolist(), offset) == ([[True] * 3] * 2, (1, 2))
    triangle, _ = filled([[(0, 0), (4, 0), (0, 4)]], "w", Budget())
    assert triangle.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    two, offset = filled([[(0, 0), (1, 0), (1, 1), (0, 1)], [(2, 0), (3, 0), (3, 1), (2, 1)]], "w", Budget())
    assert two.astype(int).tolist() == [[1, 0, 1]]


COCO = {
    "images": [{"id": 7, "file_name": "a.png", "width": 10, "height": 8}],
    "categories": [{"id": 1, "name": "scratch"}, {"id": 2, "name": "good"}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [2.5, 1.0, 3.0, 2.0], "segmentation": []}],
}


def _coco(**changes: Any) -> bytes:
    return json.dumps({**COCO, "annotations": [{**COCO["annotations"][0], **changes}]}).encode()  # type: ignore[dict-item,index]


def _only(content: bytes, form: str) -> FileLabel:
    (image,) = FORMATS[form].read(content, "file")
    assert image.name == "a.png"
    (label,) = image.labels
    return label


def test_coco_of_other_tools_is_read() -> None:
    assert _only(_coco(), "coco").roi == Roi(top=1, left=2, bottom=3, right=6)
    assert _only(_coco(category_id=2), "coco").defect_type is None
    polygon = _only(_coco(bbox=None, segmentation=[[2, 1, 5, 1, 5, 3, 2, 3]]), "coco")
    assert polygon.roi == Roi(top=1, left=2, bottom=3, right=5)
    runs = {"size": [8, 10], "counts": [17, 2, 61]}
    mask = _only(_coco(bbox=None, segmentation=runs), "coco")
    assert (mask.roi, mask.defect_type) == (Roi(top=1, left=2, bottom=3, right=3), "scratch")
    packed = _only(_coco(bbox=None, segmentation={"size": [8, 10], "counts": _packed([17, 2, 61])}), "coco")
    assert packed.roi == mask.roi


def _studio(result: dict[str, Any], image: str = "/data/upload/3/0a1b2c3d-a.png", **changes: Any) -> bytes:
    frame = {"original_width": 200, "original_height": 100, "type": "rectanglelabels", **result}
    return json.dumps([{"id": 1, "data": {"image": image}, "annotations": [{"result": [frame], **changes}]}]).encode()


RECTANGLE = {"value": {"x": 10, "y": 20, "width": 5, "height": 50, "rotation": 0, "rectanglelabels": ["scratch"]}}


def test_label_studio_of_the_tool_itself_is_read_with_the_names_before_its_upload() -> None:
    (image,) = FORMATS["label-studio"].read(_studio(RECTANGLE), "f")
    assert image.labels[0].roi == Roi(top=20, left=20, bottom=70, right=30)
    assert "a.png" in (image.name, *image.other_names)
    (local,) = FORMATS["label-studio"].read(_studio(RECTANGLE, "/data/local-files/?d=coil%201/a.png"), "f")
    assert "coil 1/a.png" in (local.name, *local.other_names)
    points = {"points": [[1, 1], [2.5, 1], [2.5, 3], [1, 3]], "polygonlabels": ["scratch"]}
    (polygon,) = FORMATS["label-studio"].read(_studio({"type": "polygonlabels", "value": points}), "f")
    assert polygon.labels[0].roi == Roi(top=1, left=2, bottom=3, right=5)
    assert FORMATS["label-studio"].read(_studio({"type": "choices", "value": {}}), "f") == []
    assert FORMATS["label-studio"].read(_studio(RECTANGLE, was_cancelled=True), "f") == []


def _cvat(shape: str) -> bytes:
    head = '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>'
    return f'{head}<image id="0" name="a.png" width="10" height="8">{shape}</image></annotations>'.encode()


def test_cvat_of_the_tool_itself_is_read() -> None:
    box = '<box label="scratch" occluded="0" xtl="2.40" ytl="1.00" xbr="5.00" ybr="3.00" z_order="0"></box>'
    assert _only(_cvat(box), "cvat").roi == Roi(top=1, left=2, bottom=3, right=5)
    polygon = '<polygon label="scratch" points="2.00,1.00;5.00,1.00;5.00,3.00;2.00,3.00"/>'
    assert _only(_cvat(polygon), "cvat").roi == Roi(top=1, left=2, bottom=3, right=5)
    mask = '<mask label="scratch" rle="1, 2, 1" left="3" top="4" width="2" height="2"/>'
    found = _only(_cvat(mask), "cvat")
    assert found.mask is not None
    assert (found.roi, found.mask.tolist()) == (Roi(top=4, left=3, bottom=6, right=5), [[False, True], [True, False]])


TABLE = "image,class,xmin,ymin,xmax,ymax\n"
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><annotations>&d;</annotations>'
FETCHES = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'


@pytest.mark.parametrize(
    ("form", "content", "says"),
    [
        ("coco", b"{", "file:1:2: no valid JSON"),
        ("coco", b"\xff", "not UTF-8 text"),
        ("coco", b"[" * 200_000, "nested too deeply"),
        ("coco", b"[]", "no object"),
        ("coco", b'{"images": [], "categories": []}', "no 'annotations'"),
        ("coco", _coco(image_id=8), "annotations[0]: image_id 8"),
        ("coco", _coco(image_id=[7]), "annotations[0]: image_id [7]"),
        ("coco", _coco(category_id=9), "annotations[0]: category_id 9"),
        ("coco", _coco(bbox=[1, 2, 3]), "annotations[0].bbox: 3 numbers"),
        ("coco", _coco(bbox=[1, 2, 0, 3]), "annotations[0].bbox: box rows"),
        ("coco", _coco(bbox=["x", 2, 0, 3]), "annotations[0].bbox: 'x' is no number"),
        ("coco", _coco(bbox=[1e300, 2, 1, 3]), "outside any image"),
        ("coco", _coco(bbox=None), "neither a box nor a mask"),
        ("coco", _coco(segmentation=[[1, 2, 3]]), "no pairs"),
        ("coco", _coco(segmentation=[[1, 2, 3, 4]]), "a polygon of 2 points"),
        ("coco", _coco(segmentation={"size": [8, 10], "counts": [1, 2]}), "runs of 3 px for a mask of 80 px"),
        ("coco", _coco(segmentation={"size": [8, 10], "counts": [80]}), "marks no pixel"),
        ("coco", _coco(segmentation={"size": [8, 10], "counts": "\x01"}), "no part of packed runs"),
        ("coco", _coco(segmentation={"size": [100000, 100000], "counts": [10**10]}), "masks of more than"),
        ("coco", b'{"images": [], "categories": [], "annotations": NaN}', "NaN is no number"),
        ("csv", b"image,class\n", "file:1: no column 'xmin'"),
        ("csv", b"", "file:1: no column 'image'"),
        ("csv", (TABLE + "a.png,scratch,1,2,x,4\n").encode(), "file:2: xmax: 'x' is no number"),
        ("csv", (TABLE + "a.png,scratch,5,2,1,4\n").encode(), "file:2: box rows"),
        ("csv", (TABLE + "a.png,<b>,1,2,3,4\n").encode(), "file:2: type name"),
        ("csv", (TABLE + ",scratch,1,2,3,4\n").encode(), "file:2: image: no text"),
        ("csv", (TABLE + 'a.png,"scratch,1,2,3,4\n').encode(), "no valid CSV"),
        ("csv", b"image,class,xmin,ymin,xmax,ymax,severity\na,s,1,2,3,4,11\n", "severity '11'"),
        ("label-studio", b"{}", "no list"),
        ("label-studio", _studio({**RECTANGLE, "original_width": 0}), "original_width: 0 is no whole number"),
        ("label-studio", _studio({"value": {**RECTANGLE["value"], "rotation": 30}}), "turned by 30 degrees"),
        ("label-studio", _studio({"value": {**RECTANGLE["value"], "rectanglelabels": []}}), "0 labels on one region"),
        (
            "label-studio",
            _studio({"type": "brushlabels", "value": {"rle": [0, 1], "brushlabels": ["x"]}}),
            "the brush stroke is cut",
        ),
        (
            "label-studio",
            _studio({"type": "brushlabels", "value": {"rle": [0, 0, 0, 4, 0, 0, 0, 0], "brushlabels": ["x"]}}),
            "a stroke of 4 values",
        ),
        ("cvat", b"<annotations>", "file:1: no valid XML"),
        ("cvat", b"<html></html>", "begins with <html>"),
        ("cvat", LAUGHS, "declares a document type"),
        ("cvat", FETCHES, "declares a document type"),
        ("cvat", _cvat('<box label="s" xtl="1" ytl="1" xbr="2"/>'), "no attribute 'ybr'"),
        ("cvat", _cvat('<polyline label="s" points="1,1;2,2"/>'), "<polyline> is no region"),
        ("cvat", _cvat('<polygon label="s" points="1;2"/>'), "no pairs x,y"),
        ("cvat", _cvat('<mask label="s" rle="9" left="1" top="1" width="2" height="2"/>'), "runs of 9 px"),
        ("cvat", b"<annotations><track/></annotations>", "tracks are of videos"),
    ],
)
def test_a_damaged_file_is_one_line_with_the_place(form: str, content: bytes, says: str) -> None:
    with pytest.raises(BadDataError) as raised:
        FORMATS[form].read(content, "file")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(FORMATS)), images(), st.integers(0, 10_000), st.binary(max_size=6))
def test_a_file_altered_anywhere_is_read_or_refused_and_never_a_fault(form, written, at, put) -> None:
    content = FORMATS[form].write(written)
    place = at % (len(content) + 1)
    try:
        FORMATS[form].read(content[:place] + put + content[place + len(put) :], "file")
    except BadDataError as error:
        assert "\n" not in str(error)


def test_a_polygon_of_the_size_of_the_world_takes_no_memory() -> None:
    started = time.monotonic()
    with pytest.raises(BadDataError, match="larger than any image"):
        filled([[(0, 0), (1e8, 0), (1e8, 1e8)]], "w", Budget())
    assert time.monotonic() - started < 1.0


def test_a_format_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(BadDataError, match="coco, csv, label-studio, cvat"):
        label_format("yolo")
