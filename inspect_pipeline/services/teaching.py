"""Teaching: the supports and known-good regions of a line become a detector, registered as challenger."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from inspect_pipeline.domain.bundle import Bundle, detector_name, initialization_name
from inspect_pipeline.domain.checks import Check, Severity, checks_to
from inspect_pipeline.domain.gate import Evidence, TypeEvidence, evidence_to
from inspect_pipeline.domain.labels import Label, LabelRole, in_force
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle, TypeMove, life_cycle_for
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adapted_teaching import teach_adapted
from inspect_pipeline.learning.detector import Detector
from inspect_pipeline.learning.detector_settings import CLOSED_FORM, DetectorSettings, Promise
from inspect_pipeline.learning.difference_prior import difference_prior
from inspect_pipeline.learning.initialization import from_bundle
from inspect_pipeline.learning.region_metric import region_prior
from inspect_pipeline.learning.teaching import Taught, teach_patches
from inspect_pipeline.services.described import Describing, LabelledFrame
from inspect_pipeline.services.examples import frame_regions, frames_with_labels
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION
from inspect_pipeline.services.kept_work import stored_work
from inspect_pipeline.services.naming import Taxonomy
from inspect_pipeline.services.ports import Catalog, CatalogUnit, FeatureStore, ImageStore, ModelRegistry
from inspect_pipeline.services.recent_effect import RecentFrames, effect_to
from inspect_pipeline.services.sample_checks import check_left_out, check_samples
from inspect_pipeline.services.teaching_settings import TeachingSettings

INPUT_TAG = "input"
TEACHER = "teach"
"""Who moves a type between candidate and provisional: the evidence, not a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachSummary:
    """What one teaching gave; ``new`` is False when the same labels had been taught before.

    ``checks`` are records (kind, severity, labels, message), ``warnings`` their messages. ``against_champion`` is what
    the new types cost each type of the detector in force, ``effect`` what changes on recent frames. ``adaptation``
    tells whether something beyond the closed form was tried, whether it was taken, and on what evidence.
    """

    model: str
    version: str
    new: bool
    initialization: str
    life_cycles: Mapping[str, str]
    leave_one_out: Mapping[str, Mapping[str, Any]]
    confusions: Mapping[str, Mapping[str, int]]
    forgetting: Mapping[str, float]
    warnings: tuple[str, ...]
    normals: int
    overkill: Mapping[str, Any]
    seconds: float
    checks: tuple[Mapping[str, Any], ...] = ()
    against_champion: Mapping[str, Mapping[str, Any]] | None = None
    effect: Mapping[str, Any] | None = None
    adaptation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """What a line teaches: the labels in force that lie on usable frames, and what is to be said of them."""

    labels: list[Label]
    frames: list[LabelledFrame]
    checks: list[Check]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """The teaching use case with the adapters it needs."""

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    features: FeatureStore
    settings: DetectorSettings
    promise: Promise
    options: TeachingSettings
    clock: Clock
    progress: Progress
    revision: str

    def adapt(self, line: str, recipe: str, *, initialization: str = "default", seed: int = 0) -> TeachSummary:
        """Build the line's detector from all supports in force and register it as challenger, with its effect.

        The same statements of labels (whatever their ids and order), initialization, settings and seed give the
        version registered before. Raises BadDataError when there is nothing to learn from, NotFoundError when no
        initialization is in force.
        """
        return self._registered(line, recipe, initialization=initialization, seed=seed, with_effect=True)

    def answer(self, line: str, recipe: str, *, initialization: str = "default", seed: int = 0) -> TeachSummary:
        """Do as ``adapt`` does without a look at recent frames, for a person who waits; ``effect`` gives that after."""
        return self._registered(line, recipe, initialization=initialization, seed=seed, with_effect=False)

    def describe(self, labels: Sequence[Label], *, initialization: str = "default") -> int:
        """Describe labelled regions before they are taught, so that a teaching finds them; return how many frames.

        It is what a teaching would do first. Raises as ``answer`` does.
        """
        _, bundle = self.registry.load(initialization_name(initialization), alias=CHAMPION)
        backbone = from_bundle(bundle).build_backbone()
        found = self._describing.patches(backbone, frames_with_labels(self.catalog, labels))
        return found.frames_described

    @property
    def _describing(self) -> Describing:
        return Describing(
            images=self.images,
            features=self.features,
            unit=self.promise.unit,
            settings=self.settings,
            progress=self.progress,
        )

    def effect(self, line: str, recipe: str, *, version: str, against: str | None) -> dict[str, Any]:
        """Return what changes on recent frames between a version of the line's detector and another one (``against``).

        It is kept as a stage of the version, since a registered manifest is never changed. Raises NotFoundError.
        """
        started = self.clock()
        model = detector_name(line, recipe)
        taught = Detector.from_bundle(self.registry.load(model, version=version)[1])
        before = None if against is None else (f"{model}@{against}", self.registry.load(model, version=against)[1])
        document = effect_to(self._recent.effect(line, recipe, champion=before, challenger=taught))
        seconds = (self.clock() - started).total_seconds()
        detail = {"effect": json.dumps(document, sort_keys=True)}
        with self.catalog.transaction() as unit:
            unit.add_stage(
                StageRun(stage="effect", started_at=started, seconds=seconds, model=f"{model}@{version}", detail=detail)
            )
        return document

    @property
    def _recent(self) -> RecentFrames:
        return RecentFrames(
            catalog=self.catalog, images=self.images, settings=self.options, clock=self.clock, progress=self.progress
        )

    def _registered(self, line: str, recipe: str, *, initialization: str, seed: int, with_effect: bool) -> TeachSummary:
        started = self.clock()
        lesson = self._lesson(line)
        source = initialization_name(initialization)
        version, bundle = self.registry.load(source, alias=CHAMPION)
        model = detector_name(line, recipe)
        digest = self._input_digest(lesson.labels, bundle, seed)
        known = next((v for v in self.registry.versions(model) if v.tags.get(INPUT_TAG) == digest), None)
        if known is not None:
            self._challenge(model, known.version)
            manifest = self.registry.load(model, version=known.version)[1].manifest
            return _summary(model, known.version, manifest, new=False, seconds=0.0)
        champion = self._champion(model)
        taught = self._taught(lesson, bundle, champion, seed=seed)
        lineage = self._lineage(lesson.labels, origin=f"{source}@{version}", digest=digest, seed=seed)
        made = taught.detector.to_bundle(lineage)
        extra = {"evidence": evidence_to(_evidence(taught, self.promise)), "teaching": _teaching(taught)}
        if with_effect:
            found = self._recent.effect(line, recipe, champion=champion, challenger=taught.detector)
            extra["effect"] = effect_to(found)
        made = replace(made, manifest={**made.manifest, **extra})
        new_version = self.registry.register(model, made, tags={INPUT_TAG: digest, "line": line, "recipe": recipe})
        self._challenge(model, new_version)
        seconds = (self.clock() - started).total_seconds()
        run = StageRun(stage="adapt", started_at=started, seconds=seconds, model=f"{model}@{new_version}")
        self._record(line, taught, run)
        return _summary(model, new_version, made.manifest, new=True, seconds=seconds)

    def _lesson(self, line: str) -> _Lesson:
        with self.catalog.transaction() as unit:
            labels = supports_of(unit, line)
        if not labels:
            raise BadDataError(f"line {line!r} has no support labels; label known-good regions and samples first")
        frames = frames_with_labels(self.catalog, labels)
        used = [label for _, of_frame in frames for label in of_frame]
        if not used:
            raise BadDataError(
                f"all {len(labels)} support labels of line {line!r} lie on unusable frames; label others"
            )
        return _Lesson(labels=used, frames=frames, checks=check_left_out(labels, frames) + check_samples(frames))

    def _taught(
        self, lesson: _Lesson, initialization: Bundle, champion: tuple[str, Bundle] | None, *, seed: int
    ) -> Taught:
        """Return the detector taught from the lesson; the backbone sees only frames that it has not seen before."""
        origin = from_bundle(initialization)
        known = () if champion is None else champion[1].manifest["class_names"]
        if self.settings.adaptation != CLOSED_FORM:  # what changes the trunk has to see the frames
            taught = teach_adapted(
                origin,
                (frame_regions(self.images, frame, labels) for frame, labels in lesson.frames),
                promise=self.promise,
                settings=self.settings,
                seed=seed,
                clock=self.clock,
                progress=self.progress,
                known=known,
            )
            return replace(taught, checks=(*taught.checks, *lesson.checks))
        backbone = origin.build_backbone()
        taught = teach_patches(
            backbone,
            self._describing.patches(backbone, lesson.frames).patches,
            promise=self.promise,
            settings=self.settings,
            seed=seed,
            prior=difference_prior(origin.dense),
            known=known,
            regions=region_prior(origin.typing, reach=self.settings.typing_reach),
            kept=stored_work(self.features, backbone),
        )
        return replace(taught, checks=(*taught.checks, *lesson.checks))

    def _champion(self, model: str) -> tuple[str, Bundle] | None:
        """Return the detector in force as (``name@version``, bundle)."""
        version = self.registry.aliased(model, CHAMPION)
        if version is None:
            return None
        return f"{model}@{version}", self.registry.load(model, version=version)[1]

    def _challenge(self, model: str, version: str) -> None:
        """Make the detector of the labels in force the challenger; where it is the champion nothing challenges it.

        So that a version which knows a withdrawn type does not stay the challenger.
        """
        in_force = self.registry.aliased(model, CHAMPION) == version
        self.registry.set_alias(model, CHALLENGER, None if in_force else version)

    def unused_labels(self, line: str, recipe: str) -> int:
        """Return how many supports of the line its newest detector lacks, or has though they were withdrawn."""
        with self.catalog.transaction() as unit:
            supports = supports_of(unit, line)
            statements = {label.id: label.statement for label in unit.labels(line=line)}
            frames = {frame_id: unit.frame(frame_id) for frame_id in {label.region.frame for label in supports}}
        usable = {frame_id for frame_id, frame in frames.items() if frame is not None and frame.usable}
        wanted = Counter(label.statement for label in supports if label.region.frame in usable)
        model = detector_name(line, recipe)
        used: Counter[tuple[str, ...]] = Counter()
        for version in self.registry.versions(model)[:1]:
            labels = self.registry.load(model, version=version.version)[1].manifest["lineage"]["labels"]
            used = Counter(statements.get(label, (label,)) for label in labels)
        return (wanted - used).total() + (used - wanted).total()

    def _input_digest(self, labels: Sequence[Label], initialization: Bundle, seed: int) -> str:
        said = sorted(label.statement for label in labels)
        parts = [said, initialization.sha256, repr(self.settings), repr(self.promise)]
        return hashlib.sha256(json.dumps([*parts, seed]).encode()).hexdigest()

    def _lineage(self, labels: Sequence[Label], *, origin: str, digest: str, seed: int) -> dict[str, Any]:
        return {
            "initialization": origin,
            "labels": sorted(label.id for label in labels),
            "input": digest,
            "revision": self.revision,
            "seed": seed,
            "made_at": self.clock().isoformat(),
        }

    def _record(self, line: str, taught: Taught, run: StageRun) -> None:
        with self.catalog.transaction() as unit:
            stages = {known.name: known.life_cycle for known in unit.types(line)}
            for result in taught.leave_one_out:
                before = stages.get(result.defect_type)
                reached = life_cycle_for(result.found.trials)
                if before in (reached, LifeCycle.APPROVED, LifeCycle.RETIRED):
                    continue  # people settled it, or nothing changes
                unit.put_type(line, DefectType(name=result.defect_type, life_cycle=reached))
                unit.add_type_move(
                    TypeMove(
                        line=line,
                        defect_type=result.defect_type,
                        before=before,
                        after=reached,
                        operator=TEACHER,
                        reason=f"{result.found.trials} samples, {run.model}",
                        at=run.started_at,
                    )
                )
            unit.add_stage(run)


def supports_of(unit: CatalogUnit, line: str) -> list[Label]:
    """Return the supports of a line in force, without those of retired types: these stay, but are not taught."""
    retired = Taxonomy.of(unit.types(line)).retired
    supports = in_force(unit.labels(line=line), role=LabelRole.SUPPORT)
    return [label for label in supports if label.defect_type not in retired]


def _evidence(taught: Taught, promise: Promise) -> Evidence:
    """Return what the gate will look at."""
    return Evidence(
        promised_overkill=promise.overkill,
        overkill=taught.overkill,
        types=tuple(
            TypeEvidence(
                defect_type=result.defect_type,
                found=result.found,
                forgetting=taught.forgetting.get(result.defect_type),
            )
            for result in taught.leave_one_out
        ),
        refused=tuple(check.message for check in taught.checks if check.severity is Severity.REFUSE),
        beside_normality=taught.beside_normality,
    )


def _teaching(taught: Taught) -> dict[str, Any]:
    """Return the outcome of the teaching as plain JSON."""
    return {
        "leave_one_out": {
            r.defect_type: {"found": r.found.count, "of": r.found.trials, "interval": [r.found.low, r.found.high]}
            for r in taught.leave_one_out
        },
        "confusions": {name: dict(row) for name, row in taught.confusions.items()},
        "forgetting": dict(taught.forgetting),
        "warnings": list(taught.warnings),
        "checks": checks_to(taught.checks),
        "against_champion": {
            cost.defect_type: {
                "of": cost.trials,
                "found_before": cost.found_before,
                "found_after": cost.found_after,
                "named_before": cost.named_before,
                "named_after": cost.named_after,
                "lost_points": cost.lost_points,
                "lost_naming_points": cost.lost_naming_points,
            }
            for cost in taught.costs
        },
        "normals": taught.normals,
        "overkill": {
            "alarms": taught.overkill.count,
            "of": taught.overkill.trials,
            "interval": [taught.overkill.low, taught.overkill.high],
        },
        "adaptation": None if taught.adaptation is None else asdict(taught.adaptation),
    }


def _summary(model: str, version: str, manifest: Mapping[str, Any], *, new: bool, seconds: float) -> TeachSummary:
    teaching = manifest["teaching"]
    return TeachSummary(
        model=model,
        version=version,
        new=new,
        initialization=manifest["lineage"]["initialization"],
        life_cycles={name: life_cycle_for(row["of"]).value for name, row in teaching["leave_one_out"].items()},
        leave_one_out=teaching["leave_one_out"],
        confusions=teaching["confusions"],
        forgetting=teaching["forgetting"],
        warnings=tuple(teaching["warnings"]),
        normals=teaching["normals"],
        overkill=teaching["overkill"],
        seconds=seconds,
        checks=tuple(teaching.get("checks", ())),  # a version of before this program had checks
        against_champion=teaching.get("against_champion"),
        effect=manifest.get("effect"),
        adaptation=teaching.get("adaptation"),
    )
