"""The adapters of a workspace: catalog, image files, registry, tracker, weights."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from inspect_pipeline.domain.material import Coil
from inspect_pipeline.domain.records import Clock, Progress
from inspect_pipeline.domain.taxonomy import checked_name
from inspect_pipeline.settings import Settings
from inspect_pipeline.store.catalog import SqlCatalog, open_catalog
from inspect_pipeline.store.image_stores import open_image_store
from inspect_pipeline.store.weights import WeightsSource, read_weights

if TYPE_CHECKING:
    from inspect_pipeline.imaging.flatfield import FlatField
    from inspect_pipeline.services.correcting import Correcting
    from inspect_pipeline.services.flat_fields import FlatFields
    from inspect_pipeline.services.ingest import Ingest, LabelFrame
    from inspect_pipeline.store.features import FileFeatureStore
    from inspect_pipeline.store.images import FileImageStore
    from inspect_pipeline.store.object_images import ObjectImageStore
    from inspect_pipeline.store.registry import MlflowRegistry
    from inspect_pipeline.store.tracker import MlflowTracker

SAMPLES = "samples of "
"""How the coils that hold taught samples are named; they are no material of the line and are not judged."""

HUB = "hub:"
"""How weights from the hub are written in backbone.yaml: hub:OWNER/NAME."""


@dataclass(kw_only=True)
class Stores:
    """The adapters of a workspace, made when first used; what every use case is built from."""

    settings: Settings
    progress: Progress
    clock: Clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the database connections back."""
        if "catalog" in self.__dict__:
            self.catalog.close()

    @cached_property
    def catalog(self) -> SqlCatalog:
        """The SQL catalog, its tables made or migrated."""
        return open_catalog(self.settings.catalog_url)

    @cached_property
    def images(self) -> "FileImageStore | ObjectImageStore":
        """The content-addressed image files: in the workspace, or where stores.images_url says."""
        return open_image_store(self.settings.images_url)

    @cached_property
    def features(self) -> "FileFeatureStore":
        """The descriptors of labelled regions, kept so that teaching again needs no backbone."""
        from inspect_pipeline.store.features import FileFeatureStore

        limit_bytes = self.settings.stores.features_mib << 20
        return FileFeatureStore(self.settings.workspace / "features", limit_bytes=limit_bytes)

    @cached_property
    def registry(self) -> "MlflowRegistry":
        """The MLflow model registry."""
        from inspect_pipeline.store.registry import MlflowRegistry

        return MlflowRegistry(self.settings.mlflow_uri, self.settings.workspace / "mlflow" / "artifacts")

    @cached_property
    def tracker(self) -> "MlflowTracker":
        """The MLflow experiment tracker."""
        from inspect_pipeline.store.tracker import MlflowTracker

        return MlflowTracker(self.settings.mlflow_uri, self.settings.workspace / "mlflow" / "artifacts")

    def turn(self, subject: str) -> AbstractContextManager[bool]:
        """Give whether the turn on the subject is ours until the block ends; see ``Catalog.turn``."""
        return self.catalog.turn(subject)

    def coil_named(
        self, name: str, *, line: str, recipe: str, family: str, rewound: bool = False, offset_m: float = 0.0
    ) -> Coil:
        """Return a coil made now, its names checked. Raises BadDataError for a name that cannot be used."""
        return Coil(
            id=checked_name(name, what="coil"),
            line=checked_name(line, what="line"),
            recipe=checked_name(recipe, what="recipe"),
            family=checked_name(family, what="family"),
            created_at=self.clock(),
            reversed=rewound,
            offset_m=offset_m,
        )

    def ingesting(
        self,
        recipe: str,
        *,
        flat_field: "FlatField | None" = None,
        label_frame: "LabelFrame | None" = None,
        finished: bool = False,
    ) -> "Ingest":
        """Return the ingest use case for a recipe, with labels that come along.

        Frames get the flat fields of the catalog, by their camera; a ``flat_field`` given here holds for all of them.
        ``finished`` images (labelled folders, crops) are no raw captures: neither corrected nor searched for edges.
        """
        from inspect_pipeline.imaging.opencv_threads import one_thread_a_caller
        from inspect_pipeline.services.ingest import Ingest, LineSetup
        from inspect_pipeline.services.preparing import Correction, CorrectionFor, uncorrected

        one_thread_a_caller()
        wanted, cameras = self.settings.recipe(recipe), self.settings.cameras
        correction_for: CorrectionFor = uncorrected
        if flat_field is not None:
            correction_for = lambda _frame: Correction(flat=flat_field)  # noqa: E731 - one of three
        elif not finished:
            correction_for = self._correcting()
        return Ingest(
            catalog=self.catalog,
            images=self.images,
            setup=LineSetup(
                limits=wanted.capture,
                intake=self.settings.intake,
                edges=replace(wanted.edges, enabled=wanted.edges.enabled and not finished),
                trim_mm=wanted.trim_mm,
                mounts=lambda camera: cameras.of(camera).mount,
            ),
            clock=self.clock,
            progress=self.progress,
            correction_for=correction_for,
            label_frame=label_frame,
        )

    @cached_property
    def flat_fields(self) -> "FlatFields":
        """Building and reading flat fields of cameras."""
        from inspect_pipeline.services.flat_fields import FlatFields

        return FlatFields(catalog=self.catalog, images=self.images)

    def _correcting(self) -> "Correcting":
        from inspect_pipeline.services.correcting import Correcting, CorrectionRule

        def rule(camera: str) -> CorrectionRule:
            setup = self.settings.cameras.of(camera)
            return CorrectionRule(use=setup.flat_field, validity=setup.validity)

        with self.catalog.transaction() as unit:
            versions = tuple(unit.flat_fields())
        return Correcting(versions=versions, rules=rule, load=self.flat_fields.load)

    def backbone_weights(self) -> bytes:
        """Return the bytes of the configured backbone's weights, their hash verified. Raises WeightsError."""
        backbone = self.settings.backbone
        if backbone.weights.startswith(HUB):
            return read_weights(WeightsSource(hub=backbone.weights.removeprefix(HUB), sha256=backbone.sha256))
        file = None if backbone.weights == "package" else Path(backbone.weights)
        return read_weights(WeightsSource(file=file, sha256=backbone.sha256))

    def coils(self) -> list[Coil]:
        """Return the coils that passed the line, oldest first; those that hold taught samples are left out."""
        with self.catalog.transaction() as unit:
            return [coil for coil in unit.coils() if not coil.id.startswith(SAMPLES)]

    def lines(self) -> list[tuple[str, str]]:
        """Return every (line, recipe) of the catalog, sorted; those that have only taught samples too."""
        with self.catalog.transaction() as unit:
            return sorted({(coil.line, coil.recipe) for coil in unit.coils()})
