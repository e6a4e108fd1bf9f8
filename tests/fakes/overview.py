"""Counts over coils in memory, worked out from what the fake unit holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from inspect_pipeline.domain.findings import FrameResult, Verdict
from inspect_pipeline.domain.material import CapturedFrame, Coil
from inspect_pipeline.domain.overview import CoilCounts, FindingColumns, FrameVerdict, GoodFrame, SeenFrame
from inspect_pipeline.domain.records import StageRun

if TYPE_CHECKING:
    from tests.fakes.catalog import InMemoryUnit


class InMemoryOverview:
    """The overview book on the in-memory catalog; ids of findings count verdicts in the order they came."""

    def __init__(self, unit: InMemoryUnit, stages: Sequence[StageRun]) -> None:
        self._unit = unit
        self._stages = stages

    def recipes(self, *, excluding: str) -> list[tuple[str, str]]:
        return sorted({(coil.line, coil.recipe) for coil in self._material(None, excluding)})

    def coil_total(self, *, line: str | None, excluding: str) -> int:
        return len(self._material(line, excluding))

    def coil_page(self, *, line: str | None, excluding: str, offset: int, limit: int) -> list[Coil]:
        return self._material(line, excluding)[::-1][offset : offset + limit]

    def coils_judged_by(self, detector: str, *, line: str, recipe: str, excluding: str) -> list[Coil]:
        coils = [coil for coil in self._material(line, excluding) if coil.recipe == recipe]
        return [coil for coil in coils if detector in self._unit.detectors_of(coil.id)]

    def counts(self, coils: Sequence[Coil], *, detector: str | None = None) -> list[CoilCounts]:
        return [self._counts(coil, detector) for coil in coils]

    def _counts(self, coil: Coil, detector: str | None) -> CoilCounts:
        frames = self._unit.frames(coil.id)
        judge = detector or next(iter(self._unit.detectors_of(coil.id)), None)
        results = [] if judge is None else self._unit.results(coil.id, detector=judge)
        return CoilCounts(
            coil=coil,
            captured=len(frames),
            unusable=sum(not frame.usable for frame in frames),
            end_line=max((f.first_line + f.line_count + f.torn_lines for f in frames), default=0),
            mm_per_line=self._unit.mm_per_line(coil.id),
            detector=judge,
            verdicts=dict(Counter(result.verdict for result in results)),
            findings=sum(len(result.findings) for result in results),
        )

    def verdicts(self, coil: str, *, detector: str) -> list[FrameVerdict]:
        results = self._unit.results(coil, detector=detector)
        return [FrameVerdict(frame=one.frame, verdict=one.verdict, reason=one.reason) for one in results]

    def findings(self, coil: str, *, detector: str, offset: int = 0, limit: int | None = None) -> FindingColumns:
        numbered = [
            (finding, f"{number}-{ordinal}")
            for result in self._unit.results(coil, detector=detector)
            for number in [self._number(result)]
            for ordinal, finding in enumerate(result.findings)
        ]
        ordered = sorted(numbered, key=lambda pair: (pair[0].downweb_m, pair[0].crossweb_mm, pair[1]))
        chosen = ordered[offset : None if limit is None else offset + limit]
        types = sorted({finding.defect_type for finding, _ in chosen})
        return FindingColumns(
            items=tuple(item for _, item in chosen),
            frames=tuple(finding.frame for finding, _ in chosen),
            types=tuple(types),
            type_of=tuple(types.index(finding.defect_type) for finding, _ in chosen),
            life_cycles=tuple(finding.life_cycle.value for finding, _ in chosen),
            downweb_m=tuple(finding.downweb_m for finding, _ in chosen),
            crossweb_mm=tuple(finding.crossweb_mm for finding, _ in chosen),
            width_mm=tuple(finding.width_mm for finding, _ in chosen),
            length_mm=tuple(finding.length_mm for finding, _ in chosen),
            score=tuple(finding.score for finding, _ in chosen),
        )

    def types_found(self, coil: str, *, detector: str) -> list[tuple[str, int]]:
        found = self.findings(coil, detector=detector)
        counted = Counter(found.types[number] for number in found.type_of)
        return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))

    def pareto(self, *, line: str, since: datetime, until: datetime, excluding: str) -> list[tuple[str, int]]:
        counted: Counter[str] = Counter()
        for coil in self._material(line, excluding):
            if since <= coil.created_at < until:
                for judge in self._unit.detectors_of(coil.id)[:1]:
                    found = self.findings(coil.id, detector=judge)
                    counted.update(found.types[number] for number in found.type_of)
        return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))

    def mean_measures(self, coils: Sequence[str], *, measures: Sequence[str]) -> dict[tuple[str, str, str], float]:
        values: dict[tuple[str, str, str], list[float]] = {}
        for coil in coils:
            for frame in self._unit.frames(coil):
                for name in measures:
                    value = None if frame.measures is None else getattr(frame.measures, name)
                    if frame.usable and value is not None:
                        values.setdefault((coil, frame.camera, name), []).append(value)
        return {key: sum(some) / len(some) for key, some in values.items()}

    def good_frames(self, coil: str, *, detector: str, limit: int) -> list[GoodFrame]:
        results = sorted(self._unit.results(coil, detector=detector), key=self._number)
        kept = [one for one in results if one.verdict is Verdict.PASS and one.heatmap is not None]
        chosen = [kept[at * len(kept) // limit] for at in range(limit)] if len(kept) > limit else kept
        return [self._good(one) for one in chosen]

    def _good(self, result: FrameResult) -> GoodFrame:
        frame = self._unit.frame(result.frame)
        assert frame is not None
        return GoodFrame(
            frame=frame.id,
            heatmap=result.heatmap or "",
            width_px=frame.width_px,
            zone_left_px=None if frame.measures is None else frame.measures.zone_left_px,
            zone_right_px=None if frame.measures is None else frame.measures.zone_right_px,
        )

    def latest_frames(self, coil: str, *, detector: str | None, limit: int) -> list[SeenFrame]:
        said = {} if detector is None else {one.frame: one for one in self._unit.results(coil, detector=detector)}
        frames = sorted(self._unit.frames(coil), key=lambda f: (-f.first_line, f.camera, -f.sequence, f.id))
        return [
            SeenFrame(
                frame=frame.id,
                camera=frame.camera,
                source=frame.source,
                first_line=frame.first_line,
                captured_at=frame.captured_at,
                verdict=said[frame.id].verdict if frame.id in said else None,
                reason=frame.reason or (said[frame.id].reason if frame.id in said else None),
                thumbnail=self.thumbnail_of(frame.id),
            )
            for frame in frames[:limit]
        ]

    def first_usable(self, coil: str, *, limit: int) -> list[CapturedFrame]:
        return [frame for frame in self._unit.frames(coil) if frame.usable][:limit]

    def thumbnail_of(self, frame: str) -> str | None:
        found = self._unit.frame(frame)
        return None if found is None or found.measures is None else found.measures.thumbnail

    def images(self, coil: str, *, limit: int) -> list[str]:
        frames = sorted(self._unit.frames(coil), key=lambda frame: (-frame.first_line, frame.camera))
        return [frame.image for frame in frames if frame.image is not None and frame.pruned_at is None][:limit]

    def last_stages(self, stage: str | None, *, model: str | None = None, limit: int) -> list[StageRun]:
        chosen = [run for run in self._stages if stage in (None, run.stage) and model in (None, run.model)]
        return sorted(chosen, key=lambda run: run.started_at)[::-1][:limit]

    def _number(self, result: FrameResult) -> int:
        return list(self._unit._state.results).index((result.frame, result.detector)) + 1

    def _material(self, line: str | None, excluding: str) -> list[Coil]:
        return [coil for coil in self._unit.coils(line=line) if not (excluding and coil.id.startswith(excluding))]
