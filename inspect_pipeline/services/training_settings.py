"""What a meta-training is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.outer_loop_settings import OuterLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """The form of the training episodes, the outer loop, and how many images of a class a data folder gives.

    ``options`` are those of the method that is trained; what is not given is as the catalog says.
    """

    way: int = 5
    shot: int = 5
    query: int = 8
    images_per_class: int = 60
    outer_loop: OuterLoop = field(default_factory=OuterLoop)
    options: Mapping[str, int | float | str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.way < 2 or min(self.shot, self.query) < 1 or self.images_per_class < self.shot + self.query:
            raise BadDataError(
                f"training: {self.way} ways, {self.shot} shots, {self.query} queries of {self.images_per_class} images "
                "a class cannot be drawn; give at least 2 ways and shot + query images"
            )
