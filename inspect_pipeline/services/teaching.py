"""Teaching: the supports and known-good regions of a line become a detector, registered as challenger."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from inspect_pipeline.domain.bundle import Bundle, detector_name, initialization_name
from inspect_pipeline.domain.gate import Evidence, TypeEvidence, evidence_to
from inspect_pipeline.domain.labels import Label, LabelRole, in_force
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.domain.taxonomy import DefectType, LifeCycle, life_cycle_for
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.adapted_teaching import teach_adapted
from inspect_pipeline.learning.detector_settings import DetectorSettings, Promise
from inspect_pipeline.learning.initialization import from_bundle
from inspect_pipeline.learning.teaching import Taught
from inspect_pipeline.services.examples import labelled_frames
from inspect_pipeline.services.models import CHALLENGER, CHAMPION
from inspect_pipeline.services.ports import Catalog, ImageStore, ModelRegistry

INPUT_TAG = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachSummary:
    """What one teaching gave; ``new`` is False when the same labels had been taught before.

    ``adaptation`` tells whether something beyond the closed form was tried, whether it was taken, and on what evidence.
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
    adaptation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """The teaching use case with the adapters it needs."""

    catalog: Catalog
    images: ImageStore
    registry: ModelRegistry
    settings: DetectorSettings
    promise: Promise
    clock: Clock
    progress: Progress
    revision: str

    def adapt(self, line: str, recipe: str, *, initialization: str = "default", seed: int = 0) -> TeachSummary:
        """Build the line's detector from all supports in force and register it as challenger.

        The same labels, initialization, settings and seed give the version registered before. Raises BadDataError
        when there is nothing to learn from, NotFoundError when no initialization is in force.
        """
        started = self.clock()
        with self.catalog.transaction() as unit:
            labels = in_force(unit.labels(line=line), role=LabelRole.SUPPORT)
        if not labels:
            raise BadDataError(f"line {line!r} has no support labels; label known-good regions and samples first")
        examples = list(labelled_frames(self.catalog, self.images, labels))
        left_out = len(labels) - sum(len(of_frame) for _, _, of_frame in examples)
        labels = [label for _, _, of_frame in examples for label in of_frame]
        if not labels:
            raise BadDataError(f"all {left_out} support labels of line {line!r} lie on unusable frames; label others")
        source = initialization_name(initialization)
        version, bundle = self.registry.load(source, alias=CHAMPION)
        origin = f"{source}@{version}"
        model = detector_name(line, recipe)
        digest = self._input_digest(labels, bundle, seed)
        known = next((v for v in self.registry.versions(model) if v.tags.get(INPUT_TAG) == digest), None)
        if known is not None:
            self._challenge(model, known.version)
            manifest = self.registry.load(model, version=known.version)[1].manifest
            return _summary(model, known.version, manifest, new=False, seconds=0.0)
        taught = teach_adapted(
            from_bundle(bundle),
            [regions for _, regions, _ in examples],
            promise=self.promise,
            settings=self.settings,
            seed=seed,
            clock=self.clock,
            progress=self.progress,
        )
        taught = replace(taught, warnings=(*taught.warnings, *_left_out(left_out)))
        detector = self._bundle(taught, labels, origin=origin, digest=digest, seed=seed)
        new_version = self.registry.register(model, detector, tags={INPUT_TAG: digest, "line": line, "recipe": recipe})
        self._challenge(model, new_version)
        seconds = (self.clock() - started).total_seconds()
        run = StageRun(stage="adapt", started_at=started, seconds=seconds, model=f"{model}@{new_version}")
        self._record(line, taught, run)
        return _summary(model, new_version, detector.manifest, new=True, seconds=seconds)

    def _challenge(self, model: str, version: str) -> None:
        """Make the detector of the labels in force the challenger; where it is the champion nothing challenges it.

        So that a version which knows a withdrawn type does not stay the challenger.
        """
        in_force = self.registry.aliased(model, CHAMPION) == version
        self.registry.set_alias(model, CHALLENGER, None if in_force else version)

    def unused_labels(self, line: str, recipe: str) -> int:
        """Return how many supports of the line its newest detector lacks, or has though they were withdrawn."""
        with self.catalog.transaction() as unit:
            supports = in_force(unit.labels(line=line), role=LabelRole.SUPPORT)
            frames = {frame_id: unit.frame(frame_id) for frame_id in {label.region.frame for label in supports}}
        usable = {frame_id for frame_id, frame in frames.items() if frame is not None and frame.usable}
        labels = {label.id for label in supports if label.region.frame in usable}
        model = detector_name(line, recipe)
        used: set[str] = set()
        for version in self.registry.versions(model)[:1]:
            used = set(self.registry.load(model, version=version.version)[1].manifest["lineage"]["labels"])
        return len(labels ^ used)

    def _input_digest(self, labels: Sequence[Label], initialization: Bundle, seed: int) -> str:
        parts = [sorted(label.id for label in labels), initialization.sha256, repr(self.settings), repr(self.promise)]
        return hashlib.sha256(json.dumps([*parts, seed]).encode()).hexdigest()

    def _bundle(self, taught: Taught, labels: Sequence[Label], *, origin: str, digest: str, seed: int) -> Bundle:
        lineage = {
            "initialization": origin,
            "labels": sorted(label.id for label in labels),
            "input": digest,
            "revision": self.revision,
            "seed": seed,
            "made_at": self.clock().isoformat(),
        }
        bundle = taught.detector.to_bundle(lineage)
        extra = {"evidence": evidence_to(_evidence(taught, self.promise)), "teaching": _teaching(taught)}
        return replace(bundle, manifest={**bundle.manifest, **extra})

    def _record(self, line: str, taught: Taught, run: StageRun) -> None:
        with self.catalog.transaction() as unit:
            settled = {t.name for t in unit.types(line) if t.life_cycle in (LifeCycle.APPROVED, LifeCycle.RETIRED)}
            for result in taught.leave_one_out:
                if result.defect_type not in settled:
                    reached = life_cycle_for(result.found.trials)
                    unit.put_type(line, DefectType(name=result.defect_type, life_cycle=reached))
            unit.add_stage(run)


def _left_out(count: int) -> tuple[str, ...]:
    return (f"{count} support labels lie on unusable frames and teach nothing",) if count else ()


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
        adaptation=teaching.get("adaptation"),
    )
