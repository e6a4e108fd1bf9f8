"""The types fitted on a ground of good material, without prior and shaping: ``dense_fit.fit`` to rounding, but quick.

Along the axes of good material a type has as many equations as patches (``type_directions``). Each type is fitted for
itself, with products of its own, so that what it gives does not depend on the other types of a line, bit for bit: what
was fitted once may be kept (``services/kept_work.py``), and one type more costs what one type costs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.learning.dense_features import smoothed
from inspect_pipeline.learning.dense_fit import Variant, ridge_of
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.good_ground import GoodGround
from inspect_pipeline.learning.normality import Spectrum, whitening_of
from inspect_pipeline.learning.support_rows import SupportRows, support_rows
from inspect_pipeline.learning.type_directions import weight_along


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """One type: its samples, and its variants by their numbers among these; the first one has all that are taught."""

    supports: tuple[Support, ...]
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TypeFit:
    """A type on a ground, all float32: ``weights`` (v, d) of its variants, ``parts`` (k, d) of its samples.

    ``peaks`` and ``medians`` (n) are the highest and the median smoothed evidence of the first variant on each good
    unit, by the fit without its fold.
    """

    peaks: Tensor
    medians: Tensor
    weights: Tensor
    parts: tuple[Tensor, ...]


TypeFits = Callable[[Sequence[GoodUnit], GoodGround, Sequence[Lesson], DetectorSettings], list[TypeFit]]
"""Gives the fit of each type: ``fit_types``, or one that keeps what it made."""


def fit_types(
    good: Sequence[GoodUnit], ground: GoodGround, lessons: Sequence[Lesson], settings: DetectorSettings
) -> list[TypeFit]:
    """Return the fit of each type on the ground of these good units."""
    works = [_Work.of(lesson, settings) for lesson in lessons]
    peaks, medians = torch.zeros(len(works), len(good)), torch.zeros(len(works), len(good))
    for fold, axes in enumerate(ground.without if works else ()):
        mean, directions = axes.mean.float(), [work.direction(axes) for work in works]
        for i in ground.held_out(fold):
            centred = good[i].patches - mean
            for t, direction in enumerate(directions):
                calm = smoothed(centred @ direction, settings.smoothing_patches)
                peaks[t, i], medians[t, i] = calm.amax(), calm.median()
    finals = [work.final(ground.axes) for work in works]
    return [
        TypeFit(peaks=peaks[t], medians=medians[t], weights=weights, parts=parts)
        for t, (weights, parts) in enumerate(finals)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """A lesson with the rows of its samples, gathered once."""

    lesson: Lesson
    rows: SupportRows
    settings: DetectorSettings

    @classmethod
    def of(cls, lesson: Lesson, settings: DetectorSettings) -> "_Work":
        return cls(lesson=lesson, rows=support_rows(lesson.supports, settings), settings=settings)

    def direction(self, axes: Spectrum) -> Tensor:
        """Return what gives the evidence of centred patches for the first variant, fitted on these axes, (d)."""
        mean, whitening = axes.mean.float(), axes.vectors * axes.lengths
        single = whitening.float()
        parts = self.rows.parts(lambda rows: (rows - mean) @ single, share=self.settings.support_share)
        found = whitening @ self._weight(axes, [part.double() for part in parts], self.lesson.variants[0])
        return found.float()

    def final(self, axes: Spectrum) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the weights (v, d) of all variants in the metric of good material, and the samples' parts in it."""
        parts = self.rows.parts(whitening_of(axes).whiten, share=self.settings.support_share)
        along = [part.double() @ axes.vectors for part in parts]
        weights = [(axes.vectors @ self._weight(axes, along, each)).float() for each in self.lesson.variants]
        return torch.stack(weights), tuple(parts)

    def _weight(self, axes: Spectrum, parts: Sequence[Tensor], variant: Variant) -> Tensor:
        """Return the weight (d) of a variant along the axes from the samples' patches (k, d) there."""
        ridge = ridge_of(variant, self.lesson.supports, self.settings)
        return weight_along(axes, torch.cat([parts[i] for i in variant.supports]), ridge=ridge)
