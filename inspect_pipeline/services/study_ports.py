"""What the studies ask of the catalog."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from inspect_pipeline.domain.studies import Judgement, Study


class StudyBook(Protocol):
    """The attribute agreement studies of a transaction."""

    def add(self, study: Study) -> None:
        """Add a study with its items. Raises RefusedError for an id that is there."""
        ...

    def study(self, study: str) -> Study | None:
        """Return the study or None."""
        ...

    def studies(self, *, line: str | None = None) -> list[Study]:
        """Return the studies, newest first."""
        ...

    def close(self, study: str, *, by: str, at: datetime) -> None:
        """Close the study. Raises NotFoundError, or RefusedError for one that is closed."""
        ...

    def add_judgements(self, study: str, judgements: Sequence[Judgement]) -> None:
        """Append answers and the entry of the trail that vouches for them, which does not tell them.

        Raises NotFoundError, and RefusedError when the study is closed or one of them was given before.
        """
        ...

    def judgements(self, study: str, *, appraiser: str | None = None) -> list[Judgement]:
        """Return the answers given in a study, or those of one appraiser, in the order they were given."""
        ...
