"""The table of boxes of data folders: image,class,xmin,ymin,xmax,ymax, both corners inside the box.

Our own tables have two columns more, which readers of boxes pass over: ``severity``, and ``mask``, the lengths of the
runs in the box row by row, outside first.
"""

import csv
import io
from collections.abc import Sequence

import numpy as np

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.parsing import box, decoded, text, whole
from inspect_pipeline.services.label_files.records import Budget, FileImage, FileLabel, named, region, severity_of
from inspect_pipeline.services.label_files.run_lengths import counts_of, flat_of

_COLUMNS = ("image", "class", "xmin", "ymin", "xmax", "ymax")
_MORE = ("severity", "mask")
_LONGEST_CELL = 1 << 24


def read(content: bytes, name: str) -> list[FileImage]:
    """Return the images of a table, those that it names first first. Raises BadDataError with the line."""
    reader = csv.DictReader(io.StringIO(decoded(content, name), newline=""), restval="", strict=True)
    csv.field_size_limit(_LONGEST_CELL)  # of the whole process; a mask of a large frame is longer than its default
    budget = Budget()
    found: dict[str, list[FileLabel]] = {}
    places: dict[str, str] = {}
    try:
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise BadDataError(f"{name}:1: no column {missing[0]!r}; the header is {','.join(_COLUMNS)}")
        for row in reader:
            where = f"{name}:{reader.line_num}"
            budget.label(where)
            image = text((row["image"] or "").strip(), f"{where}: image")
            places.setdefault(image, where)
            found.setdefault(image, []).append(_label(row, where, budget))
    except csv.Error as error:
        raise BadDataError(f"{name}:{reader.line_num}: no valid CSV ({error})") from error
    return [FileImage(name=image, labels=tuple(labels), place=places[image]) for image, labels in found.items()]


def _label(row: dict[str, str], where: str, budget: Budget) -> FileLabel:
    left, top, right, bottom = (whole((row[c] or "").strip(), f"{where}: {c}") for c in _COLUMNS[2:])
    roi = box(left, top, right + 1, bottom + 1, where)
    mask = None
    runs = (row.get("mask") or "").split()
    if runs:
        budget.mask(roi.height, roi.width, where)
        counts = [whole(run, f"{where}: mask") for run in runs]
        flat = flat_of(counts, roi.area_px, f"{where}: mask")
        roi, mask = region(roi, flat.reshape(roi.height, roi.width), offset=(roi.top, roi.left), where=where)
    return FileLabel(
        roi=roi,
        defect_type=named(row["class"] or "", where),
        mask=mask,
        severity=severity_of(row.get("severity"), where),
    )


def write(images: Sequence[FileImage]) -> bytes:
    """Return the table."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow([*_COLUMNS, *_MORE])
    for image in images:
        for label in image.labels:
            roi = label.roi
            mask = "" if label.mask is None else " ".join(map(str, counts_of(np.ravel(label.mask))))
            severity = "" if label.severity is None else label.severity
            corners = [roi.left, roi.top, roi.right - 1, roi.bottom - 1]
            rows.writerow([image.name, label.class_name, *corners, severity, mask])
    return out.getvalue().encode()
