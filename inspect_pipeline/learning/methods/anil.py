"""Almost no inner loop (ANIL: Raghu, Raghu, Bengio, Vinyals 2020): only the linear head is stepped."""

from collections.abc import Mapping
from typing import ClassVar

from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.methods.maml import MAML


class ANIL(MAML):
    """MAML that leaves the embedding as it is; its descriptors are computed once, and all tasks go in one batch."""

    __slots__ = ()
    settled: ClassVar[Mapping[str, Option]] = {"stepped": ""}
