"""The types fitted on a ground of good material, without prior and shaping: ``dense_fit.fit`` to rounding, but quick.

Along the axes of good material a type has as many equations as patches (``type_directions``), and all samples are
whitened at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.learning.dense_features import smoothed
from inspect_pipeline.learning.dense_fit import Fit, Variant, ridge_of
from inspect_pipeline.learning.dense_head import Direction
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.examples import Support
from inspect_pipeline.learning.memory_bank import MemoryBank
from inspect_pipeline.learning.normality import Spectrum, whitening_of
from inspect_pipeline.learning.support_rows import SupportRows
from inspect_pipeline.learning.type_directions import weight_along


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuickFits:
    """Fits the samples against any good material. ``rows`` are their patches, gathered once."""

    supports: Sequence[Support]
    rows: SupportRows
    settings: DetectorSettings

    def whole(self, axes: Spectrum, variants: Sequence[Variant], *, bank: MemoryBank | None) -> Fit:
        """Return the fit of every variant on good units of these axes, with their bank where there is one."""
        normality = whitening_of(axes)
        parts = self.rows.parts(normality.whiten, share=self.settings.support_share)
        weights = self._weights(axes, [part.double() @ axes.vectors for part in parts], variants)
        directions = tuple(Direction(weight=(axes.vectors @ weight).float(), bias=0.0) for weight in weights)
        return Fit(normality=normality, directions=directions, bank=bank, parts=tuple(parts))

    def planes(self, axes: Spectrum, variants: Sequence[Variant]) -> Callable[[Tensor], Tensor]:
        """Return what maps patches (h, w, d) to the smoothed evidence (t, h, w) of every variant, fitted on these axes.

        At least one variant is needed.
        """
        mean, whitening = axes.mean.float(), axes.vectors * axes.lengths
        single = whitening.float()
        parts = self.rows.parts(lambda rows: (rows - mean) @ single, share=self.settings.support_share)
        weights = self._weights(axes, [part.double() for part in parts], variants)
        directions = (whitening @ torch.stack(weights, dim=1)).float()
        side = self.settings.smoothing_patches
        return lambda patches: smoothed(((patches - mean) @ directions).permute(2, 0, 1), side)

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
