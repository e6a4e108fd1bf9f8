"""The formats by their names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files import boxes_csv, coco, cvat, label_studio
from inspect_pipeline.services.label_files.records import FileImage


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFormat:
    """How a format is read and written, and what its files are called."""

    read: Callable[[bytes, str], list[FileImage]]
    write: Callable[[Sequence[FileImage]], bytes]
    suffix: str
    media_type: str


FORMATS: Mapping[str, LabelFormat] = MappingProxyType(
    {
        "coco": LabelFormat(read=coco.read, write=coco.write, suffix="json", media_type="application/json"),
        "csv": LabelFormat(read=boxes_csv.read, write=boxes_csv.write, suffix="csv", media_type="text/csv"),
        "label-studio": LabelFormat(
            read=label_studio.read, write=label_studio.write, suffix="json", media_type="application/json"
        ),
        "cvat": LabelFormat(read=cvat.read, write=cvat.write, suffix="xml", media_type="application/xml"),
    }
)


def label_format(name: str) -> LabelFormat:
    """Return the format of that name. Raises BadDataError for one that is not there."""
    if name not in FORMATS:
        raise BadDataError(f"format {name!r} of labels is not known; give one of {', '.join(FORMATS)}")
    return FORMATS[name]
