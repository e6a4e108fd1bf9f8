"""Whether a frame still shows what a detector was calibrated on: brightness, contrast, sharpness, and its patches.

A frame of another domain gets scores that mean nothing. The reference are the good frames of the teaching; a frame is
told by how many of their standard deviations it lies away. All of it is taken from medians over the frame, so that a
defect, however loud, does not make its frame another domain. Floors under the spread keep lines whose frames are all
alike from being told apart by what no detector minds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, stack

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.looks import Look, look_at
from inspect_pipeline.learning.normality import Normality

FEWEST_FRAMES = 20
"""A spread of fewer frames says nothing of one frame in a thousand."""

_MEASURES = ("brightness", "contrast", "sharpness", "texture")
_FLOORS = (0.05, 0.05, 0.1, 0.1)
"""Standard deviations of the logarithms that are always granted: 5% in brightness and contrast, 10% in the others."""

_SMALLEST = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DomainReference:
    """Good frames as numbers: mean and standard deviation of four logarithms, and the mean of their median patches.

    The four are brightness, contrast, sharpness (``looks.Look``) and texture, which is the distance of a frame's median
    patch from ``patch`` (d) in the metric of good material. ``precision`` (3, 3) is the inverse covariance of the first
    three, for combinations that none of them shows. ``block_px`` is what looks are taken in.
    """

    frames: int
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    block_px: tuple[int, int]
    patch: Tensor

    def change(self, pixels: Pixels, patches: Tensor, normality: Normality, *, limit: float) -> str | None:
        """Return what is no longer as in the good frames of the teaching, in one line; None where all of it is.

        ``patches`` (h, w, d) describe the frame; a frame differs from ``limit`` standard deviations on.
        """
        far = self.distances(pixels, patches, normality)
        name, worst = max(far.items(), key=lambda item: item[1])
        if not worst > limit:
            return None
        return (
            f"domain changed: {name} lies {worst:.1f} standard deviations from that of the {self.frames} good frames "
            f"this detector was calibrated on, at most {limit:g} is its domain; mend the camera, or calibrate anew"
        )

    def distances(self, pixels: Pixels, patches: Tensor, normality: Normality) -> dict[str, float]:
        """Return how far the frame lies off, in standard deviations of a further good frame, by what is measured.

        Texture counts one way: nothing is wrong with a frame that is nearer to the middle than others.
        """
        shift = _length(median_patch(patches) - self.patch, normality)
        found = np.array([*_logs(look_at(pixels, self.block_px)), math.log(max(shift, _SMALLEST))])
        off = (found - np.array(self.centre)) / np.array(self.spread)
        far = {name: float(abs(value)) for name, value in zip(_MEASURES[:3], off, strict=False)}
        away = found[:3] - np.array(self.centre[:3])
        together = float(np.sqrt(away @ np.array(self.precision) @ away / len(away)))
        return far | {_MEASURES[3]: float(off[3]), "brightness, contrast and sharpness together": together}

    def fields(self) -> dict[str, Any]:
        """Return what goes into a manifest; the patch is a tensor beside it."""
        return {name: value for name, value in asdict(self).items() if name != "patch"}

    @classmethod
    def restored(cls, fields: Mapping[str, Any], patch: Tensor) -> "DomainReference":
        """Return the reference that ``fields`` gave. Raises KeyError, TypeError or ValueError for anything else."""
        down, across = fields["block_px"]
        return cls(
            frames=int(fields["frames"]),
            centre=tuple(float(value) for value in fields["centre"]),
            spread=tuple(float(value) for value in fields["spread"]),
            precision=tuple(tuple(float(value) for value in row) for row in fields["precision"]),
            block_px=(int(down), int(across)),
            patch=patch,
        )


def reference_of(good: Sequence[GoodUnit], normality: Normality) -> DomainReference | None:
    """Return the reference of the frames that hold these good units, None for fewer than 20 or where none was seen.

    Each frame's distance is from the mean of the others, as that of a new frame will be.
    """
    by_frame: dict[int, list[GoodUnit]] = {}
    for unit in good:
        if unit.look is not None:
            by_frame.setdefault(unit.frame, []).append(unit)
    if len(by_frame) < FEWEST_FRAMES:
        return None
    patches = stack([_of_frame(units) for units in by_frame.values()])
    count = len(patches)
    mean = patches.mean(dim=0)
    shifts = [_length((patch - mean) * (count / (count - 1)), normality) for patch in patches]
    looks = [np.median([_logs(unit.look) for unit in units if unit.look], axis=0) for units in by_frame.values()]
    numbers = np.column_stack([np.array(looks), np.log(np.maximum(shifts, _SMALLEST))])
    floors = np.array(_FLOORS)
    wider = 1.0 + 1.0 / count  # the middle itself is known from as many frames only
    covariance = (np.cov(numbers[:, :3].T) + np.diag(floors[:3] ** 2)) * wider
    blocks = np.array([(u.look.block_height_px, u.look.block_width_px) for u in good if u.look is not None])
    down, across = np.median(blocks, axis=0)
    return DomainReference(
        frames=count,
        centre=tuple(float(value) for value in numbers.mean(axis=0)),
        spread=tuple(float(v) for v in np.sqrt((numbers.var(axis=0, ddof=1) + floors**2) * wider)),
        precision=tuple(tuple(float(v) for v in row) for row in np.linalg.inv(covariance)),
        block_px=(int(down), int(across)),
        patch=mean,
    )


def median_patch(patches: Tensor) -> Tensor:
    """Return the median of each number over the patches (..., d), float32 (d)."""
    return patches.reshape(-1, patches.shape[-1]).median(dim=0).values


def _of_frame(units: Sequence[GoodUnit]) -> Tensor:
    return stack([median_patch(unit.patches) for unit in units]).mean(dim=0)


def _length(difference: Tensor, normality: Normality) -> float:
    return float((difference.double() @ normality.whitening.double().T).norm())


def _logs(look: Look | None) -> list[float]:
    if look is None:
        return []
    return [math.log(max(value, _SMALLEST)) for value in (look.mean, look.contrast, look.focus)]
