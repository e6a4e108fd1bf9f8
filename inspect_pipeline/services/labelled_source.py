"""Labelled images of a folder as a frame source that brings its labels along: one image, one frame."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Origin, Region, RegionSource
from inspect_pipeline.domain.material import CapturedFrame, Frame, Roi, UnusableCapture
from inspect_pipeline.domain.records import Capture, Clock, LabelledImage
from inspect_pipeline.errors import BadImageError
from inspect_pipeline.imaging.decode import encode_png
from inspect_pipeline.services.examples import annotations, source_of, whole_roi
from inspect_pipeline.services.ports import ImageStore

Statement = tuple[Roi, str | None, NDArray[np.bool_] | None, RegionSource, Origin]
"""What is said of a region: its box, its type (None: not a defect), its mask, who drew it, real or simulated."""


def label_of(
    frame: str, statement: Statement, *, role: LabelRole, operator: str, images: ImageStore, now: Clock
) -> Label:
    """Return the label of a statement; the same statement on the same frame has the same id. Its mask is stored."""
    roi, defect_type, mask, source, origin = statement
    address = None if mask is None else images.put(encode_png(mask.astype(np.uint8) * 255), suffix="png")
    parts = [frame, role.value, defect_type or "", repr(roi), address or ""]
    return Label(
        id=hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24],
        region=Region(frame=frame, roi=roi, mask=address, source=source),
        kind=LabelKind.NOT_A_DEFECT if defect_type is None else LabelKind.DEFECT,
        defect_type=defect_type,
        operator=operator,
        labelled_at=now(),
        role=role,
        origin=origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSource:
    """A frame source over labelled images; iterate it first, then ``labels`` knows every frame's labels.

    Labels belong to the place in the sequence: two folders may hold files of one name.
    """

    images: Sequence[LabelledImage]
    store: ImageStore
    role: LabelRole
    operator: str
    clock: Clock
    statements: dict[int, list[Statement]] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)

    @property
    def expected_lines(self) -> int | None:
        """A folder does not know how long the material was."""
        return None

    def __iter__(self) -> Iterator[Capture]:
        """Yield one frame an image, lines counted up; an image that cannot be read is an unusable capture."""
        line = 0
        for sequence, image in enumerate(self.images):
            capture = self._capture(image, sequence=sequence, first_line=line)
            line += capture.line_count
            yield capture

    def _capture(self, image: LabelledImage, *, sequence: int, first_line: int) -> Capture:
        try:
            pixels = image.load()
            annotated = annotations(image, pixels)
        except BadImageError as error:
            return UnusableCapture(source=image.source, reason=str(error), sequence=sequence, first_line=first_line)
        whole = whole_roi(pixels)
        said: list[Statement] = [(whole, name, mask, source_of(mask), Origin.REAL) for name, mask in annotated]
        if image.group:
            self.groups[sequence] = image.group
        self.statements[sequence] = said or [(whole, None, None, RegionSource.DRAWN, Origin.REAL)]
        return Frame(
            id=image.source,
            pixels=pixels,
            first_line=first_line,
            captured_at=self.clock(),
            mm_per_px_across=1.0,
            mm_per_px_along=1.0,
            sequence=sequence,
            source=image.source,
        )

    def labels(self, frame: CapturedFrame) -> list[Label]:
        """Return the labels of a frame of this source, with its image's leakage group."""
        said_of_it = self.statements.get(frame.sequence, [])
        return [
            replace(
                label_of(frame.id, said, role=self.role, operator=self.operator, images=self.store, now=self.clock),
                group=self.groups.get(frame.sequence),
            )
            for said in said_of_it
        ]
