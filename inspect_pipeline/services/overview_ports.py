"""What pages and the watch ask of the catalog, counted there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.overview import CoilCounts, FindingColumns, FrameVerdict, GoodFrame, SeenFrame
from inspect_pipeline.domain.records import StageRun


class OverviewBook(Protocol):
    """Counts over coils. ``excluding`` is how the names of coils begin that are no material of a line."""

    def recipes(self, *, excluding: str) -> list[tuple[str, str]]:
        """Return every (line, recipe) that has coils, sorted."""
        ...

    def coil_total(self, *, line: str | None, excluding: str) -> int:
        """Return how many coils there are, of a line or of all."""
        ...

    def coil_page(self, *, line: str | None, excluding: str, offset: int, limit: int) -> list[Coil]:
        """Return coils newest first, from behind ``offset`` on."""
        ...

    def coils_judged_by(self, detector: str, *, line: str, recipe: str, excluding: str) -> list[Coil]:
        """Return the coils of a line and recipe that a detector version has a verdict on, oldest first."""
        ...

    def counts(self, coils: Sequence[Coil], *, detector: str | None = None) -> list[CoilCounts]:
        """Return each coil in numbers, in the order given; by ``detector``, or by the one that judged it last."""
        ...

    def verdicts(self, coil: str, *, detector: str) -> list[FrameVerdict]:
        """Return what a detector version said of each frame of a coil, in no order."""
        ...

    def findings(self, coil: str, *, detector: str, offset: int = 0, limit: int | None = None) -> FindingColumns:
        """Return a detector version's findings on a coil by place, head first."""
        ...

    def types_found(self, coil: str, *, detector: str) -> list[tuple[str, int]]:
        """Return (type, findings) of a detector version on a coil, most frequent first, ties by name."""
        ...

    def pareto(self, *, line: str, since: datetime, until: datetime, excluding: str) -> list[tuple[str, int]]:
        """Return (type, findings) over a line's coils that began in ``since <= t < until``, most frequent first.

        Of each coil those of the detector version that judged it last; ties by name.
        """
        ...

    def mean_measures(self, coils: Sequence[str], *, measures: Sequence[str]) -> dict[tuple[str, str, str], float]:
        """Return the mean of each measure over the usable frames, by (coil, camera, measure); unmeasured ones not."""
        ...

    def good_frames(self, coil: str, *, detector: str, limit: int) -> list[GoodFrame]:
        """Return at most ``limit`` frames that passed and kept a heatmap, evenly over the order of their verdicts."""
        ...

    def latest_frames(self, coil: str, *, detector: str | None, limit: int) -> list[SeenFrame]:
        """Return the captures of a coil with the highest first lines, those first."""
        ...

    def first_usable(self, coil: str, *, limit: int) -> list[CapturedFrame]:
        """Return the usable frames of a coil with the lowest first lines, those first."""
        ...

    def thumbnail_of(self, frame: str) -> str | None:
        """Return the address of a frame's thumbnail, None where there is none."""
        ...

    def images(self, coil: str, *, limit: int) -> list[str]:
        """Return addresses of stored images of a coil that retention left, last ones first."""
        ...

    def last_stages(self, stage: str | None, *, model: str | None = None, limit: int) -> list[StageRun]:
        """Return the latest runs of a stage (None: of any), of a model ``name@version`` or of all, newest first."""
        ...
