"""A line of 20 known types on a workspace of its own, a judged coil, and findings of a type that nobody taught yet.

Real defects of data folders: per class, so many images teach, others run down the line as a coil. Good units are images
of ``--normals`` without a defect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.taught_line import in_force
from inspect_pipeline.bootstrap.house import House, open_house
from inspect_pipeline.bootstrap.stores import SAMPLES
from inspect_pipeline.bootstrap.studies import frozen_backbone
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.domain.findings import Finding
from inspect_pipeline.domain.gate import GateRules
from inspect_pipeline.domain.labels import Label, LabelKind, LabelRole, Region
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.learning.initialization import frozen_start
from inspect_pipeline.services.labelled_source import LabelledSource
from inspect_pipeline.settings import load_settings

LINE, RECIPE, COIL, NEW_TYPE = "bench", "default", "bench-coil", "new type"
KNOWN_TYPES, SHOTS, GOOD_UNITS, ON_THE_COIL = 20, 5, 40, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Images of classes, each under a name of its own: ``taught`` ones, and those that run down the line."""

    taught: tuple[LabelledImage, ...]
    coil: tuple[LabelledImage, ...]
    good: tuple[LabelledImage, ...]
    strange: frozenset[str]
    """Sources of the images whose class is not taught."""


def material(folders: Sequence[Path], normals: Path, *, seed: int) -> Material:
    """Return 20 classes to teach and one that stays unknown, drawn from data folders."""
    generator = np.random.default_rng([seed, 23])
    classes: dict[str, list[LabelledImage]] = {}
    for folder in folders:
        for image in read_data_folder(folder):
            if not is_normal(image.class_name):
                classes.setdefault(f"{folder.name} {image.class_name}", []).append(image)
    large = {name: found for name, found in sorted(classes.items()) if len(found) >= SHOTS + ON_THE_COIL}
    if len(large) <= KNOWN_TYPES:
        raise SystemExit(f"{len(large)} classes of {SHOTS + ON_THE_COIL} images, {KNOWN_TYPES + 1} are needed")
    names = list(large)[: KNOWN_TYPES + 1]
    drawn = {name: [large[name][i] for i in generator.permutation(len(large[name]))] for name in names}
    strange = names[-1]
    taught = [_named(image, name) for name in names[:-1] for image in drawn[name][:SHOTS]]
    shown = {name: drawn[name][SHOTS : SHOTS + (2 if name == strange else 1) * ON_THE_COIL] for name in names}
    good = [image for image in read_data_folder(normals) if is_normal(image.class_name)][:GOOD_UNITS]
    return Material(
        taught=tuple(taught),
        coil=tuple(_named(image, name) for name in names for image in shown[name]),
        good=tuple(good),
        strange=frozenset(f"{strange} {image.source}" for image in shown[strange]),
    )


def _named(image: LabelledImage, name: str) -> LabelledImage:
    return LabelledImage(
        family=image.family,
        class_name=name,
        group=image.group,
        source=f"{name} {image.source}",
        load=image.load,
        load_mask=image.load_mask,
    )


def opened(workspace: Path) -> House:
    """Return the house of the workspace."""
    gates = GateRules(min_leave_one_out=0.0, max_forgetting=1.0)  # this is about time, not about these materials
    return open_house(replace(load_settings(workspace, folder=None, environment={}), gates=gates))


def build(workspace: Path, found: Material) -> None:
    """Teach the line its 20 types, put the detector in force, and judge the coil."""
    with opened(workspace) as house:
        put_frozen_initialization(house)
        take_in(house, [*found.good, *found.taught], coil=f"{SAMPLES}{LINE}", role=LabelRole.SUPPORT)
        taught = house.adapt(line=LINE, recipe=RECIPE)
        house.models.promote(taught.model, operator="bench", reason="bench", version=taught.version)
        take_in(house, found.coil, coil=COIL, role=None)
        house.score(COIL)


def put_frozen_initialization(house: House) -> None:
    """Put the pretrained backbone in force as it is."""
    backbone = frozen_backbone(house)
    name = initialization_name("default")
    in_force(house, name, house.registry.register(name, frozen_start(backbone).to_bundle({}), tags={}))


def take_in(house: House, images: Sequence[LabelledImage], *, coil: str, role: LabelRole | None) -> None:
    """Take in images as the frames of a coil, with their labels in a role, or without any."""
    source = LabelledSource(
        images=images, store=house.images, role=role or LabelRole.HELD_OUT, operator="bench", clock=house.clock
    )
    target = house.coil_named(coil, line=LINE, recipe=RECIPE, family=LINE)
    house.ingesting(RECIPE, label_frame=source.labels if role else None, finished=True).run(source, target)


def strange_findings(house: House, found: Material) -> list[Finding]:
    """Return the strongest finding of each frame of the coil that shows the class nobody taught."""
    with house.catalog.transaction() as unit:
        sources = {frame.id: frame.source for frame in unit.frames(COIL)}
        results = unit.results(COIL, detector=unit.detectors_of(COIL)[0])
    return [
        max(result.findings, key=lambda finding: finding.score)
        for result in results
        if result.findings and sources[result.frame] in found.strange
    ]


def label(house: House, findings: Sequence[Finding], number: int) -> list[str]:
    """Say of findings that they are of the new type, as the queue does; return the labels' ids."""
    now = house.clock()
    labels = [
        Label(
            id=f"pick-{now:%Y%m%d%H%M%S}-{number}-{index}", region=Region(frame=finding.frame, roi=finding.roi),
            kind=LabelKind.DEFECT, operator="bench", labelled_at=now, defect_type=NEW_TYPE, role=LabelRole.HELD_OUT,
        )
        for index, finding in enumerate(findings)
    ]  # fmt: skip
    with house.catalog.transaction() as unit:
        unit.add_labels(labels)
    return [one.id for one in labels]
