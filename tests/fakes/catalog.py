"""The catalog in memory: the same promises as the SQL one, kept by the same contract tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import datetime

from inspect_pipeline.domain.findings import FrameResult
from inspect_pipeline.domain.labels import Label, LabelRole
from inspect_pipeline.domain.material import CapturedFrame, Coil, Gap
from inspect_pipeline.domain.records import Promotion, StageRun
from inspect_pipeline.domain.taxonomy import DefectType
from inspect_pipeline.errors import BadDataError, NotFoundError, StorageError


@dataclass(slots=True, kw_only=True)
class _State:
    coils: dict[str, Coil] = field(default_factory=dict)
    frames: dict[str, CapturedFrame] = field(default_factory=dict)
    gaps: dict[str, list[Gap]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    types: dict[tuple[str, str], DefectType] = field(default_factory=dict)
    results: dict[tuple[str, str], FrameResult] = field(default_factory=dict)
    stages: list[StageRun] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)

    def copied(self) -> "_State":
        return _State(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})


class InMemoryCatalog:
    """A catalog whose transactions work on a copy, kept when the block ends and dropped when it raises."""

    def __init__(self) -> None:
        self._state = _State()

    @contextmanager
    def transaction(self) -> Iterator["InMemoryUnit"]:
        """Yield a unit on a copy of the state."""
        state = self._state.copied()
        yield InMemoryUnit(state)
        self._state = state


class InMemoryUnit:
    """One transaction on the in-memory catalog."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add_coil(self, coil: Coil) -> bool:
        _check_zone(coil.created_at)
        new = coil.id not in self._state.coils
        known = self._state.coils.setdefault(coil.id, coil)
        if known.line != coil.line:
            raise BadDataError(f"coil {coil.id} is one of line {known.line}, not of {coil.line}")
        return new

    def coil(self, coil: str) -> Coil | None:
        return self._state.coils.get(coil)

    def coils(self, *, line: str | None = None) -> list[Coil]:
        chosen = [coil for coil in self._state.coils.values() if line in (None, coil.line)]
        return sorted(chosen, key=lambda coil: (coil.created_at, coil.id))

    def add_frames(self, frames: Sequence[CapturedFrame]) -> int:
        new = 0
        for frame in frames:
            self._check(frame.coil in self._state.coils, f"frame {frame.id} is of a coil that is not there")
            known = self._state.frames.get(frame.id)
            if known is not None and known.coil != frame.coil:
                raise BadDataError(f"frame {frame.id} is one of coil {known.coil}, not of {frame.coil}")
            _check_zone(frame.captured_at)
            _check_text(frame.source)
            new += known is None
            self._state.frames.setdefault(frame.id, frame)
        return new

    def frames(self, coil: str) -> list[CapturedFrame]:
        return sorted((frame for frame in self._state.frames.values() if frame.coil == coil), key=_down_the_web)

    def frame(self, frame: str) -> CapturedFrame | None:
        return self._state.frames.get(frame)

    def replace_gaps(self, coil: str, gaps: Sequence[Gap]) -> None:
        if coil not in self._state.coils:
            raise NotFoundError(f"there is no coil {coil}")
        self._state.gaps[coil] = list(gaps)

    def gaps(self, coil: str) -> list[Gap]:
        return sorted(self._state.gaps.get(coil, []), key=lambda gap: gap.first_line)

    def add_labels(self, labels: Sequence[Label]) -> int:
        new = 0
        for label in labels:
            self._check(label.region.frame in self._state.frames, f"label {label.id} is on no known frame")
            replaces = label.supersedes
            self._check(replaces is None or replaces in self._state.labels, f"label {label.id} replaces no known label")
            _check_zone(label.labelled_at)
            new += label.id not in self._state.labels
            self._state.labels.setdefault(label.id, label)
        return new

    def labels(self, *, line: str | None = None, coil: str | None = None, role: LabelRole | None = None) -> list[Label]:
        return [
            label
            for label in self._state.labels.values()
            if role in (None, label.role)
            and coil in (None, self._coil_of(label).id)
            and line in (None, self._coil_of(label).line)
        ]

    def put_type(self, line: str, defect_type: DefectType) -> None:
        self._state.types[line, defect_type.name] = defect_type

    def types(self, line: str) -> list[DefectType]:
        return sorted((kind for (of, _), kind in self._state.types.items() if of == line), key=lambda kind: kind.name)

    def add_results(self, coil: str, results: Sequence[FrameResult]) -> int:
        new = 0
        for result in results:
            if any(finding.frame != result.frame for finding in result.findings):
                raise BadDataError(f"a finding of another frame stands in the verdict on frame {result.frame}")
            frame = self._state.frames.get(result.frame)
            self._check(frame is not None and frame.coil == coil, f"frame {result.frame} is none of coil {coil}")
            new += (result.frame, result.detector) not in self._state.results
            self._state.results.setdefault((result.frame, result.detector), result)
        return new

    def results(self, coil: str, *, detector: str) -> list[FrameResult]:
        found = (self._state.results.get((frame.id, detector)) for frame in self.frames(coil))
        return [result for result in found if result is not None]

    def detectors_of(self, coil: str) -> list[str]:
        inside = [detector for frame, detector in self._state.results if self._state.frames[frame].coil == coil]
        return list(dict.fromkeys(reversed(inside)))

    def add_stage(self, run: StageRun) -> None:
        self._check(run.coil is None or run.coil in self._state.coils, f"stage {run.stage} is of no known coil")
        _check_zone(run.started_at)
        self._state.stages.append(run)

    def stages(self, *, coil: str | None = None) -> list[StageRun]:
        return sorted((run for run in self._state.stages if coil in (None, run.coil)), key=lambda run: run.started_at)

    def add_promotion(self, promotion: Promotion) -> None:
        _check_zone(promotion.at)
        self._state.promotions.append(promotion)

    def promotions(self, model: str) -> list[Promotion]:
        return [promotion for promotion in self._state.promotions if promotion.model == model]

    def _coil_of(self, label: Label) -> Coil:
        return self._state.coils[self._state.frames[label.region.frame].coil]

    @staticmethod
    def _check(holds: bool, message: str) -> None:
        if not holds:
            raise StorageError(f"the catalog refused rows that do not belong together: {message}")


def _down_the_web(frame: CapturedFrame) -> tuple[int, str, int, str]:
    return (frame.first_line, frame.camera, frame.sequence, frame.id)


def _check_zone(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise BadDataError(f"time {moment.isoformat()} has no time zone; give UTC")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadDataError(f"text {text!a} is no Unicode and cannot be stored; rename the file") from None
