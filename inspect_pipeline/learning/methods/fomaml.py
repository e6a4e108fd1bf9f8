"""First-order MAML (Finn, Abbeel, Levine 2017): the gradient at the adapted point is taken for that at the start."""

from collections.abc import Mapping
from typing import ClassVar

from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.methods.maml import MAML


class FOMAML(MAML):
    """MAML whose steps are constants of the outer loop: a third of the work, most of the gain."""

    __slots__ = ()
    settled: ClassVar[Mapping[str, Option]] = {"order": 1}
