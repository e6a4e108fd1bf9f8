"""What a teaching looks at beside its samples."""

from dataclasses import dataclass

from inspect_pipeline.errors import BadDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachingSettings:
    """How many of the line's newest judged frames the new detector is tried on, and for how long at most.

    ``effect_frames`` 0 tries none. After ``effect_s`` seconds the trial ends with the frames judged so far.
    """

    effect_frames: int = 50
    effect_s: float = 60.0

    def __post_init__(self) -> None:
        if self.effect_frames < 0 or not self.effect_s > 0.0:
            raise BadDataError(
                f"teaching: {self.effect_frames} recent frames in {self.effect_s} s cannot be; give 0 or more frames "
                "and more than 0 seconds"
            )
