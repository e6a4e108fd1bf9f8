"""How samples are changed in training; without torch, so that settings can be read in a moment."""

from dataclasses import dataclass

from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What is done to the ``supports`` (inner loop), to the ``queries`` (outer loop), or to both; nothing by default.

    ``crop`` is the least share of the area that a random crop keeps (1: no crops). ``brightness`` and ``contrast`` are
    the most that intensities in [0, 1] are moved by, and stretched by about their mean. Sensor noise is that of a pixel
    which holds ``full_well`` electrons at intensity 1 (0: no noise) read out with ``read_noise`` electrons. ``cutout``
    is the side of the blanked square as a share of the image's. ``mixup`` and ``cutmix`` are the alpha of their Beta
    distribution (0: off); with both, each task takes one of them. Queries are mixed across classes and get
    probabilities as labels; supports are mixed within their class, for an adaptation needs whole labels.
    """

    supports: bool = True
    queries: bool = True
    flips: bool = False
    quarter_turns: bool = False
    crop: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    full_well: float = 0.0
    read_noise: float = 0.0
    cutout: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.brightness, self.contrast, self.cutout)
        if not (all(0.0 <= share < 1.0 for share in shares) and 0.0 < self.crop <= 1.0):
            raise BadDataError(
                "augmentation: brightness, contrast and cutout lie from 0 to below 1, crop above 0 up to 1"
            )
        if min(self.full_well, self.read_noise, self.mixup, self.cutmix) < 0.0:
            raise BadDataError("augmentation: full_well, read_noise, mixup and cutmix are 0 or more")
        if self.read_noise > 0.0 and self.full_well == 0.0:
            raise BadDataError(
                "augmentation: read_noise is counted in electrons of a full well; give full_well as well"
            )

    @property
    def of_planes(self) -> bool:
        """Whether anything is done that needs samples with height and width."""
        return self.flips or self.quarter_turns or self.crop < 1.0 or self.cutout > 0.0 or self.cutmix > 0.0

    @property
    def of_intensities(self) -> bool:
        """Whether anything is done that needs intensities in [0, 1]."""
        return max(self.brightness, self.contrast, self.full_well) > 0.0

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed with others."""
        return max(self.mixup, self.cutmix) > 0.0
