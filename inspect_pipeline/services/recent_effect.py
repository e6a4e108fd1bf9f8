"""What a new detector would have said of the frames that the line saw last, beside the one in force."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.findings import Verdict, decide
from inspect_pipeline.domain.geometry import StripLeft, strip_left
from inspect_pipeline.domain.material import CapturedFrame, Pixels
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.errors import AlteredError, BadDataError, BadImageError, NotFoundError
from inspect_pipeline.imaging.decode import decode
from inspect_pipeline.learning.dense_features import frame_map
from inspect_pipeline.learning.detector import Detector, ScoreMaps
from inspect_pipeline.learning.fingerprints import trunk_fingerprint
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, ImageStore
from inspect_pipeline.services.scoring import findings_in
from inspect_pipeline.services.teaching_settings import TeachingSettings

_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A frame that the two detectors judge differently."""

    coil: str
    frame: str
    source: str
    before: Verdict
    after: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How verdicts on recent frames change; ``skipped`` says why none was tried, ``note`` what was left out."""

    against: str | None
    frames: int
    changes: tuple[Change, ...]
    skipped: str | None = None
    note: str | None = None

    @property
    def extra_alarms(self) -> int:
        """Frames that passed and no longer do."""
        return sum(one.before is Verdict.PASS for one in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentFrames:
    """Judges a line's newest judged frames by two detectors, each frame described once where they share a backbone."""

    catalog: Catalog
    images: ImageStore
    settings: TeachingSettings
    clock: Clock
    progress: Progress

    def effect(self, line: str, recipe: str, *, champion: tuple[str, Bundle] | None, challenger: Detector) -> Effect:
        """Return the effect of putting the challenger in force. ``champion`` is (``name@version``, its bundle)."""
        if champion is None:
            return _none("no detector is in force to compare with")
        if self.settings.effect_frames == 0:
            return _none("switched off (teaching.effect_frames is 0)", against=champion[0])
        frames = self._newest(line, recipe)
        if not frames:
            return _none("no frame of the line has been judged yet", against=champion[0])
        with self.catalog.transaction() as unit:
            taxonomy = Taxonomy.of(unit.types(line))
        pair = Pair.of(Detector.from_bundle(champion[1]), challenger)
        return self._compared(frames, pair, taxonomy, against=champion[0])

    def _compared(
        self,
        frames: list[tuple[CapturedFrame, StripLeft]],
        pair: "Pair",
        taxonomy: Taxonomy,
        *,
        against: str,
    ) -> Effect:
        started = self.clock()
        changes, judged, gone = [], 0, 0
        for frame, edge in frames:
            if judged and self._overdue(started):
                break
            try:
                pixels = decode(self.images.get(frame.image or ""), name=frame.source)
                both = pair.maps(pixels)
            except (NotFoundError, AlteredError, BadImageError, BadDataError):
                gone += 1
                continue
            before, after = (
                Verdict.UNUSABLE
                if detector.domain_change(pixels, maps) is not None
                else decide(findings_in(frame, maps, detector, pixels=pixels, edge=edge, taxonomy=taxonomy))
                for detector, maps in both
            )
            judged += 1
            if before is not after:
                changes.append(Change(coil=frame.coil, frame=frame.id, source=frame.source, before=before, after=after))
            self.progress("effect on recent frames", judged, len(frames))
        note = _note(asked=len(frames), judged=judged, gone=gone, limit_s=self.settings.effect_s)
        return Effect(against=against, frames=judged, changes=tuple(changes), note=note)

    def _overdue(self, started: datetime) -> bool:
        return (self.clock() - started).total_seconds() >= self.settings.effect_s

    def _newest(self, line: str, recipe: str) -> list[tuple[CapturedFrame, StripLeft]]:
        """Return the newest judged frames of the line that still have an image, newest first."""
        found: list[tuple[CapturedFrame, StripLeft]] = []
        with self.catalog.transaction() as unit:
            coils = [coil.id for coil in reversed(unit.coils(line=line)) if coil.recipe == recipe]
        for coil in coils:
            found += list(self._judged_of(coil))
            if len(found) >= self.settings.effect_frames:
                break
        return found[: self.settings.effect_frames]

    def _judged_of(self, coil: str) -> Iterator[tuple[CapturedFrame, StripLeft]]:
        with self.catalog.transaction() as unit:
            detectors = unit.detectors_of(coil)[:1]
            results = [result for name in detectors for result in unit.results(coil, detector=name)]
            frames = {frame.id: frame for frame in unit.frames(coil)} if results else {}
        edge = strip_left(frames.values())
        for result in reversed(results):
            frame = frames[result.frame]
            if result.verdict is not Verdict.UNUSABLE and frame.image is not None and frame.pruned_at is None:
                yield frame, edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two detectors, and whether one description of a frame serves both."""

    first: Detector
    second: Detector
    one_backbone: bool

    @classmethod
    def of(cls, first: Detector, second: Detector) -> "Pair":
        """Return the pair of two detectors."""
        prints = [
            (
                trunk_fingerprint(one.backbone.name, one.backbone.trunk_state()),
                one.settings.two_scales,
                one.settings.largest_tile_px,
            )
            for one in (first, second)
        ]
        return cls(first=first, second=second, one_backbone=prints[0] == prints[1])

    def maps(self, pixels: Pixels) -> list[tuple[Detector, ScoreMaps]]:
        """Return the score maps of a frame by each."""
        if not self.one_backbone:
            return [(one, one.examine(pixels)) for one in (self.first, self.second)]
        whole = frame_map(self.first.backbone, pixels, self.first.settings)
        return [(one, one.judge(whole)) for one in (self.first, self.second)]


def effect_to(effect: Effect) -> dict[str, Any]:
    """Return the effect as plain JSON, for a manifest; at most the first 50 changed frames are named."""
    flips = Counter(f"{one.before.value}->{one.after.value}" for one in effect.changes)
    extra = rate(effect.extra_alarms, effect.frames)
    return {
        "against": effect.against,
        "frames": effect.frames,
        "flips": dict(sorted(flips.items())),
        "extra_alarms": {"count": extra.count, "of": extra.trials, "interval": [extra.low, extra.high]},
        "changed": [
            {"coil": one.coil, "frame": one.frame, "source": one.source, "before": one.before, "after": one.after}
            for one in effect.changes[:_SHOWN]
        ],
        "skipped": effect.skipped,
        "note": effect.note,
    }


def _none(why: str, *, against: str | None = None) -> Effect:
    return Effect(against=against, frames=0, changes=(), skipped=why)


def _note(*, asked: int, judged: int, gone: int, limit_s: float) -> str | None:
    parts = [f"{gone} of {asked} frames have no image any more, or none that both can judge"] if gone else []
    if judged + gone < asked:
        parts.append(f"{asked - judged - gone} of {asked} frames were left out: {limit_s:g} s were over")
    return "; ".join(parts) or None
