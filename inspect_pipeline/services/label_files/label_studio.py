"""Label Studio's JSON: rectangles, polygons and brush strokes, in per cent of the image.

What the format has no place for is kept in a region's ``meta.text``, which the tool shows as a note: the severity, and
the box of a brush stroke that is wider than its marked pixels.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.brush_runs import packed, unpacked
from inspect_pipeline.services.label_files.parsing import box, entries, entry, listed, number, parsed_json, text, whole
from inspect_pipeline.services.label_files.polygons import filled
from inspect_pipeline.services.label_files.records import Budget, FileImage, FileLabel, named, region, severity_of

_RECTANGLE, _BRUSH, _POLYGON = "rectanglelabels", "brushlabels", "polygonlabels"
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
_NOTE = re.compile(r"(box|severity)=([0-9,]{1,60})")


def read(content: bytes, name: str) -> list[FileImage]:
    """Return the images of an export without cancelled annotations. Raises BadDataError with the place."""
    budget = Budget()
    found = []
    for n, task in enumerate(listed(parsed_json(content, name), name)):
        where = f"{name}: [{n}]"
        url = text(entry(entry(task, "data", where), "image", f"{where}.data"), f"{where}.data.image")
        labels: list[FileLabel] = []
        sizes: list[tuple[int, int]] = []
        for m, annotation in enumerate(entries(task, "annotations", where)):
            if isinstance(annotation, Mapping) and annotation.get("was_cancelled"):
                continue
            for k, result in enumerate(entries(annotation, "result", f"{where}.annotations[{m}]")):
                place = f"{where}.annotations[{m}].result[{k}]"
                if entry(result, "type", place) not in (_RECTANGLE, _BRUSH, _POLYGON):
                    continue
                budget.label(place)
                sizes.append(_size(result, place))
                labels.append(_label(result, sizes[-1], place, budget))
        if labels:
            names = _names(url)
            found.append(
                FileImage(
                    name=names[0],
                    other_names=tuple(names[1:]),
                    labels=tuple(labels),
                    width_px=sizes[0][0],
                    height_px=sizes[0][1],
                    place=where,
                )
            )
    return found


def _names(url: str) -> list[str]:
    """Return the name of an image as it was before the tool served it, most likely first."""
    path = url.split("?d=", 1)[1] if "?d=" in url else url
    last = unquote(path).rsplit("/", 1)[-1]
    before = _UPLOADED.fullmatch(last)
    names = [path, unquote(path), last, *([before[1]] if before else [])]
    return list(dict.fromkeys(one for one in names if one))


def _size(result: Any, where: str) -> tuple[int, int]:
    found = [
        whole(entry(result, key, where), f"{where}.{key}", least=1) for key in ("original_width", "original_height")
    ]
    return found[0], found[1]


def _label(result: Any, size: tuple[int, int], where: str, budget: Budget) -> FileLabel:
    kind, value = result["type"], entry(result, "value", where)
    names = entries(value, kind, f"{where}.value")
    if len(names) != 1:
        raise BadDataError(f"{where}: {len(names)} labels on one region; give one")
    notes = _notes(result)
    if kind == _RECTANGLE:
        roi, mask = region(_rectangle(value, size, where), None, where=where)
    elif kind == _BRUSH:
        budget.mask(size[1], size[0], where)
        runs = entries(value, "rle", f"{where}.value")
        whole_image = unpacked(runs, height=size[1], width=size[0], where=where)
        roi, mask = region(_noted_box(notes.get("box"), where), whole_image, where=where)
    else:
        points = [
            (number(p[0], where) * size[0] / 100.0, number(p[1], where) * size[1] / 100.0)
            for p in _pairs(entries(value, "points", f"{where}.value"), where)
        ]
        drawn, offset = filled([points], where, budget)
        roi, mask = region(None, drawn, offset=offset, where=where)
    return FileLabel(
        roi=roi,
        defect_type=named(text(names[0], where), where),
        mask=mask,
        severity=severity_of(notes.get("severity"), where),
    )


def _pairs(points: list[Any], where: str) -> list[list[Any]]:
    pairs = [listed(point, where) for point in points]
    if any(len(pair) != 2 for pair in pairs):
        raise BadDataError(f"{where}: points are no pairs of x and y")
    return pairs


def _rectangle(value: Any, size: tuple[int, int], where: str) -> Roi:
    if number(value.get("rotation", 0), f"{where}.rotation") % 360.0:
        raise BadDataError(f"{where}: the rectangle is turned by {value['rotation']} degrees; draw it upright")
    x, y, width, height = (number(entry(value, key, where), f"{where}.{key}") for key in ("x", "y", "width", "height"))
    across, down = size[0] / 100.0, size[1] / 100.0
    return box(x * across, y * down, (x + width) * across, (y + height) * down, where)


def _notes(result: Any) -> dict[str, str]:
    meta = result.get("meta")
    lines = meta.get("text", []) if isinstance(meta, Mapping) else []
    every = lines if isinstance(lines, list) else [lines]
    return {match[1]: match[2] for line in every if (match := _NOTE.fullmatch(str(line)))}


def _noted_box(note: str | None, where: str) -> Roi | None:
    if note is None:
        return None
    sides = [whole(side, f"{where}.meta") for side in note.split(",")]
    if len(sides) != 4:
        raise BadDataError(f"{where}.meta: a box has 4 sides, not {len(sides)}")
    return box(sides[0], sides[1], sides[2], sides[3], where)


def write(images: Sequence[FileImage]) -> bytes:
    """Return the export: one task an image, its labels as one annotation."""
    tasks = [
        {
            "id": n,
            "data": {"image": image.name},
            "annotations": [
                {"id": n, "result": [_result(image, label, f"r{n}-{m}") for m, label in enumerate(image.labels)]}
            ],
        }
        for n, image in enumerate(images, start=1)
    ]
    return json.dumps(tasks, ensure_ascii=False).encode()


def _result(image: FileImage, label: FileLabel, name: str) -> dict[str, Any]:
    roi = label.roi
    width, height = image.width_px or roi.right, image.height_px or roi.bottom
    kind = _RECTANGLE if label.mask is None else _BRUSH
    value: dict[str, Any] = {kind: [label.class_name]}
    if label.mask is None:
        value |= {"x": 100.0 * roi.left / width, "y": 100.0 * roi.top / height, "rotation": 0}
        value |= {"width": 100.0 * roi.width / width, "height": 100.0 * roi.height / height}
    else:
        whole_image = np.zeros((height, width), dtype=np.bool_)
        whole_image[roi.top : roi.bottom, roi.left : roi.right] = label.mask
        value |= {"format": "rle", "rle": packed(whole_image)}
    notes = [] if label.mask is None else [f"box={roi.left},{roi.top},{roi.right},{roi.bottom}"]
    notes += [] if label.severity is None else [f"severity={label.severity}"]
    return {
        "id": name,
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": value,
        **({"meta": {"text": notes}} if notes else {}),
    }
