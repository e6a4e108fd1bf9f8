"""Labels of a line from files of other tools, and into them: all of a file is taken in, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Origin, RegionSource, in_force
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.records import Clock
from inspect_pipeline.domain.taxonomy import LifeCycle, checked_name
from inspect_pipeline.errors import BadDataError, NotFoundError, RefusedError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.services.label_files.formats import label_format
from inspect_pipeline.services.label_files.records import FileImage, FileLabel
from inspect_pipeline.services.labelled_source import label_of
from inspect_pipeline.services.ports import Catalog, CatalogUnit, ImageStore

ROLES: Mapping[str, LabelRole] = {
    role.value: role for role in (LabelRole.HELD_OUT, LabelRole.SUPPORT, LabelRole.GATE, LabelRole.GOLDEN)
}
"""What imported labels may be for."""

_NAMED = 5
_SLACK_PX = 1  # tools that count pixels from 1 reach one beyond the image


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsImported:
    """What an import gave: labels in the file, how many of them are new, and on how many images."""

    line: str
    format: str
    role: str
    images: int
    labels: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelsExported:
    """A file with all labels in force of a line."""

    content: bytes
    file_name: str
    media_type: str
    images: int
    labels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelExchange:
    """Imports and exports with the adapters they need."""

    catalog: Catalog
    images: ImageStore
    clock: Clock

    def import_file(
        self,
        content: bytes,
        *,
        file_name: str,
        form: str,
        line: str,
        operator: str,
        role: LabelRole = LabelRole.HELD_OUT,
    ) -> LabelsImported:
        """Append the labels of a file to the line's frames, matched by the names of their sources.

        A label that was imported before is known by what it says and not appended again. Raises BadDataError, which
        names them, where images are not there or more than one has the name, and where a region leaves its image;
        then nothing was taken in. Raises RefusedError where a support is of a retired type.
        """
        if role not in ROLES.values():
            raise BadDataError(f"labels are not imported as {role.value!r}; give one of {', '.join(ROLES)}")
        found = label_format(form).read(content, file_name)
        with self.catalog.transaction() as unit:
            frames = _matched(unit, line, found, file_name)
            if role is LabelRole.SUPPORT:
                _refuse_retired(unit, line, found)
            labels = [
                self._label(frame, label, place=f"{image.place}, label {n}", role=role, operator=operator)
                for image, frame in zip(found, frames, strict=True)
                for n, label in enumerate(image.labels, start=1)
            ]
            new = unit.add_labels(list({label.id: label for label in labels}.values()))
        return LabelsImported(line=line, format=form, role=role.value, images=len(found), labels=len(labels), new=new)

    def _label(self, frame: CapturedFrame, said: FileLabel, *, place: str, role: LabelRole, operator: str) -> Label:
        roi, mask = said.roi, said.mask
        inside = roi.clipped(height=frame.line_count, width=frame.width_px)
        beyond = max(roi.bottom - frame.line_count, roi.right - frame.width_px)
        if inside is None or beyond > _SLACK_PX:
            raise BadDataError(
                f"{place}: the box ends at row {roi.bottom}, column {roi.right} of {frame.source!r}, which has "
                f"{frame.line_count} lines of {frame.width_px} px; nothing was imported"
            )
        if mask is not None:
            mask = np.ascontiguousarray(mask[: inside.height, : inside.width])
        statement = (inside, said.defect_type, mask, RegionSource.DRAWN, Origin.REAL)
        label = label_of(frame.id, statement, role=role, operator=operator, images=self.images, now=self.clock)
        return replace(label, severity=said.severity)

    def export_file(self, *, form: str, line: str) -> LabelsExported:
        """Return a file with the labels in force of a line. Raises NotFoundError where it has none."""
        chosen = label_format(form)
        with self.catalog.transaction() as unit:
            labels = [one for one in in_force(unit.labels(line=line)) if one.role is not LabelRole.WITHDRAWN]
            frames = {name: unit.frame(name) for name in dict.fromkeys(label.region.frame for label in labels)}
            shown = {name: frame for name, frame in frames.items() if frame is not None and frame.line_count > 0}
            if not shown:
                raise NotFoundError(f"line {line!r} has no labels in force; check its name")
            names = _export_names(unit, line, list(shown.values()))
        images = [
            FileImage(
                name=names[frame.id],
                width_px=frame.width_px,
                height_px=frame.line_count,
                labels=tuple(self._said(label) for label in labels if label.region.frame == frame.id),
            )
            for frame in shown.values()
        ]
        return LabelsExported(
            content=chosen.write(images),
            file_name=f"labels-{form}.{chosen.suffix}",
            media_type=chosen.media_type,
            images=len(images),
            labels=sum(len(image.labels) for image in images),
        )

    def _said(self, label: Label) -> FileLabel:
        region = label.region
        mask = None
        if region.mask is not None:
            mask = decode(self.images.get(region.mask), name=f"mask of label {label.id}") > 0
        name = label.defect_type if label.kind is LabelKind.DEFECT else None
        return FileLabel(roi=region.roi, defect_type=name, mask=mask, severity=label.severity)


def _refuse_retired(unit: CatalogUnit, line: str, found: Sequence[FileImage]) -> None:
    retired = {known.name for known in unit.types(line) if known.life_cycle is LifeCycle.RETIRED}
    named = sorted({label.defect_type for image in found for label in image.labels if label.defect_type in retired})
    if named:
        raise RefusedError(
            f"type {named[0]!r} is retired on line {line!r}; bring it back with 'inspect-pipeline types restore' first"
        )


def _matched(unit: CatalogUnit, line: str, found: Sequence[FileImage], file_name: str) -> list[CapturedFrame]:
    """Return the frame of each image. Raises BadDataError that names those without one and those with several."""
    if not any(coil.line == line for coil in unit.coils(line=line)):
        raise NotFoundError(f"there is no line {checked_name(line, what='line')!r} with images; take some in first")
    wanted = {name for image in found for name in (image.name, *image.other_names)}
    by_name = _frames_called(unit, line, wanted)
    frames: list[CapturedFrame] = []
    unknown: list[str] = []
    ambiguous: list[str] = []
    for image in found:
        hits = next((hit for name in (image.name, *image.other_names) if (hit := by_name.get(name))), [])
        frame = unit.frame(hits[0]) if len(hits) == 1 else None
        if frame is not None:
            frames.append(frame)
        else:
            (ambiguous if hits else unknown).append(image.name)
    if unknown or ambiguous:
        raise BadDataError(f"{file_name}: {_told(unknown, ambiguous, line)}; nothing was imported")
    return frames


def _told(unknown: Sequence[str], ambiguous: Sequence[str], line: str) -> str:
    parts = []
    if unknown:
        parts.append(f"{len(unknown)} images are not on line {line!r}: {_listed(unknown)}")
    if ambiguous:
        parts.append(f"{len(ambiguous)} names are of several images (give COIL/NAME): {_listed(ambiguous)}")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(repr(name[:80]) for name in names[:_NAMED]) + more


def _frames_called(unit: CatalogUnit, line: str, wanted: set[str]) -> dict[str, list[str]]:
    """Return the ids of the line's frames by each wanted name: ``COIL/SOURCE``, the source, or the file's own name.

    The fuller name wins: a source that is wanted is not also looked for as the last part of others.
    """
    whole: dict[str, list[str]] = {}
    last: dict[str, list[str]] = {}
    for coil in unit.coils(line=line):
        for frame, _, source, _ in unit.frame_keys(coil.id):
            for name in {f"{coil.id}/{source}", source} & wanted:
                whole.setdefault(name, []).append(frame)
            tail = source.rsplit("/", 1)[-1]
            if tail in wanted:
                last.setdefault(tail, []).append(frame)
    return {**last, **whole}


def _export_names(unit: CatalogUnit, line: str, frames: Sequence[CapturedFrame]) -> dict[str, str]:
    """Return the name of each frame in a file: its source, with its coil before it where others have that source."""
    known = _frames_called(unit, line, {frame.source for frame in frames})
    return {
        frame.id: frame.source if len(known[frame.source]) == 1 else f"{frame.coil}/{frame.source}" for frame in frames
    }
