"""The items of a study, drawn from the labelled regions of a line: half without defect, the types alike."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from inspect_pipeline.domain.labels import Label, LabelRole, in_force
from inspect_pipeline.domain.material import CapturedFrame
from inspect_pipeline.domain.studies import NOT_A_DEFECT, StudyItem
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.services.ports import CatalogUnit

_GOOD_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The items in the order of their numbers, which tells nothing, and the types that are offered as answers."""

    items: tuple[StudyItem, ...]
    types: tuple[str, ...]


def draw_items(unit: CatalogUnit, line: str, *, wanted: int, seed: int, with_reference: bool, untaught: bool) -> Drawn:
    """Return ``wanted`` items of the line's labels in force, or as many as there are.

    ``untaught`` leaves out every image that holds a support: where a detector takes part, what it was taught from
    proves nothing. The same labels and seed give the same items. Raises BadDataError where there is no region to
    judge.
    """
    every = unit.labels(line=line)
    found = _on_usable_frames(unit, [label for label in in_force(every) if label.role is not LabelRole.WITHDRAWN])
    if untaught:
        supports = {label.region.frame for label in every if label.role is LabelRole.SUPPORT}
        taught = {frame.image for name in supports if (frame := unit.frame(name)) is not None}
        found = [(label, frame) for label, frame in found if frame.image not in taught]
    if not found:
        besides = " that its detector was not taught from" if untaught else ""
        raise BadDataError(f"line {line!r} has no labelled region on a usable frame{besides}; label some first")
    generator = np.random.default_rng(seed)
    chosen = _stratified([label for label, _ in found], wanted, generator)
    mixed = [chosen[place] for place in generator.permutation(len(chosen))]
    live = [known.name for known in unit.types(line) if known.life_cycle is not LifeCycle.RETIRED]
    return Drawn(
        items=tuple(
            StudyItem(
                number=number,
                frame=label.region.frame,
                roi=label.region.roi,
                reference=_said(label) if with_reference else None,
            )
            for number, label in enumerate(mixed, start=1)
        ),
        types=tuple(sorted({*live, *(label.defect_type for label in mixed if label.defect_type is not None)})),
    )


def _said(label: Label) -> str:
    return label.defect_type or NOT_A_DEFECT


def _on_usable_frames(unit: CatalogUnit, labels: Sequence[Label]) -> list[tuple[Label, CapturedFrame]]:
    """Return the labels whose frame can be shown, one a region: a place that two labels name is judged once."""
    frames = {name: unit.frame(name) for name in {label.region.frame for label in labels}}
    found: dict[tuple[str, str], tuple[Label, CapturedFrame]] = {}
    for label in sorted(labels, key=lambda label: (label.statement, label.id)):
        frame = frames[label.region.frame]
        if frame is not None and frame.usable and frame.image is not None and frame.pruned_at is None:
            found.setdefault((frame.image, repr(label.region.roi)), (label, frame))
    return list(found.values())


def _stratified(labels: Sequence[Label], wanted: int, generator: np.random.Generator) -> list[Label]:
    """Return labels drawn by turns: the good ones in their share, the types one after the other as long as they last.

    What one side lacks the other gives.
    """
    shuffled = [labels[place] for place in generator.permutation(len(labels))]
    strata: dict[str, deque[Label]] = {}
    for label in shuffled:
        strata.setdefault(_said(label), deque()).append(label)
    good = list(strata.pop(NOT_A_DEFECT, ()))
    bad: list[Label] = []
    while any(strata.values()):
        bad += [stratum.popleft() for name, stratum in sorted(strata.items()) if stratum]
    share = min(max(round(wanted * _GOOD_SHARE), wanted - len(bad)), len(good))
    return list(islice(chain(good[:share], bad), wanted))
