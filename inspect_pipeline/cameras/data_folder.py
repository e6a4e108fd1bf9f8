"""A folder of labelled images as the user lays it out: families, classes, masks, boxes and leakage groups.

``DIR/images/<class>/*`` with optional ``DIR/masks/<class>/<stem>.png`` and ``DIR/boxes.csv``, or a folder of such
folders, one a family, named after it. Listing reads no image.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.cameras.folder_listing import read_complete, shown, size_and_time, visible_names
from inspect_pipeline.cameras.label_tables import read_boxes, read_groups
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import Box, LabelledImage
from inspect_pipeline.domain.taxonomy import checked_name
from inspect_pipeline.errors import BadDataError, BadImageError
from inspect_pipeline.imaging.decode import IMAGE_SUFFIXES, decode
from inspect_pipeline.imaging.image_header import read_header

_LONGEST_SERIES = 8
_LEAST_SERIES_A_CLASS = 6


def read_data_folder(root: Path) -> list[LabelledImage]:
    """Return every labelled image by family, class and file name in natural order.

    Leakage groups come from a ``group`` column: ``groups.csv`` (image,group) in the family's folder, else
    ``manifest.csv`` (path,group, paths from the manifest's own folder) there or one above. Images without one are
    grouped by their place in the file series, because neighbours in a series are often near-duplicates: runs of 8
    files of a class, or fewer where the class would not come to 6 runs.

    Raises NotFoundError or BadDataError: no such folder, no classes, a class without images, a bad row (file:line).
    """
    families = _families(root)
    images = [image for name, folder in families for image in _family(name, folder)]
    if not images:
        raise BadDataError(f"{root}/images holds no class; put images into images/<class>/, one folder a class")
    return images


def _families(root: Path) -> list[tuple[str, Path]]:
    names = visible_names(root)
    if (root / "images").is_dir():
        return [(checked_name(root.resolve().name, what="family"), root)]
    nested = [name for name in names if (root / name / "images").is_dir()]
    if not nested:
        raise BadDataError(
            f"{root} holds no images folder; lay images out as images/<class>/*, or as <family>/images/<class>/*"
        )
    return [(checked_name(name, what="family"), root / name) for name in nested]


def _family(family: str, folder: Path) -> list[LabelledImage]:
    boxes, groups = read_boxes(folder), read_groups(folder)
    classes = [name for name in visible_names(folder / "images") if (folder / "images" / name).is_dir()]
    images: list[LabelledImage] = []
    for class_folder in classes:
        images += _class(family, folder, class_folder, boxes, groups)
    return images


def _class(
    family: str,
    folder: Path,
    class_folder: str,
    boxes: Mapping[str, tuple[Box, ...]],
    groups: Mapping[str, str],
) -> list[LabelledImage]:
    class_name = checked_name(class_folder, what="class")
    where = folder / "images" / class_folder
    names = [name for name in visible_names(where) if Path(name).suffix.casefold() in IMAGE_SUFFIXES]
    if not names:
        raise BadDataError(f"{where}: class {class_name!r} has no images; add some or remove the folder")
    series = max(1, min(_LONGEST_SERIES, len(names) // _LEAST_SERIES_A_CLASS))
    images = []
    for index, name in enumerate(names):
        key = f"images/{class_folder}/{name}"
        group = groups.get(key) or f"{class_name}/series-{index // series:04d}"
        mask = folder / "masks" / class_folder / f"{Path(name).stem}.png"
        images.append(
            LabelledImage(
                family=family,
                class_name=class_name,
                group=f"{family}/{group}",
                source=_shown_path(key),
                load=partial(_load, where / name, folder),
                load_mask=partial(_load_mask, mask, where / name, folder) if mask.is_file() else None,
                boxes=boxes.get(key, ()),
            )
        )
    return images


def labelled_image(folder: Path, name: str, *, class_name: str, boxes: tuple[Box, ...] = ()) -> LabelledImage:
    """Return one image of a folder under a class, its family the folder's name and its leakage group itself."""
    return LabelledImage(
        family=checked_name(folder.resolve().name, what="family"),
        class_name=class_name,
        group=_shown_path(name),
        source=_shown_path(name),
        load=partial(_load, folder / name, folder),
        boxes=boxes,
    )


def _shown_path(key: str) -> str:
    """Return a path of the data folder as it can be printed and stored."""
    return "/".join(shown(part) for part in key.split("/"))


def _load(path: Path, folder: Path) -> Pixels:
    content = read_complete(path, folder, seen=size_and_time(path))
    return decode(content, name=shown(path.name))


def _load_mask(path: Path, image: Path, folder: Path) -> NDArray[np.bool_]:
    marked = _load(path, folder)
    header = read_header(read_complete(image, folder, seen=size_and_time(image)))
    if marked.shape[:2] != (header.height_px, header.width_px):
        raise BadImageError(
            f"{shown(path.name)}: the mask is {marked.shape[1]} x {marked.shape[0]} px, "
            f"its image {header.width_px} x {header.height_px}"
        )
    flat = marked if marked.ndim == 2 else marked.max(axis=2)
    return flat > 0
