"""Whether a frame still shows what a detector was calibrated on: brightness, contrast, sharpness, and its texture.

A frame of another domain gets scores that mean nothing. The reference are the good frames of the teaching; a frame is
told by how many of their standard deviations it lies away. A defect, however loud, is no other domain: the first three
are medians over the blocks of a frame, and texture is how far its most normal tenth of patches is from good material,
which rises only where nothing in the frame is as it was. Floors under the spread keep lines whose frames are all alike
from being told apart by what no detector minds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.learning.examples import GoodUnit
from inspect_pipeline.learning.looks import Look, look_at

FEWEST_FRAMES = 20
"""A spread of fewer frames says nothing of one frame in a thousand."""

_MEASURES = ("brightness", "contrast", "sharpness", "texture")
_TOGETHER = "brightness, contrast and sharpness together"
_FLOORS = (0.05, 0.05, 0.1, 0.1)
"""Standard deviations of the logarithms that are always granted: 5% in brightness and contrast, 10% in the others."""

_SMALLEST = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainReference:
    """Good frames as numbers: mean and standard deviation of four logarithms.

    The four are brightness, contrast, sharpness (``looks.Look``) and texture (``quiet_of`` its raw anomaly).
    ``precision`` (3, 3) is the inverse covariance of the first three, for combinations that none of them shows.
    ``block_px`` is what looks are taken in.
    """

    frames: int
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    block_px: tuple[int, int]

    def change(self, pixels: Pixels, quiet: float, *, limit: float) -> str | None:
        """Return what is no longer as in the good frames of the teaching, in one line; None where all of it is.

        ``quiet`` is ``quiet_of`` the frame's raw anomaly; a frame differs from ``limit`` standard deviations on.
        """
        far = self.distances(pixels, quiet)
        off = {name: value for name, value in far.items() if value > limit}
        if not off:
            return None
        alone = {name: value for name, value in off.items() if name != _TOGETHER}
        told = ", ".join(f"{name} {value:.1f}" for name, value in (alone or off).items())
        return (
            f"domain changed: {told} standard deviations from the {self.frames} good frames this detector was "
            f"calibrated on (limit {limit:g}); mend the camera, or calibrate anew"
        )

    def distances(self, pixels: Pixels, quiet: float) -> dict[str, float]:
        """Return how far the frame lies off, in standard deviations of a further good frame, by what is measured.

        Texture and sharpness count one way: nothing is wrong with a frame that is more normal than others, and no
        optics get sharper by themselves.
        """
        found = np.array([*_logs(look_at(pixels, self.block_px)), math.log(max(quiet, _SMALLEST))])
        away = found - np.array(self.centre)
        away[2] = min(away[2], 0.0)
        far = dict(zip(_MEASURES, (np.abs(away) / np.array(self.spread)).tolist(), strict=True))
        far[_MEASURES[3]] = float(away[3] / self.spread[3])
        looks = away[:3]
        return far | {_TOGETHER: float(np.sqrt(looks @ np.array(self.precision) @ looks / len(looks)))}

    def fields(self) -> dict[str, Any]:
        """Return what goes into a manifest."""
        return asdict(self)

    @classmethod
    def restored(cls, fields: Mapping[str, Any]) -> "DomainReference":
        """Return the reference that ``fields`` gave. Raises KeyError, TypeError or ValueError for anything else."""
        down, across = fields["block_px"]
        return cls(
            frames=int(fields["frames"]),
            centre=tuple(float(value) for value in fields["centre"]),
            spread=tuple(float(value) for value in fields["spread"]),
            precision=tuple(tuple(float(value) for value in row) for row in fields["precision"]),
            block_px=(int(down), int(across)),
        )


def reference_of(good: Sequence[GoodUnit], quiet: Floats) -> DomainReference | None:
    """Return the reference of the frames that hold these good units, None for fewer than 20 or where none was seen.

    ``quiet`` (n) is ``quiet_of`` each unit by a fit that has not seen it, as a new frame will be judged.
    """
    by_frame: dict[int, list[list[float]]] = {}
    for unit, calm in zip(good, quiet, strict=True):
        if unit.look is not None:
            numbers_of_unit = [*_logs(unit.look), math.log(max(float(calm), _SMALLEST))]
            by_frame.setdefault(unit.frame, []).append(numbers_of_unit)
    count = len(by_frame)
    if count < FEWEST_FRAMES:
        return None
    numbers = np.array([np.median(units, axis=0) for units in by_frame.values()])
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
    )


def _logs(look: Look) -> list[float]:
    return [math.log(max(value, _SMALLEST)) for value in (look.mean, look.contrast, look.focus)]
