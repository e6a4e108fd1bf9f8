"""What a teaching is asked for: the promise to the user and the constants of the recipe."""

from dataclasses import dataclass, field

from inspect_pipeline.errors import BadDataError

CLOSED_FORM = "closed_form"
ADAPTATIONS = (CLOSED_FORM, "gradient_head", "residual", "lora", "support_views", "context")
"""What ``DetectorSettings.adaptation`` may name; ``learning/adapters.py`` builds all but the first."""


def checked_adaptation(name: str) -> str:
    """Return the name. Raises BadDataError for one that is no adaptation."""
    if name not in ADAPTATIONS:
        raise BadDataError(f"there is no adaptation {name!r}; name one of {', '.join(ADAPTATIONS)}")
    return name


GAUSSIAN, MEMORY_BANK, BY_CALIBRATION = "gaussian", "memory_bank", "calibrated"
NORMALITIES = (GAUSSIAN, MEMORY_BANK, BY_CALIBRATION)
"""What good material is described by; ``calibrated`` takes the one that parts the samples further from good units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitGrid:
    """The size in px of what is judged as one piece (a solar cell, a metre of strip); None is the whole frame.

    Units are counted from the top left corner of the frame.
    """

    height_px: int | None = None
    width_px: int | None = None

    def __post_init__(self) -> None:
        if (self.height_px is None) != (self.width_px is None):
            raise BadDataError("a unit needs both height and width in px, or neither for the whole frame")
        if self.height_px is not None and self.width_px is not None and min(self.height_px, self.width_px) < 1:
            raise BadDataError(f"a unit of {self.height_px} x {self.width_px} px is empty; give at least 1 x 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """At most this share of good units may alarm, in the mean over teachings (0 < overkill < 1)."""

    overkill: float = 0.05
    unit: UnitGrid = field(default_factory=UnitGrid)

    def __post_init__(self) -> None:
        if not 0.0 < self.overkill < 1.0:
            raise BadDataError(f"an overkill of {self.overkill} cannot be promised; give a share between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """The recipe.

    ``shrinkage`` pulls the normals' covariance towards a multiple of the identity; ``ridge`` and ``ridge_guessed``
    are in multiples of the mean eigenvalue of the class-balanced scatter (guessed regions hold good patches, so they
    are held closer to the plain mean difference); ``smoothing_patches`` is the side of the box mean. Of a region the
    most anomalous ``support_share`` is used, at most ``support_patches`` (``_guessed`` where it was guessed).
    ``anomaly_handicap`` is how many standard deviations of good units the anomaly channel must rise further than a
    type channel at most, so that it spends the smaller part of the promised overkill (``least_handicap``: with good
    units enough to tell it is less where that costs the types nothing; a taught detector's settings hold what it is).
    ``likeness_share`` is the part of its samples' own likeness that a region must have to be named after a type.
    ``adaptation`` is what is tried beyond the closed form (one of ``ADAPTATIONS``), judged in ``adaptation_folds``
    folds and ``adaptation_seconds`` in all, after which the closed form stays.

    ``normality`` is one of ``NORMALITIES``; a memory bank keeps ``bank_patches`` good patches, chosen among
    ``bank_candidates`` drawn ones, of 4 bytes a channel each.

    At most ``typing_regions`` regions of a frame, the strongest, are compared with the samples (the others are named
    by the channels), each from crops in ``typing_views`` of the 8 turns and flips, one of them ``typing_window_px``
    wide, around all that hangs together at ``typing_grown`` times the threshold. ``typing_reach`` is how far beyond its
    samples' own distance a type's name carries at least; history may widen it. A frame that differs from the good ones
    of the teaching by more than ``domain_limit`` standard deviations is not judged (0: every frame is).
    """

    shrinkage: float = 0.03
    ridge: float = 5.0
    ridge_guessed: float = 100.0
    smoothing_patches: int = 4
    support_share: float = 0.5
    support_patches: int = 40
    support_patches_guessed: int = 80
    anomaly_handicap: float = 1.5
    folds: int = 10
    likeness_share: float = 0.5
    two_scales: bool = True
    normality: str = GAUSSIAN
    bank_patches: int = 512
    bank_candidates: int = 8192
    largest_tile_px: int = 1 << 21
    adaptation: str = CLOSED_FORM
    adaptation_folds: int = 3
    adaptation_seconds: float = 300.0
    typing_regions: int = 8
    typing_views: int = 2
    typing_window_px: int = 128
    typing_reach: float = 2.0
    typing_grown: float = 0.5
    domain_limit: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.shrinkage < 1.0 or min(self.ridge, self.ridge_guessed) <= 0.0:
            raise BadDataError("detector: shrinkage must lie between 0 and 1 and ridge above 0")
        if not 0.0 < self.support_share <= 1.0 or min(self.smoothing_patches, self.support_patches) < 1:
            raise BadDataError(
                "detector: support_share must lie in (0, 1], smoothing and support patches be at least 1"
            )
        if self.normality not in NORMALITIES or min(self.bank_patches, self.bank_candidates) < 1:
            raise BadDataError(
                f"detector: a normality {self.normality!r} of {self.bank_patches} patches of {self.bank_candidates} is "
                f"none; name one of {', '.join(NORMALITIES)} and give patches of 1 or more"
            )
        if self.folds < 2 or self.largest_tile_px < 1 << 18:
            raise BadDataError("detector: at least 2 folds and tiles of at least 262144 px are needed")
        checked_adaptation(self.adaptation)
        if self.adaptation_folds < 2 or not self.adaptation_seconds > 0.0:
            raise BadDataError("detector: adaptation_folds must be at least 2 and adaptation_seconds above 0")
        if not 1 <= self.typing_views <= 8 or self.typing_regions < 0 or self.typing_window_px < 16:
            raise BadDataError(
                "detector: typing_views must lie in 1 to 8, typing_regions be 0 or more, typing_window_px 16 or more"
            )
        if not 0.0 < self.typing_grown <= 1.0:
            raise BadDataError(f"detector: typing_grown must lie above 0 and at most at 1, not at {self.typing_grown}")
        if not self.domain_limit >= 0.0:
            raise BadDataError(f"detector: a domain_limit of {self.domain_limit} is none; give 0 (never) or more")
        if self.typing_reach <= 0.0:
            raise BadDataError(f"detector: a typing_reach of {self.typing_reach} names nothing; give one above 0")
