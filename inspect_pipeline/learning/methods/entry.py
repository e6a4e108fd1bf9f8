"""What the catalog says of a method: how it is built, what it learns from, its options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from inspect_pipeline.learning.embedding import Embedding, Option
from inspect_pipeline.learning.method import Method

Learned = Literal["episodes", "batches", "nothing"]
"""What a method learns from: episodes of the outer loop, labelled batches of all types at once, or nothing (frozen)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodEntry:
    """A method that can be named. ``build`` is given every option, those not asked for from ``defaults``."""

    paper: str
    build: Callable[[Embedding, Mapping[str, Option]], Method]
    learned: Learned = "episodes"
    defaults: Mapping[str, Option] = field(default_factory=dict)
