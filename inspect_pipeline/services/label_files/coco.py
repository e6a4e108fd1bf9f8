"""COCO's object detection format: boxes, polygons, and masks as runs, plain or packed.

Runs go down the columns of the whole image (Lin and others, Microsoft COCO, 2014; maskApi.c of cocoapi). A severity
stands in ``attributes``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.parsing import box, entries, entry, listed, number, parsed_json, text, whole
from inspect_pipeline.services.label_files.polygons import Points, filled
from inspect_pipeline.services.label_files.records import Budget, FileImage, FileLabel, named, region, severity_of
from inspect_pipeline.services.label_files.run_lengths import counts_of, flat_of, packed_counts


def read(content: bytes, name: str) -> list[FileImage]:
    """Return the images of a document that have annotations. Raises BadDataError with the place."""
    document = parsed_json(content, name)
    types = {
        _key(one, f"{name}: categories[{n}]"): named(
            text(entry(one, "name", f"{name}: categories[{n}]"), f"{name}: categories[{n}].name"),
            f"{name}: categories[{n}]",
        )
        for n, one in enumerate(entries(document, "categories", name))
    }
    images = {_key(one, f"{name}: images[{n}]"): (n, one) for n, one in enumerate(entries(document, "images", name))}
    labels: dict[int | str, list[FileLabel]] = {}
    budget = Budget()
    for n, one in enumerate(entries(document, "annotations", name)):
        where = f"{name}: annotations[{n}]"
        budget.label(where)
        image, category = entry(one, "image_id", where), entry(one, "category_id", where)
        if not isinstance(image, int | str) or image not in images:
            raise BadDataError(f"{where}: image_id {image!r} is none of the images")
        if not isinstance(category, int | str) or category not in types:
            raise BadDataError(f"{where}: category_id {category!r} is none of the categories")
        labels.setdefault(image, []).append(_label(one, types[category], where, budget))
    return [_image(images[key][1], tuple(own), f"{name}: images[{images[key][0]}]") for key, own in labels.items()]


def _key(one: Any, where: str) -> int | str:
    found = entry(one, "id", where)
    if not isinstance(found, int | str):
        raise BadDataError(f"{where}: id is neither a number nor a text")
    return found


def _image(one: Any, labels: tuple[FileLabel, ...], where: str) -> FileImage:
    sizes = [
        None if one.get(key) is None else whole(one[key], f"{where}.{key}", least=1) for key in ("width", "height")
    ]
    name = text(entry(one, "file_name", where), f"{where}.file_name")
    return FileImage(name=name, labels=labels, width_px=sizes[0], height_px=sizes[1], place=where)


def _label(one: Any, defect_type: str | None, where: str, budget: Budget) -> FileLabel:
    roi = None
    if one.get("bbox"):
        sides = [number(side, f"{where}.bbox") for side in listed(one["bbox"], f"{where}.bbox")]
        if len(sides) != 4:
            raise BadDataError(f"{where}.bbox: {len(sides)} numbers, not x, y, width, height")
        roi = box(sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3], f"{where}.bbox")
    mask, offset = _mask(one.get("segmentation"), f"{where}.segmentation", budget)
    attributes = one.get("attributes")
    severity = attributes.get("severity") if isinstance(attributes, Mapping) else None
    placed, cut = region(roi, mask, offset=offset, where=where)
    return FileLabel(roi=placed, defect_type=defect_type, mask=cut, severity=severity_of(severity, where))


def _mask(found: Any, where: str, budget: Budget) -> tuple[NDArray[np.bool_] | None, tuple[int, int]]:
    if not found:
        return None, (0, 0)
    if isinstance(found, list):
        return filled([_points(one, where) for one in found], where, budget)
    size = [whole(side, f"{where}.size", least=1) for side in entries(found, "size", where)]
    if len(size) != 2:
        raise BadDataError(f"{where}.size: {len(size)} numbers, not height and width")
    budget.mask(size[0], size[1], where)
    counts = entry(found, "counts", where)
    if isinstance(counts, str):
        runs = packed_counts(counts, where)
    else:
        runs = [whole(count, f"{where}.counts") for count in listed(counts, f"{where}.counts")]
    return flat_of(runs, size[0] * size[1], where).reshape(size[1], size[0]).T, (0, 0)


def _points(one: Any, where: str) -> Points:
    numbers = [number(value, where) for value in listed(one, where)]
    if len(numbers) % 2:
        raise BadDataError(f"{where}: {len(numbers)} numbers are no pairs of x and y")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def write(images: Sequence[FileImage]) -> bytes:
    """Return the document."""
    names = sorted({label.class_name for image in images for label in image.labels})
    annotations: list[dict[str, Any]] = []
    for number_of_image, image in enumerate(images, start=1):
        for label in image.labels:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number_of_image,
                    "category_id": names.index(label.class_name) + 1,
                    "bbox": [label.roi.left, label.roi.top, label.roi.width, label.roi.height],
                    "area": label.roi.area_px if label.mask is None else int(label.mask.sum()),
                    "segmentation": _runs(label, image),
                    "iscrowd": 0,
                    **({} if label.severity is None else {"attributes": {"severity": label.severity}}),
                }
            )
    document = {
        "images": [
            {"id": n, "file_name": image.name, "width": image.width_px, "height": image.height_px}
            for n, image in enumerate(images, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, start=1)],
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _runs(label: FileLabel, image: FileImage) -> dict[str, Any] | list[list[int]]:
    """Return the mask as runs down the whole image's columns; nothing for a box alone."""
    roi = label.roi
    if label.mask is None:
        return []
    whole_image = np.zeros((image.height_px or roi.bottom, image.width_px or roi.right), dtype=np.bool_)
    _put(whole_image, roi, label.mask)
    return {"size": list(whole_image.shape), "counts": counts_of(whole_image.ravel(order="F"))}


def _put(canvas: NDArray[np.bool_], roi: Roi, mask: NDArray[np.bool_]) -> None:
    canvas[roi.top : roi.bottom, roi.left : roi.right] = mask
