"""Samples to teach from: a flat folder of images, a data folder, or a table of boxes beside its images."""

from pathlib import Path

from inspect_pipeline.cameras.data_folder import labelled_image, read_data_folder
from inspect_pipeline.cameras.folder_listing import visible_names
from inspect_pipeline.cameras.label_tables import read_boxes
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.imaging.decode import IMAGE_SUFFIXES


def read_sample_folder(folder: Path, *, class_name: str) -> list[LabelledImage]:
    """Return the images of a folder: all of ``class_name`` if it is flat, of their own classes if it is a data folder.

    Raises NotFoundError or BadDataError: no such folder, no image in it.
    """
    names = visible_names(folder)
    if (folder / "images").is_dir():
        return read_data_folder(folder)
    images = [name for name in names if Path(name).suffix.casefold() in IMAGE_SUFFIXES]
    if not images:
        raise BadDataError(
            f"{folder} holds no image file ({', '.join(sorted(IMAGE_SUFFIXES))}) and no folder 'images'; "
            "put the samples there or name another folder"
        )
    return [labelled_image(folder, name, class_name=class_name) for name in images]


def read_boxed_images(table: Path, *, class_name: str) -> list[LabelledImage]:
    """Return the images that a table (image,class,xmin,ymin,xmax,ymax) marks with boxes of ``class_name``.

    Image paths start from the folder of the table, as in a data folder's ``boxes.csv``. Raises NotFoundError without
    the table, BadDataError (file and line) for a bad row, or when no box is of the class.
    """
    if not table.is_file():
        raise NotFoundError(f"there is no table of boxes {table}; check the path")
    boxes = read_boxes(table.parent, name=table.name)
    images = [
        labelled_image(
            table.parent, name, class_name=class_name, boxes=tuple(b for b in found if b.class_name == class_name)
        )
        for name, found in boxes.items()
        if any(box.class_name == class_name for box in found)
    ]
    if not images:
        classes = sorted({box.class_name for found in boxes.values() for box in found})
        raise BadDataError(
            f"{table} has no box of class {class_name!r}; its classes are {', '.join(classes) or 'none'}"
        )
    return images
