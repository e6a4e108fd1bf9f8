"""CVAT for images 1.1: boxes, polygons and masks in XML; a severity is an attribute.

The parser refuses document types, so that no entity is ever declared, let alone expanded or fetched.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.label_files.parsing import box, decoded, number, whole
from inspect_pipeline.services.label_files.polygons import filled
from inspect_pipeline.services.label_files.records import Budget, FileImage, FileLabel, named, region, severity_of
from inspect_pipeline.services.label_files.run_lengths import counts_of, flat_of

_SHAPES = ("box", "polygon", "mask")
_OTHER_SHAPES = ("polyline", "points", "ellipse", "cuboid", "skeleton")


@dataclass(kw_only=True)
class _Reader:
    """What was read so far."""

    name: str
    parser: expat.XMLParserType
    budget: Budget = field(default_factory=Budget)
    images: list[FileImage] = field(default_factory=list)
    image: dict[str, str] | None = None
    place: str = ""
    labels: list[FileLabel] = field(default_factory=list)
    shape: tuple[str, dict[str, str], str] | None = None
    severity: str | None = None
    words: list[str] | None = None
    depth: int = 0

    @property
    def where(self) -> str:
        return f"{self.name}:{self.parser.CurrentLineNumber}"

    def doctype(self, *_: object) -> None:
        raise BadDataError(f"{self.where}: it declares a document type, which labels do not need; remove it")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and tag != "annotations":
            raise BadDataError(f"{self.where}: it begins with <{tag}>; CVAT for images begins with <annotations>")
        self.depth += 1
        if tag == "track":
            raise BadDataError(f"{self.where}: tracks are of videos; export as 'CVAT for images 1.1'")
        if tag == "image":
            self.image, self.place, self.labels = attributes, self.where, []
        elif self.image is not None and tag in _OTHER_SHAPES:
            raise BadDataError(f"{self.where}: <{tag}> is no region; give boxes, polygons or masks")
        elif self.image is not None and tag in _SHAPES:
            self.budget.label(self.where)
            self.shape, self.severity = (tag, attributes, self.where), None
        elif self.shape is not None and tag == "attribute" and attributes.get("name") == "severity":
            self.words = []

    def data(self, words: str) -> None:
        if self.words is not None:
            self.words.append(words)

    def end(self, tag: str) -> None:
        self.depth -= 1
        if tag == "attribute" and self.words is not None:
            self.severity, self.words = "".join(self.words), None
        elif self.shape is not None and tag == self.shape[0]:
            self.labels.append(_label(*self.shape, self.severity, self.budget))
            self.shape = None
        elif tag == "image" and self.image is not None:
            if self.labels:
                self.images.append(_image(self.image, tuple(self.labels), self.place))
            self.image = None


def read(content: bytes, name: str) -> list[FileImage]:
    """Return the images that have shapes. Raises BadDataError with the line."""
    parser = expat.ParserCreate()
    reader = _Reader(name=name, parser=parser)
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.EntityDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(decoded(content, name).encode(), True)
    except expat.ExpatError as error:
        raise BadDataError(f"{name}:{error.lineno}: no valid XML ({expat.ErrorString(error.code)})") from error
    return reader.images


def _said(attributes: Mapping[str, str], key: str, where: str) -> str:
    if not attributes.get(key):
        raise BadDataError(f"{where}: no attribute {key!r}")
    return attributes[key]


def _image(attributes: Mapping[str, str], labels: tuple[FileLabel, ...], where: str) -> FileImage:
    sizes = [whole(_said(attributes, key, where), f"{where}: {key}", least=1) for key in ("width", "height")]
    return FileImage(
        name=_said(attributes, "name", where), labels=labels, width_px=sizes[0], height_px=sizes[1], place=where
    )


def _label(tag: str, attributes: Mapping[str, str], where: str, severity: str | None, budget: Budget) -> FileLabel:
    if number(attributes.get("rotation", "0"), f"{where}: rotation") % 360.0:
        raise BadDataError(f"{where}: the box is turned by {attributes['rotation']} degrees; draw it upright")
    if tag == "box":
        sides = [number(_said(attributes, key, where), f"{where}: {key}") for key in ("xtl", "ytl", "xbr", "ybr")]
        roi, mask = region(box(sides[0], sides[1], sides[2], sides[3], where), None, where=where)
    elif tag == "polygon":
        corners = [corner.split(",") for corner in _said(attributes, "points", where).split(";")]
        if any(len(corner) != 2 for corner in corners):
            raise BadDataError(f"{where}: points are no pairs x,y;x,y")
        points = [(number(x, f"{where}: points"), number(y, f"{where}: points")) for x, y in corners]
        drawn, offset = filled([points], where, budget)
        roi, mask = region(None, drawn, offset=offset, where=where)
    else:
        keys = ("left", "top", "width", "height")
        left, top, width, height = (whole(_said(attributes, key, where), f"{where}: {key}") for key in keys)
        budget.mask(height, width, where)
        counts = [whole(count.strip(), f"{where}: rle") for count in _said(attributes, "rle", where).split(",")]
        flat = flat_of(counts, height * width, f"{where}: rle").reshape(height, width)
        around = box(left, top, left + width, top + height, where)
        roi, mask = region(around, flat, offset=(top, left), where=where)
    defect_type = named(_said(attributes, "label", where), where)
    return FileLabel(roi=roi, defect_type=defect_type, mask=mask, severity=severity_of(severity, where))


def write(images: Sequence[FileImage]) -> bytes:
    """Return the document."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    for n, image in enumerate(images):
        size = f'width="{image.width_px}" height="{image.height_px}"'
        lines.append(f'  <image id="{n}" name="{_escaped(image.name)}" {size}>')
        lines += [_element(label) for label in image.labels]
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>", ""]).encode()


def _element(label: FileLabel) -> str:
    roi, name = label.roi, _escaped(label.class_name)
    if label.mask is None:
        tag = "box"
        where = f'xtl="{roi.left}" ytl="{roi.top}" xbr="{roi.right}" ybr="{roi.bottom}"'
    else:
        tag = "mask"
        runs = ", ".join(map(str, counts_of(np.ravel(label.mask))))
        where = f'rle="{runs}" left="{roi.left}" top="{roi.top}" width="{roi.width}" height="{roi.height}"'
    inside = "" if label.severity is None else f'<attribute name="severity">{label.severity}</attribute>'
    return f'    <{tag} label="{name}" source="manual" occluded="0" {where} z_order="0">{inside}</{tag}>'


def _escaped(text: str) -> str:
    if any(ord(letter) < 0x20 and letter not in "\t\n\r" for letter in text):
        raise BadDataError(f"name {text!a} has control characters, which XML cannot hold; export as COCO")
    spaces = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
    return "".join(spaces.get(letter, letter) for letter in html.escape(text))
