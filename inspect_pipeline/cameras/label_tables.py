"""The small CSV files beside labelled images: boxes and leakage groups. A bad row is refused with file and line."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from inspect_pipeline.domain.material import Roi
from inspect_pipeline.domain.records import Box
from inspect_pipeline.domain.taxonomy import checked_name
from inspect_pipeline.errors import BadDataError

_BOX_COLUMNS = ("image", "class", "xmin", "ymin", "xmax", "ymax")


def read_boxes(folder: Path, *, name: str = "boxes.csv") -> dict[str, tuple[Box, ...]]:
    """Return the boxes of each image by its path in the folder (``images/<class>/<file>``); empty without the file.

    Corners are whole pixels and both belong to the box, as annotation tools write it: xmax 9 covers column 9. Tools
    that count from 1 may so reach one pixel beyond the image: clip a box to its image (``Roi.clipped``).

    Raises BadDataError with file and line: a column missing, no number, an empty or negative box, an image not there.
    """
    path = folder / name
    found: dict[str, list[Box]] = {}
    for where, row in _rows(path, _BOX_COLUMNS):
        image = row["image"]
        if image not in found and (not image.startswith("images/") or not (folder / image).is_file()):
            raise BadDataError(f"{where}: image {image!r} is not in {folder}; correct the path or remove the row")
        found.setdefault(image, []).append(_box(row, where))
    return {image: tuple(boxes) for image, boxes in found.items()}


def read_groups(folder: Path) -> dict[str, str]:
    """Return the leakage group of each image that has one, by its path in the folder; empty where nothing says so."""
    if (folder / "groups.csv").is_file():
        return {
            row["image"]: row["group"] for _, row in _rows(folder / "groups.csv", ("image", "group")) if row["group"]
        }
    for manifest, prefix in (
        (folder / "manifest.csv", ""),
        (folder.resolve().parent / "manifest.csv", f"{folder.resolve().name}/"),
    ):
        if manifest.is_file():
            return {
                row["path"].removeprefix(prefix): row["group"]
                for _, row in _rows(manifest, ("path", "group"))
                if row["group"] and row["path"].startswith(prefix)
            }
    return {}


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield ``file:line`` and the row, values stripped; nothing where there is no such file."""
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, restval="", strict=True)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise BadDataError(f"{path}:1: no column {missing[0]!r}; the header is {','.join(columns)}")
            for row in reader:
                yield f"{path}:{reader.line_num}", {column: (row[column] or "").strip() for column in columns}
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise BadDataError(f"{path}: no valid CSV ({error})") from error
    except OSError as error:
        raise BadDataError(f"{path} cannot be read ({error.strerror})") from error


def _box(row: Mapping[str, str], where: str) -> Box:
    try:
        left, top, right, bottom = (int(row[column]) for column in _BOX_COLUMNS[2:])
    except ValueError as error:
        raise BadDataError(f"{where}: corners are {list(row.values())[2:]}; give whole pixels") from error
    try:
        roi = Roi(top=top, left=left, bottom=bottom + 1, right=right + 1)
        return Box(roi=roi, class_name=checked_name(row["class"], what="class"))
    except BadDataError as error:
        raise BadDataError(f"{where}: {error}") from error
