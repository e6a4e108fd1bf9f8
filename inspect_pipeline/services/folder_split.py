"""A user's labelled families split for the demo: history, a new line to teach, and what is held out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.taxonomy import is_normal
from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """How much goes where; counts are images."""

    shots: int = 5
    teach_normals: int = 60
    min_normals: int = 20
    min_held_out: int = 5
    history_per_class: int = 40

    def __post_init__(self) -> None:
        if min(self.shots, self.min_held_out, self.history_per_class) < 1 or self.min_normals > self.teach_normals:
            raise BadDataError("demo split: counts must be at least 1, and min_normals at most teach_normals")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSplit:
    """Images by use; of the new line no leakage group is in two of them, and no image at all."""

    family: str
    new_type: str
    history: tuple[LabelledImage, ...]
    teach: tuple[LabelledImage, ...]
    held_out: tuple[LabelledImage, ...]


def split_folder(
    images: Sequence[LabelledImage], settings: SplitSettings, *, generator: np.random.Generator
) -> FolderSplit:
    """Return the split: the new line is the family with the most defect-free images, its new type the commonest.

    All other families are history. With one family alone its other types are history, by whole leakage groups. Raises
    BadDataError when no family can be a new line, or too little is left for history or held out, with the numbers.
    """
    family, new_type = _new_line(images, settings)
    of_line = [image for image in images if image.family == family]
    order = [of_line[int(i)] for i in generator.permutation(len(of_line))]
    teach = _teach(order, new_type, settings)
    taught_groups, chosen = {_group(image) for image in teach}, {image.source for image in teach}
    free = [image for image in of_line if _group(image) not in taught_groups and image.source not in chosen]
    history = [image for image in images if image.family != family]
    if not history:
        history, free = _own_history(free, new_type)
    taught = sum(image.class_name == new_type for image in teach)
    _refuse_too_little(history, free, taught=taught, family=family, new_type=new_type, settings=settings)
    return FolderSplit(
        family=family,
        new_type=new_type,
        history=tuple(_capped(history, settings.history_per_class, generator)),
        teach=tuple(teach),
        held_out=tuple(free),
    )


def _own_history(free: Sequence[LabelledImage], new_type: str) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Return (history, held out) of one family: groups of the new type are held out, those of other types history.

    Groups without a defect go where there are fewer defect-free images so far.
    """
    groups: dict[str, list[LabelledImage]] = {}
    for image in free:
        groups.setdefault(_group(image), []).append(image)
    history: list[LabelledImage] = []
    held_out: list[LabelledImage] = []
    clean: list[list[LabelledImage]] = []
    for group in groups.values():
        if any(image.class_name == new_type for image in group):
            held_out += group
        elif all(is_normal(image.class_name) for image in group):
            clean.append(group)
        else:
            history += group
    for group in clean:
        fewer = history if _normals(history) <= _normals(held_out) else held_out
        fewer += group
    return history, held_out


def _normals(images: Sequence[LabelledImage]) -> int:
    return sum(is_normal(image.class_name) for image in images)


def _group(image: LabelledImage) -> str:
    return image.group or image.source


def _new_line(images: Sequence[LabelledImage], settings: SplitSettings) -> tuple[str, str]:
    counts: dict[str, dict[str, int]] = {}
    for image in images:
        name = "normal" if is_normal(image.class_name) else image.class_name
        of_family = counts.setdefault(image.family, {})
        of_family[name] = of_family.get(name, 0) + 1
    best: tuple[int, str, str] | None = None
    for family, classes in sorted(counts.items()):
        normals = classes.pop("normal", 0)
        types = sorted(classes.items(), key=lambda item: (-item[1], item[0]))
        enough = types and types[0][1] >= settings.shots + settings.min_held_out
        if enough and normals >= 2 * settings.min_normals and (best is None or normals > best[0]):
            best = (normals, family, types[0][0])
    if best is None:
        raise BadDataError(
            f"no family can be a new line: it needs {2 * settings.min_normals} images in a class normal, good or ok "
            f"and {settings.shots + settings.min_held_out} of one type; found {_shown(images)}"
        )
    return best[1], best[2]


def _shown(images: Sequence[LabelledImage]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for image in images:
        key = (image.family, image.class_name)
        counts[key] = counts.get(key, 0) + 1
    return ", ".join(f"{family}/{name} {count}" for (family, name), count in sorted(counts.items()))


def _teach(order: Sequence[LabelledImage], new_type: str, settings: SplitSettings) -> list[LabelledImage]:
    """Return ``shots`` samples from as many groups, and at most half of the defect-free images, by whole groups."""
    supports: list[LabelledImage] = []
    for image in order:
        fresh = _group(image) not in {_group(support) for support in supports}
        if image.class_name == new_type and fresh and len(supports) < settings.shots:
            supports.append(image)
    normals = [image for image in order if is_normal(image.class_name)]
    wanted = min(settings.teach_normals, len(normals) // 2)
    groups: dict[str, None] = {}
    taken = 0
    for image in normals:
        if taken < wanted and _group(image) not in groups:
            groups[_group(image)] = None
            taken += sum(_group(other) == _group(image) for other in normals)
    return supports + [image for image in normals if _group(image) in groups][:wanted]


def _capped(images: Sequence[LabelledImage], per_class: int, generator: np.random.Generator) -> list[LabelledImage]:
    kept: list[LabelledImage] = []
    by_class: dict[tuple[str, str], list[LabelledImage]] = {}
    for image in images:
        by_class.setdefault((image.family, image.class_name), []).append(image)
    for _, members in sorted(by_class.items()):
        drawn = sorted(int(i) for i in generator.permutation(len(members))[:per_class])
        kept.extend(members[i] for i in drawn)
    return kept


def _refuse_too_little(
    history: Sequence[LabelledImage],
    held_out: Sequence[LabelledImage],
    *,
    taught: int,
    family: str,
    new_type: str,
    settings: SplitSettings,
) -> None:
    if taught < settings.shots:
        raise BadDataError(
            f"type {new_type!r} of {family!r} has {taught} leakage groups to teach from, {settings.shots} are needed; "
            "add images of other pieces"
        )
    if not any(not is_normal(image.class_name) for image in history):
        raise BadDataError(
            f"family {family!r} is the new line and nothing is left for history; add a second family, "
            "or a second defect type, to meta-train on"
        )
    left = sum(image.class_name == new_type for image in held_out)
    if left < settings.min_held_out:
        raise BadDataError(
            f"type {new_type!r} of {family!r} has {left} held-out images whose leakage group was not taught, "
            f"{settings.min_held_out} are needed; add images"
        )
    if _normals(held_out) < settings.min_held_out:
        raise BadDataError(
            f"{family!r} has {_normals(held_out)} defect-free images left to hold out whose leakage group was not "
            f"used, {settings.min_held_out} are needed to count overkill; add images"
        )
