"""What a meta-training is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.outer_loop_settings import OuterLoop

EmbeddingName = Literal["descriptors", "conv4", "resnet12"]
"""What a method may see samples through."""


def checked_embedding(name: str) -> EmbeddingName:
    """Return the name when there is such an embedding. Raises BadDataError with the choice."""
    known: tuple[EmbeddingName, ...] = get_args(EmbeddingName)
    for each in known:
        if each == name:
            return each
    raise BadDataError(f"there is no embedding {name!r}; choose one of {', '.join(known)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """The form of the training episodes, the outer loop, and how many images of a class a data folder gives.

    ``options`` are those of the method that is trained; what is not given is as the catalog says. ``embedding`` is what
    the method sees samples through: the frozen backbone's descriptors, or a network trained from a random start on
    images (conv4, resnet12), built with ``network``.
    """

    way: int = 5
    shot: int = 5
    query: int = 8
    images_per_class: int = 60
    outer_loop: OuterLoop = field(default_factory=OuterLoop)
    options: Mapping[str, int | float | str | bool] = field(default_factory=dict)
    embedding: EmbeddingName = "descriptors"
    network: Mapping[str, int | float | str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.network and self.embedding == "descriptors":
            raise BadDataError(f"training: network {dict(self.network)} needs an embedding of conv4 or resnet12")
        if self.way < 2 or min(self.shot, self.query) < 1 or self.images_per_class < self.shot + self.query:
            raise BadDataError(
                f"training: {self.way} ways, {self.shot} shots, {self.query} queries of {self.images_per_class} images "
                "a class cannot be drawn; give at least 2 ways and shot + query images"
            )
