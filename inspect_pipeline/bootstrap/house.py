"""The house with its doors: settings become adapters, adapters go into use cases."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_pipeline.bootstrap.governed import Governed
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import SAMPLES
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.errors import BadDataError, StorageError
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.settings import Settings

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.demo import Demo
    from inspect_pipeline.bootstrap.doctor import Check
    from inspect_pipeline.bootstrap.method_studies import MethodStudies
    from inspect_pipeline.bootstrap.serving import Serving
    from inspect_pipeline.domain.flat_field import FlatFieldVersion
    from inspect_pipeline.services.coils import CoilBook, CoilFacts, Coils
    from inspect_pipeline.services.detect_comparison import DetectComparison
    from inspect_pipeline.services.detect_evaluation import DetectSummary
    from inspect_pipeline.services.evaluation import EvaluateSummary, Regions
    from inspect_pipeline.services.ingest import IngestSummary
    from inspect_pipeline.services.reteaching import ReteachSummary
    from inspect_pipeline.services.retention import Retention
    from inspect_pipeline.services.scoring import ScoreSummary
    from inspect_pipeline.services.teaching import Teaching, TeachSummary
    from inspect_pipeline.services.training import TrainSummary
    from inspect_pipeline.services.type_book import TypeBook


def utc_now() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


def silent(_stage: str, _done: int, _total: int, _note: str = "") -> None:
    """Report no progress."""


def open_house(settings: Settings, *, progress: Progress = silent, clock: Clock = utc_now) -> "House":
    """Return the house of a workspace, making the folder where it is missing.

    torch and MLflow are imported when first used. Raises StorageError when the workspace cannot be written.
    """
    try:
        settings.workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"workspace {settings.workspace} cannot be made ({error.strerror}); choose one that can be written "
            "with --workspace"
        ) from error
    return House(settings=settings, progress=progress, clock=clock)


@dataclass(kw_only=True)
class House(Governed):
    """Every use case, ready to call. Use as a context manager, or close it."""

    @cached_property
    def demo(self) -> "Demo":
        """The demo's coils."""
        from inspect_pipeline.bootstrap.demo import Demo

        return Demo(stores=self)

    def ingest(
        self,
        source: str,
        *,
        coil: str | None = None,
        line: str = "default",
        recipe: str = "default",
        family: str | None = None,
        rewound: bool = False,
        offset_m: float = 0.0,
        ended: threading.Event | None = None,
    ) -> "IngestSummary":
        """Take in a source of frames as one coil: a folder (a path), or what ``bootstrap.source_uris`` knows.

        A folder is by default the coil of its name. Line 0 lies ``offset_m`` metres from the head; a ``rewound`` coil
        runs from there towards the head. Once ``ended`` is set, what came is written and the coil closed.
        """
        from inspect_pipeline.bootstrap.sources import opened_source

        with opened_source(self, source, ended=ended or threading.Event()) as opened:
            name = coil or opened.coil
            if name is None:
                raise BadDataError(f"source {source!r} does not say which coil it is; name it with --coil")
            if name.startswith(SAMPLES):
                raise BadDataError(
                    f"coil name {name!r} is kept for taught samples, which are not judged; give another one"
                )
            family = line if family is None else family
            target = self.coil_named(name, line=line, recipe=recipe, family=family, rewound=rewound, offset_m=offset_m)
            return self.ingesting(recipe).run(opened, target, live=opened.live)

    def build_flat_field(
        self, camera: str, *, dark: str, bright: str, operator: str, target: float | None = None
    ) -> "FlatFieldVersion":
        """Build a version of a camera's flat field from sources of dark and of bright reference captures.

        They are opened one after the other, so that both may be the same camera, given with ``?frames=``.
        """
        from inspect_pipeline.bootstrap.sources import reference_captures

        references = (reference_captures(self, source) for source in (dark, bright))
        return self.flat_fields.build(*references, camera=camera, operator=operator, target=target)

    def list_flat_fields(self, camera: str | None = None) -> "list[FlatFieldVersion]":
        """Return the versions of a camera's flat field, or of all, newest first."""
        with self.catalog.transaction() as unit:
            return list(unit.flat_fields(camera))

    @cached_property
    def retention(self) -> "Retention":
        """Removal of old images by the rules of the settings."""
        from inspect_pipeline.services.retention import Retention

        return Retention(catalog=self.catalog, images=self.images, rules=self.settings.retention, clock=self.clock)

    def coil_facts(self, *, line: str | None = None) -> "list[CoilFacts]":
        """Return the books of all coils of material, oldest first, or of those of one line."""
        return self._coils.facts([coil for coil in self.coils() if line in (None, coil.line)])

    def coil_book(self, coil: str) -> "CoilBook":
        """Return a coil with its ledger, remarks and quality. Raises NotFoundError."""
        return self._coils.book(coil)

    @cached_property
    def _coils(self) -> "Coils":
        from inspect_pipeline.services.coils import Coils

        return Coils(catalog=self.catalog)

    def train(
        self,
        data: Sequence[Path] = (),
        *,
        method: str = "protonet",
        name: str = "default",
        seed: int = 0,
        options: Sequence[str] = (),
        embedding: str | None = None,
    ) -> "TrainSummary":
        """Meta-train on labelled folders, or without any on the catalog's history, and register the challenger."""
        from inspect_pipeline.bootstrap import studies

        return studies.train(self, data, method=method, name=name, seed=seed, options=options, embedding=embedding)

    def train_methods(self) -> list[str]:
        """Return the names of the methods that can be meta-trained."""
        from inspect_pipeline.learning.methods.catalog import method_names

        return list(method_names())

    def method_details(self) -> list[dict[str, Any]]:
        """Return of every method and baseline its name, paper, what it learns from, and its options."""
        from inspect_pipeline.services.method_options import method_details

        return method_details()

    def evaluate(
        self,
        data: Path,
        *,
        way: int = 5,
        shot: int = 5,
        query: int = 15,
        episodes: int = 600,
        seed: int = 0,
        model: str | None = None,
        method: str | None = None,
        regions: "Regions" = "image",
    ) -> "EvaluateSummary":
        """Measure a registered initialization, or an untrained method, on a labelled folder beside the baselines."""
        return self.studies.evaluate(
            [data],
            way=way,
            shot=shot,
            query=query,
            episodes=episodes,
            seed=seed,
            model=model,
            method=method,
            regions=regions,
        )

    @cached_property
    def studies(self) -> "MethodStudies":
        """Few-shot methods measured: over shots and steps, across materials, and their search."""
        from inspect_pipeline.bootstrap.method_studies import MethodStudies

        return MethodStudies(stores=self)

    def evaluate_detection(
        self,
        data: Path,
        *,
        shot: int = 5,
        normals: int = 20,
        draws: int = 10,
        seed: int = 0,
        model: str | None = None,
        curve_shots: Sequence[int] = (),
        curve_normals: Sequence[int] = (),
        fine_tuned: bool = False,
    ) -> "DetectSummary":
        """Measure the detector taught from a registered initialization over repeated draws of a labelled folder.

        ``curve_shots`` and ``curve_normals`` are the points of its curves; ``fine_tuned`` adds the slow baseline.
        """
        from inspect_pipeline.bootstrap import studies
        from inspect_pipeline.learning.fine_tuned_baseline import FineTuning
        from inspect_pipeline.services.detect_curves import CurveSpec
        from inspect_pipeline.services.detect_draws import DrawSpec

        return studies.evaluate_detection(
            self,
            data,
            spec=DrawSpec(shot=shot, normals=normals, draws=draws, seed=seed),
            curves=CurveSpec(shots=tuple(curve_shots), normals=tuple(curve_normals)),
            fine_tuning=FineTuning() if fine_tuned else None,
            model=model,
        )

    def compare_detection(
        self,
        data: Path,
        *,
        shots: Sequence[int] = (1, 3, 5),
        normals: int = 20,
        draws: int = 10,
        seed: int = 0,
        model: str | None = None,
    ) -> "DetectComparison":
        """Measure what an initialization gains over the frozen backbone, on the same draws at every number of shots."""
        from inspect_pipeline.bootstrap import studies
        from inspect_pipeline.services.detect_draws import DrawSpec

        spec = DrawSpec(shot=max(shots), normals=normals, draws=draws, seed=seed)
        return studies.compare_detection(self, data, spec=spec, shots=shots, model=model)

    def detection_page(self, document: Mapping[str, Any], *, data: Path, command: str, out: Path) -> Path:
        """Write the answer of ``evaluate_detection``, as JSON, as one self-contained page and return its path."""
        from inspect_pipeline.bootstrap import reports

        return reports.write_detection(self, document, data=data, command=command, out=out)

    def teaching(self, recipe: str, *, adaptation: str | None = None) -> "Teaching":
        """Return the teaching use case for a recipe; ``adaptation`` replaces what the settings name."""
        from inspect_pipeline.services.teaching import Teaching

        detector = self.settings.detector
        return Teaching(
            catalog=self.catalog,
            images=self.images,
            registry=self.registry,
            features=self.features,
            settings=detector if adaptation is None else replace(detector, adaptation=adaptation),
            promise=self.settings.recipe(recipe).promise,
            options=self.settings.teaching,
            clock=self.clock,
            progress=self.progress,
            revision=code_revision(),
        )

    def teach(
        self,
        defect_type: str,
        *,
        samples: Path | None = None,
        labels: Path | None = None,
        normals: Path | None = None,
        line: str = "default",
        recipe: str = "default",
        operator: str = "operator",
        seed: int = 0,
        adaptation: str | None = None,
    ) -> "TeachSummary":
        """Take in samples of a type (and known-good images) with their labels, then adapt the line's detector."""
        from inspect_pipeline.bootstrap import samples as intake

        teaching = self.teaching(recipe, adaptation=adaptation)
        taken = {"samples": samples, "labels": labels, "normals": normals}
        intake.take_in(self, defect_type, **taken, line=line, recipe=recipe, operator=operator)
        return teaching.adapt(line, recipe, seed=seed)

    def withdraw(
        self,
        defect_type: str,
        *,
        line: str = "default",
        recipe: str = "default",
        operator: str = "operator",
        seed: int = 0,
    ) -> "TeachSummary":
        """Take back all samples of a type, then adapt the line's detector to what is left."""
        from inspect_pipeline.services.withdrawing import Withdrawing

        Withdrawing(catalog=self.catalog, clock=self.clock).withdraw(line, defect_type, operator=operator)
        return self.adapt(line=line, recipe=recipe, seed=seed)

    def calibrate(
        self,
        normals: Path,
        *,
        line: str = "default",
        recipe: str = "default",
        operator: str = "operator",
        seed: int = 0,
    ) -> "TeachSummary":
        """Take in known-good images of a line, then build its detector: of these alone where no defect is known."""
        from inspect_pipeline.bootstrap import samples as intake

        teaching = self.teaching(recipe)
        intake.take_in_normals(self, normals, line=line, recipe=recipe, operator=operator)
        return teaching.adapt(line, recipe, seed=seed)

    def reteach(self, model: str, *, operator: str) -> "ReteachSummary":
        """Teach again every line whose detector in force came from ``initialization.NAME``; each gets a challenger."""
        from inspect_pipeline.bootstrap.reteaching import reteach

        return reteach(self, lambda recipe, how: self.teaching(recipe, adaptation=how), model, operator=operator)

    @cached_property
    def types(self) -> "TypeBook":
        """The defect types of the lines and the steps that people decide."""
        from inspect_pipeline.services.type_book import TypeBook

        return TypeBook(catalog=self.catalog, registry=self.registry, clock=self.clock)

    def adapt(self, *, line: str, recipe: str = "default", seed: int = 0) -> "TeachSummary":
        """Build the line's detector from all its support labels in force; the same labels give the same version."""
        return self.teaching(recipe).adapt(line, recipe, seed=seed)

    def unused_labels(self, line: str, recipe: str = "default") -> int:
        """Return how many support labels of the line its newest detector has not used."""
        return self.teaching(recipe).unused_labels(line, recipe)

    def score(self, coil: str, *, model: str | None = None) -> "ScoreSummary":
        """Judge a coil by the champion of its line and recipe, or by ``NAME@ALIAS`` or ``NAME@VERSION``."""
        from inspect_pipeline.bootstrap import scoring

        return scoring.score(self, coil, model=model)

    def report(self, coil: str, *, out: Path | None = None, pdf: bool = False, same_run: bool = False) -> Path:
        """Write the report of a coil as one HTML file (or a PDF, with a Chromium at hand) and return its path."""
        from inspect_pipeline.bootstrap import reports

        return reports.write(self, coil, out=out, pdf=pdf, same_run=same_run)

    def export_model(self, model: str, *, out: Path, version: str | None = None, alias: str = CHAMPION) -> Path:
        """Write a registered version to one file that an offline plant can import."""
        from inspect_pipeline.bootstrap import carrying

        return carrying.export_model(self, model, out=out, version=version, alias=alias)

    def import_model(self, file: Path) -> tuple[str, str]:
        """Register the version in an exported file as challenger and return (model, version); hashes are verified."""
        from inspect_pipeline.bootstrap import carrying

        return carrying.import_model(self, file)

    @cached_property
    def serving(self) -> "Serving":
        """Detectors outside this program: as MLflow serves them, and as graphs for other runtimes."""
        from inspect_pipeline.bootstrap.serving import Serving

        return Serving(stores=self)

    def doctor(self) -> "list[Check]":
        """Return what was found of versions, device, weights, stores and disk."""
        from inspect_pipeline.bootstrap.doctor import examine

        return examine(self)
