"""Which description of good material fits a line: the one that parts its samples further from good units left out.

A Gaussian describes one surface in all directions, a memory bank several surfaces side by side; neither is better
everywhere (normality alone, image AUROC over 3 draws: kolektor_sdd 0.66 and 0.75, ac_piston 0.93 and 0.89).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from inspect_pipeline.learning.dense_fit import Fit, fit
from inspect_pipeline.learning.detector_settings import BY_CALIBRATION, GAUSSIAN, MEMORY_BANK, DetectorSettings
from inspect_pipeline.learning.examples import GoodUnit, Patches
from inspect_pipeline.learning.folds import folds
from inspect_pipeline.learning.normality import moments, summed

_FEWEST_GOOD = 8


def chosen_normality(patches: Patches, settings: DetectorSettings, *, seed: int) -> DetectorSettings:
    """Return the settings with the normality decided where they leave it to calibration.

    Half of the good units (whole leakage groups) gives either description; the other half and all samples are scored.
    The larger mean distance of samples from good units, in standard deviations of these, wins; the Gaussian does where
    there are no samples or fewer than 8 good units.
    """
    if settings.normality != BY_CALIBRATION:
        return settings
    plain = replace(settings, normality=GAUSSIAN)
    if not patches.supports or len(patches.good) < _FEWEST_GOOD:
        return plain
    fold_of = folds(patches.good, count=2, generator=np.random.default_rng(seed))
    fitted = [unit for unit, fold in zip(patches.good, fold_of, strict=True) if fold == 0]
    judged = [unit for unit, fold in zip(patches.good, fold_of, strict=True) if fold != 0]
    options = [plain, replace(settings, normality=MEMORY_BANK)]
    return max(options, key=lambda option: _parted(fitted, judged, patches, option))


def _parted(
    fitted: Sequence[GoodUnit], judged: Sequence[GoodUnit], patches: Patches, settings: DetectorSettings
) -> float:
    """Return how far samples score above good units, in standard deviations of the good units."""
    described = fit(summed(moments(unit.patches) for unit in fitted), (), (), settings=settings, units=fitted)
    good = np.array([_highest(described, unit.patches, settings) for unit in judged])
    bad = np.array([_highest(described, support.patches, settings) for support in patches.supports])
    return float((bad.mean() - good.mean()) / max(float(good.std()), 1e-6))


def _highest(described: Fit, patches: Tensor, settings: DetectorSettings) -> float:
    return float(described.maps(patches, settings.smoothing_patches)[0].max())
