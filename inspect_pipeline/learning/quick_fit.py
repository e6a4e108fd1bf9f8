"""The fits of a teaching without prior and shaping: those of ``dense_fit.fit`` to rounding, in a fraction of the time.

Along the axes of good material a type has as many equations as patches (``type_directions``), all samples are whitened
at once, and good units are scored by a triangle (``fold_fit``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.learning.dense_fit import Fit, Variant, bank_of, ridge_of
from inspect_pipeline.learning.dense_head import Direction
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import GoodUnit, Support
from inspect_pipeline.learning.fold_fit import FoldFit, fold_fit
from inspect_pipeline.learning.normality import Moments, Spectrum, spectrum, whitening_of
from inspect_pipeline.learning.support_rows import SupportRows, support_rows
from inspect_pipeline.learning.type_directions import weight_along


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuickFits:
    """Fits the samples against any good material. ``rows`` are their patches, gathered once."""

    supports: Sequence[Support]
    rows: SupportRows
    settings: DetectorSettings

    def whole(self, good: Moments, variants: Sequence[Variant], units: Sequence[GoodUnit]) -> Fit:
        """Return the fit of every variant on the good units, which ``good`` sums up."""
        axes = spectrum(good, shrinkage=self.settings.shrinkage)
        normality = whitening_of(axes)
        parts = self.rows.parts(normality.whiten, share=self.settings.support_share)
        weights = self._weights(axes, [part.double() @ axes.vectors for part in parts], variants)
        directions = tuple(Direction(weight=(axes.vectors @ weight).float(), bias=0.0) for weight in weights)
        return Fit(normality=normality, directions=directions, bank=bank_of(units, self.settings), parts=tuple(parts))

    def fold(self, good: Moments, variants: Sequence[Variant], units: Sequence[GoodUnit]) -> FoldFit:
        """Return the fit of every variant in the form for scoring the good units that are not in ``units``."""
        axes = spectrum(good, shrinkage=self.settings.shrinkage)
        mean, whitening = axes.mean.float(), (axes.vectors * axes.lengths).float()
        parts = self.rows.parts(lambda rows: (rows - mean) @ whitening, share=self.settings.support_share)
        weights = self._weights(axes, [part.double() for part in parts], variants)
        return fold_fit(axes, weights, bank=bank_of(units, self.settings))

    def _weights(self, axes: Spectrum, parts: Sequence[Tensor], variants: Sequence[Variant]) -> list[Tensor]:
        """Return the weight (d) of every variant along the axes from the samples' patches (k, d) there."""
        return [
            weight_along(
                axes,
                torch.cat([parts[i] for i in variant.supports]),
                ridge=ridge_of(variant, self.supports, self.settings),
            )
            for variant in variants
        ]


def quick_fits(supports: Sequence[Support], settings: DetectorSettings) -> QuickFits:
    """Return what fits these samples quickly."""
    return QuickFits(supports=supports, rows=support_rows(supports, settings), settings=settings)
