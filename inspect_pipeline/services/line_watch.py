"""Gathers what the watch looks at of a line: counts by the detector in force, scores of good frames, measures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from inspect_pipeline.domain.drift import WATCHED_MEASURES, CoilSeen, Drift, WatchRules, watch
from inspect_pipeline.domain.findings import HEATMAP_STEPS, Verdict
from inspect_pipeline.domain.overview import CoilCounts, GoodFrame
from inspect_pipeline.domain.records import StageRun
from inspect_pipeline.errors import AlteredError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.services.ports import Catalog, ImageStore

REFERENCE = "monitor reference"
"""The stage that keeps the scores of a detector's reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWatch:
    """Reads coils for the watch; ``excluding`` is how coils begin that are no material of the line."""

    catalog: Catalog
    images: ImageStore
    rules: WatchRules
    excluding: str

    def drift(self, line: str, recipe: str, detector: str, *, rng: np.random.Generator) -> Drift:
        """Return the drift of a line under a detector ``name@version``; coils not judged whole wait."""
        coils, notes = self.coils(line, recipe, detector)
        found = watch(coils, rules=self.rules, rng=rng)
        return replace(found, not_watched=(*found.not_watched, *notes))

    def coils(self, line: str, recipe: str, detector: str) -> tuple[list[CoilSeen], list[str]]:
        """Return the coils of the reference and the newest ones, oldest first, and what could not be looked at."""
        rules = self.rules
        with self.catalog.transaction() as unit:
            book = unit.overview
            every = book.coils_judged_by(detector, line=line, recipe=recipe, excluding=self.excluding)
            most = rules.reference_coils + rules.most_coils
            chosen = every if len(every) <= most else [*every[: rules.reference_coils], *every[-rules.most_coils :]]
            counted = book.counts(chosen, detector=detector)
            whole = [one for one in counted if one.complete]
            ids = [one.coil.id for one in whole]
            measures = book.mean_measures(ids, measures=WATCHED_MEASURES)
            kept = _kept_scores(book.last_stages(REFERENCE, model=detector, limit=1))
            good = {
                one: book.good_frames(one, detector=detector, limit=rules.frames_a_coil)
                for one in ids
                if one not in kept
            }
        by_coil: dict[str, dict[tuple[str, str], float]] = {one: {} for one in ids}
        for (coil, camera, name), value in measures.items():
            by_coil[coil][camera, name] = value
        scores = {coil: self._scores(frames) for coil, frames in good.items()}
        seen = [
            coil_seen(
                one,
                scores=kept[one.coil.id] if one.coil.id in kept else scores[one.coil.id][0],
                measures=by_coil[one.coil.id],
            )
            for one in whole
        ]
        return seen, _notes(
            [one.coil.id for one in counted if not one.complete], sum(lost for _, lost in scores.values())
        )

    def keep_reference(self, line: str, recipe: str, detector: str, *, at: datetime) -> bool:
        """Keep the scores of the reference once it is whole, so that no retention takes it away; whether it was new."""
        with self.catalog.transaction() as unit:
            if unit.overview.last_stages(REFERENCE, model=detector, limit=1):
                return False
        coils = self.coils(line, recipe, detector)[0][: self.rules.reference_coils]
        if len(coils) < self.rules.reference_coils:
            return False
        scores = json.dumps({one.coil: list(one.good_scores) for one in coils})
        with self.catalog.transaction() as unit:
            unit.add_stage(
                StageRun(stage=REFERENCE, started_at=at, seconds=0.0, model=detector, detail={"scores": scores})
            )
        return True

    def _scores(self, frames: Sequence[GoodFrame]) -> tuple[tuple[float, ...], int]:
        """Return the highest score on the strip of each frame, and how many heatmaps are gone or damaged."""
        scores, lost = [], 0
        for frame in frames:
            try:
                heatmap = decode(self.images.get(frame.heatmap), name=f"heatmap of {frame.frame}")
            except (NotFoundError, AlteredError, BadImageError):
                lost += 1
                continue
            scale = heatmap.shape[1] / frame.width_px
            left = 0 if frame.zone_left_px is None else int(np.ceil(frame.zone_left_px * scale))
            right = heatmap.shape[1] if frame.zone_right_px is None else int(frame.zone_right_px * scale)
            if right > left:
                scores.append(float(heatmap[:, left:right].max()) / HEATMAP_STEPS)
        return tuple(scores), lost


def _kept_scores(runs: Sequence[StageRun]) -> dict[str, tuple[float, ...]]:
    return {coil: tuple(values) for run in runs for coil, values in json.loads(str(run.detail["scores"])).items()}


def _notes(waiting: Sequence[str], lost: int) -> list[str]:
    notes = []
    if waiting:
        notes.append(f"{len(waiting)} coils are not judged whole yet ({waiting[0]} is the first); they wait")
    if lost:
        notes.append(f"{lost} heatmaps of good frames are gone or damaged; see 'doctor' and the image store")
    return notes


def coil_seen(counts: CoilCounts, *, scores: tuple[float, ...], measures: dict[tuple[str, str], float]) -> CoilSeen:
    """Return what the watch knows of a coil."""
    return CoilSeen(
        coil=counts.coil.id,
        captured=counts.captured,
        unusable=counts.verdicts.get(Verdict.UNUSABLE, 0),
        judged=counts.judged,
        alarmed=counts.alarmed,
        unknown=counts.verdicts.get(Verdict.UNKNOWN, 0),
        good_scores=scores,
        measures=measures,
    )
