"""Samples of a new type from a folder or a table of boxes: frames and labels of a line, ready to be taught from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from inspect_pipeline.bootstrap.stores import SAMPLES, Stores
from inspect_pipeline.cameras.sample_folder import read_boxed_images, read_sample_folder
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.taxonomy import checked_type, is_normal
from inspect_pipeline.errors import BadDataError, BadImageError, RefusedError
from inspect_pipeline.imaging.capture_quality import QualityLimits, judge
from inspect_pipeline.services.ingest import IngestSummary
from inspect_pipeline.services.labelled_source import LabelledSource
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.withdrawing import Withdrawing


def take_in(
    stores: Stores,
    defect_type: str,
    *,
    samples: Path | None,
    labels: Path | None,
    normals: Path | None,
    line: str,
    recipe: str,
    operator: str,
) -> IngestSummary:
    """Take in the samples (and known-good images) of a line, labelled.

    All images are read and judged first: where one cannot teach, BadDataError says so and nothing is taken in. Samples
    that were withdrawn count again. Raises RefusedError for a retired type.
    """
    name = checked_type(defect_type)
    _refuse_retired(stores, name, line=line)
    images = [_from("samples", image) for image in _samples(name, samples, labels)]
    images += _normals(normals) if normals is not None else []
    return _taken(stores, images, line=line, recipe=recipe, operator=operator)


def take_in_normals(stores: Stores, normals: Path, *, line: str, recipe: str, operator: str) -> IngestSummary:
    """Take in known-good images of a line, labelled; all are read and judged first, as by ``take_in``.

    Raises BadDataError where the folder holds none.
    """
    images = _normals(normals)
    if not images:
        raise BadDataError(f"{normals} holds no known-good image (flat, or images/normal); give a folder that does")
    return _taken(stores, images, line=line, recipe=recipe, operator=operator)


def _taken(stores: Stores, images: Sequence[LabelledImage], *, line: str, recipe: str, operator: str) -> IngestSummary:
    """Return what became of images that were taken in as supports of the line."""
    _refuse_unusable(images, stores.settings.recipe(recipe).capture)
    source = LabelledSource(
        images=images, store=stores.images, role=LabelRole.SUPPORT, operator=operator, clock=stores.clock
    )
    coil = stores.coil_named(f"{SAMPLES}{line}", line=line, recipe=recipe, family=line)
    said: list[Label] = []

    def labels_of(frame: CapturedFrame) -> list[Label]:
        of_frame = source.labels(frame)
        said.extend(of_frame)
        return of_frame

    summary = stores.ingesting(recipe, label_frame=labels_of, finished=True).run(source, coil)
    Withdrawing(catalog=stores.catalog, clock=stores.clock).repeat(line, said, operator=operator)
    return summary


def _refuse_retired(stores: Stores, name: str, *, line: str) -> None:
    with stores.catalog.transaction() as unit:
        retired = Taxonomy.of(unit.types(line)).retired
    if name in retired:
        raise RefusedError(
            f"type {name!r} is retired on line {line!r}; bring it back with 'inspect-pipeline types restore' first"
        )


def _from(kind: str, image: LabelledImage) -> LabelledImage:
    """Return the image with a source that says which folder it came from: both may hold files of one name."""
    return replace(image, source=f"{kind}/{image.source}")


def _refuse_unusable(images: Sequence[LabelledImage], limits: QualityLimits) -> None:
    bad = []
    for image in images:
        try:
            bad += [f"{image.source}: {reason}" for reason in judge(image.load(), limits).reasons]
        except BadImageError as error:
            bad.append(f"{image.source}: {error}")
    if bad:
        raise BadDataError(f"{len(bad)} of {len(images)} images cannot teach: {bad[0]}; leave them out and teach again")


def _normals(folder: Path) -> list[LabelledImage]:
    found = read_sample_folder(folder, class_name="normal")
    return [_from("normals", image) for image in found if is_normal(image.class_name)]


def _samples(name: str, samples: Path | None, labels: Path | None) -> list[LabelledImage]:
    if (samples is None) == (labels is None):
        raise BadDataError("give the samples either as a folder (--samples) or as a table of boxes (--labels)")
    if labels is not None:
        return read_boxed_images(labels, class_name=name)
    found = read_sample_folder(samples or Path(), class_name=name)
    return [image for image in found if image.class_name == name or is_normal(image.class_name)]
