"""Labels turned into what the learning core takes: frames with their known-good and defective regions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, RegionSource, in_force
from inspect_pipeline.domain.material import CapturedFrame, Pixels, Roi
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.learning.teaching import DefectRegion, FrameRegions
from inspect_pipeline.services.ports import Catalog, ImageStore

NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One labelled region of a frame: its class, its leakage group and where it lies."""

    class_name: str
    group: str
    roi: Roi


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """One frame of a family with its labelled regions, in both forms that training takes."""

    family: str
    regions: FrameRegions
    samples: tuple[Sample, ...]


def frame_regions(images: ImageStore, frame: CapturedFrame, labels: Sequence[Label]) -> FrameRegions:
    """Return a frame's pixels with its labelled regions. Raises NotFoundError when the frame holds no image."""
    if frame.image is None:
        raise NotFoundError(f"frame {frame.source!r} of coil {frame.coil!r} is labelled but holds no image")
    pixels = decode(images.get(frame.image), name=frame.source)
    normals = tuple(label.region.roi for label in labels if label.kind is LabelKind.NOT_A_DEFECT)
    defects = tuple(_defect(images, label) for label in labels if label.kind is LabelKind.DEFECT)
    group = next((label.group for label in labels if label.group), "")
    return FrameRegions(pixels=pixels, normals=normals, defects=defects, group=group)


def _defect(images: ImageStore, label: Label) -> DefectRegion:
    region = label.region
    mask: NDArray[np.bool_] | None = None
    if region.mask is not None:
        mask = decode(images.get(region.mask), name=f"mask of label {label.id}") > 0
        if mask.shape != (region.roi.height, region.roi.width):
            raise BadDataError(f"label {label.id}: its mask is {mask.shape}, its region {region.roi}; draw it again")
    return DefectRegion(
        roi=region.roi, mask=mask, defect_type=label.defect_type or "", source=region.source, label=label.id
    )


def frames_with_labels(catalog: Catalog, labels: Sequence[Label]) -> list[tuple[CapturedFrame, list[Label]]]:
    """Return every usable labelled frame once, in the order of capture, with its labels in the order of what they say.

    So neither the order of the labels nor their ids matter. Labels on an unusable frame neither teach nor train: such
    frames are left out. Raises NotFoundError for a frame that is not in the catalog.
    """
    by_frame: dict[str, list[Label]] = {}
    for label in sorted(labels, key=lambda label: (label.statement, label.id)):
        by_frame.setdefault(label.region.frame, []).append(label)
    with catalog.transaction() as unit:
        found = {frame_id: unit.frame(frame_id) for frame_id in by_frame}
    for frame_id, frame in found.items():
        if frame is None:
            raise NotFoundError(f"frame {frame_id!r} is labelled but is not in the catalog")
    usable = [frame for frame in found.values() if frame is not None and frame.usable]
    usable.sort(key=lambda frame: (frame.coil, frame.camera, frame.first_line, frame.id))
    return [(frame, by_frame[frame.id]) for frame in usable]


def labelled_frames(
    catalog: Catalog, images: ImageStore, labels: Sequence[Label]
) -> Iterator[tuple[CapturedFrame, FrameRegions, list[Label]]]:
    """Yield the frames of ``frames_with_labels`` with their pixels and regions."""
    for frame, of_frame in frames_with_labels(catalog, labels):
        yield frame, frame_regions(images, frame, of_frame), of_frame


def history(catalog: Catalog, images: ImageStore, *, unit_of: Callable[[str], UnitGrid]) -> Iterator[Example]:
    """Yield the historical examples of the catalog: labels that may meta-train, by coil family.

    The leakage group is what the label says; else the frame, or where the recipe (``unit_of`` gives its unit) says
    that a frame holds many separate pieces such as cells, the piece.
    """
    with catalog.transaction() as unit:
        coils = {coil.id: coil for coil in unit.coils()}
        labels = in_force(unit.labels(), role=LabelRole.HISTORY)
    for frame, regions, of_frame in labelled_frames(catalog, images, labels):
        coil = coils[frame.coil]
        grid = unit_of(coil.recipe)
        samples = tuple(
            Sample(
                class_name=label.defect_type or NORMAL,
                group=label.group or f"{frame.id}{_piece(label.region.roi, grid)}",
                roi=label.region.roi,
            )
            for label in of_frame
        )
        yield Example(family=coil.family, regions=regions, samples=samples)


def _piece(roi: Roi, grid: UnitGrid) -> str:
    """Return which piece of the frame holds the middle of a region; nothing where the frame is the unit."""
    if grid.height_px is None or grid.width_px is None:
        return ""
    row, column = (roi.top + roi.bottom) // 2 // grid.height_px, (roi.left + roi.right) // 2 // grid.width_px
    return f"/{row}/{column}"


def folder_examples(
    labelled: Sequence[LabelledImage], *, per_class: int, generator: np.random.Generator
) -> Iterator[Example]:
    """Yield examples of data folders, whole images as units; at most ``per_class`` images of a class, drawn."""
    by_class: dict[tuple[str, str], list[LabelledImage]] = {}
    for image in labelled:
        by_class.setdefault((image.family, image.class_name), []).append(image)
    for (family, _), members in sorted(by_class.items()):
        drawn = generator.permutation(len(members))[:per_class]
        for i in sorted(int(k) for k in drawn):
            yield _folder_example(family, members[i])


def _folder_example(family: str, image: LabelledImage) -> Example:
    pixels = image.load()
    whole = whole_roi(pixels)
    annotated = annotations(image, pixels)
    defects = tuple(
        DefectRegion(roi=whole, mask=mask, defect_type=name, source=source_of(mask), label=image.source)
        for name, mask in annotated
    )
    samples = tuple(Sample(class_name=name, group=image.group, roi=whole) for name, _ in annotated)
    if not annotated:
        samples = (Sample(class_name=NORMAL, group=image.group, roi=whole),)
    regions = FrameRegions(pixels=pixels, normals=() if annotated else (whole,), defects=defects, group=image.group)
    return Example(family=family, regions=regions, samples=samples)


def annotations(image: LabelledImage, pixels: Pixels) -> list[tuple[str, NDArray[np.bool_] | None]]:
    """Return the defect types of an image, each with the mask of the whole image that marks it, or None.

    A mask file marks the image's own class; else boxes are filled, a mask for each class they name; else the whole
    image is the region and there is no mask. A defect-free image has none.
    """
    if is_normal(image.class_name):
        return []
    if image.load_mask is not None:
        mask = image.load_mask()
        if mask.shape != pixels.shape[:2]:
            raise BadDataError(
                f"{image.source}: its mask is {mask.shape}, the image {pixels.shape[:2]}; export it again"
            )
        if mask.any():
            return [(image.class_name, mask)]
    filled: dict[str, NDArray[np.bool_]] = {}
    for box in image.boxes:
        mask = filled.setdefault(box.class_name, np.zeros(pixels.shape[:2], dtype=np.bool_))
        mask[box.roi.top : box.roi.bottom, box.roi.left : box.roi.right] = True
    return [(name, mask) for name, mask in sorted(filled.items()) if mask.any()] or [(image.class_name, None)]


def source_of(mask: NDArray[np.bool_] | None) -> RegionSource:
    """Return whether the region was drawn, or is a guess because nothing marks it."""
    return RegionSource.GUESSED if mask is None else RegionSource.DRAWN


def whole_roi(pixels: Pixels) -> Roi:
    """Return the box of the whole image."""
    return Roi(top=0, left=0, bottom=int(pixels.shape[0]), right=int(pixels.shape[1]))
