"""What history knows of how a defect differs from good material: a Gaussian prior of the class difference.

The empirical Bayes estimate of a mean with a conjugate prior (Lindley and Smith, J. R. Stat. Soc. B 34, 1972): with
few samples the difference is pulled towards directions in which defects of other materials differed from good ones.
All in the symmetric whitening of good patches, which keeps the channels in place from material to material.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from inspect_pipeline.errors import WeightsError
from inspect_pipeline.learning.weight_files import checked_tensors

_COVARIANCE, _SCATTER, _STRENGTH = "difference_covariance", "difference_scatter", "difference_strength"
NAMES = (_COVARIANCE, _SCATTER, _STRENGTH)
"""The names of a prior's tensors in an initialization's dense part."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DifferencePrior:
    """How differences of defect types lie (``covariance``) and how samples of one type scatter (``scatter``).

    Both are float64 (d, d), positive definite, of mean diagonal 1. ``strength`` (> 0) is the weight of the scatter for
    one sample whose patches deviate from each other as much as from good material.
    """

    covariance: Tensor
    scatter: Tensor
    strength: float

    def posterior(self, difference: Tensor, *, spread: float, samples: int) -> Tensor:
        """Return the expected difference (d, float64) of a type whose ``samples`` differ from good by ``difference``.

        ``spread`` is the patches' mean square deviation from each other over the square of the difference: samples that
        agree are believed, samples that do not are pulled towards history. With more samples it tends to
        ``difference``.
        """
        noise = (self.strength * spread / samples) * self.scatter
        found: Tensor = self.covariance @ torch.linalg.solve(self.covariance + noise, difference)
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Return the prior as float32 tensors for ``Initialization.dense``."""
        return {
            _COVARIANCE: self.covariance.float().contiguous(),
            _SCATTER: self.scatter.float().contiguous(),
            _STRENGTH: torch.tensor(self.strength, dtype=torch.float32),
        }


def difference_prior(dense: Mapping[str, Tensor]) -> DifferencePrior | None:
    """Return the prior in an initialization's dense part; None where the head was left frozen.

    Raises WeightsError for a part that is incomplete, of another shape, or not finite.
    """
    given = {name: dense[name] for name in NAMES if name in dense}
    if not given:
        return None
    side = len(given.get(_COVARIANCE, torch.zeros(0)))
    like = {_COVARIANCE: torch.zeros(side, side), _SCATTER: torch.zeros(side, side), _STRENGTH: torch.zeros(())}
    checked = checked_tensors(given, like, what="the dense prior")
    strength = float(checked[_STRENGTH])
    if not all(bool(torch.isfinite(tensor).all()) for tensor in checked.values()) or strength <= 0.0:
        raise WeightsError(f"the dense prior (strength {strength}) holds no usable numbers; train it again")
    return DifferencePrior(
        covariance=checked[_COVARIANCE].double(), scatter=checked[_SCATTER].double(), strength=strength
    )
