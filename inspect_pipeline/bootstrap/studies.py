"""Training and evaluation wired: folders or the catalog's history in, a registered version or figures out."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from inspect_pipeline.bootstrap.environment import run_environment
from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.detector_settings import Promise, UnitGrid
from inspect_pipeline.learning.difference_prior import difference_prior
from inspect_pipeline.learning.fine_tuned_baseline import FineTuning
from inspect_pipeline.learning.initialization import Initialization, from_bundle
from inspect_pipeline.learning.methods.catalog import method_names
from inspect_pipeline.learning.region_metric import region_prior
from inspect_pipeline.services.detect_comparison import DetectComparison, compare_subjects
from inspect_pipeline.services.detect_curves import CurveSpec
from inspect_pipeline.services.detect_draws import DrawSpec
from inspect_pipeline.services.detect_evaluation import DetectSummary
from inspect_pipeline.services.detect_evaluation import evaluate_detection as run_draws
from inspect_pipeline.services.detect_trial import Subject
from inspect_pipeline.services.examples import Example, folder_examples, history
from inspect_pipeline.services.in_force import CHAMPION
from inspect_pipeline.services.method_options import parsed_options
from inspect_pipeline.services.models import ModelReference, parsed_reference
from inspect_pipeline.services.training import Training, TrainSummary
from inspect_pipeline.services.training_settings import checked_embedding

FROZEN = "nearest_prototype"


def train(
    stores: Stores,
    data: Sequence[Path],
    *,
    method: str,
    name: str,
    seed: int,
    options: Sequence[str] = (),
    embedding: str | None = None,
) -> TrainSummary:
    """Meta-train on labelled folders, or without any on the catalog's history; register the challenger.

    ``options`` are of the method, ``KEY=VALUE``; they and ``embedding`` win over those of the settings.
    """
    if method not in method_names():
        raise NotFoundError(f"there is no method {method!r} to train; choose one of {', '.join(method_names())}")
    settings = stores.settings.training
    if embedding is not None:
        settings = replace(settings, embedding=checked_embedding(embedding))
    given = parsed_options(method, options)
    examples = _folders(data, stores, seed=seed) if data else _catalog_history(stores)
    weights = stores.backbone_weights()
    training = Training(
        catalog=stores.catalog,
        registry=stores.registry,
        tracker=stores.tracker,
        settings=settings,
        detector=stores.settings.detector,
        clock=stores.clock,
        progress=stores.progress,
        revision=code_revision(),
        environment=run_environment(),
    )
    return training.run(
        examples,
        build_backbone(stores.settings.backbone.name, weights),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        method=method,
        name=name,
        seed=seed,
        options=given,
    )


def _catalog_history(stores: Stores) -> list[Example]:
    def unit_of(recipe: str) -> UnitGrid:
        return stores.settings.recipe(recipe).promise.unit

    return list(history(stores.catalog, stores.images, unit_of=unit_of))


def _folders(data: Sequence[Path], stores: Stores, *, seed: int) -> list[Example]:
    images = [image for folder in data for image in read_data_folder(folder)]
    limit = stores.settings.training.images_per_class
    return list(folder_examples(images, per_class=limit, generator=np.random.default_rng([seed, 3])))


def evaluate_detection(
    stores: Stores,
    data: Path,
    *,
    spec: DrawSpec,
    curves: CurveSpec,
    fine_tuning: FineTuning | None,
    model: str | None,
) -> DetectSummary:
    """Measure the detector taught from a registered initialization over repeated draws of a labelled folder.

    Without a model it is the default initialization in force, or where there is none the frozen backbone. Whole
    images are the unit of the promise, whose overkill is that of the default recipe.
    """
    images = read_data_folder(data)
    subject, shown, families = _detection_subject(stores, reference_of(stores, model))
    return run_draws(
        images,
        replace(subject, fine_tuning=fine_tuning),
        spec,
        model=shown,
        trained_on=families,
        progress=stores.progress,
        curves=curves,
    )


def compare_detection(
    stores: Stores, data: Path, *, spec: DrawSpec, shots: Sequence[int], model: str | None
) -> DetectComparison:
    """Measure what a registered initialization gains over the frozen backbone on the same draws of a folder.

    Without a model it is the default initialization in force. Raises NotFoundError where there is none.
    """
    reference = reference_of(stores, model)
    if reference is None:
        raise NotFoundError("no initialization is in force to compare with the frozen backbone; name one, or train one")
    subject, shown, families = _detection_subject(stores, reference)
    frozen, _, _ = _detection_subject(stores, None)
    return compare_subjects(
        read_data_folder(data),
        subject,
        frozen,
        spec,
        shots=shots,
        model=shown or "",
        trained_on=families,
        progress=stores.progress,
    )


def _detection_subject(stores: Stores, reference: ModelReference | None) -> tuple[Subject, str | None, tuple[str, ...]]:
    """Return what is tested, the registered ``name@version`` it comes from, and the families that trained on."""
    initialization, shown = (None, None) if reference is None else registered(stores, reference)
    subject = Subject(
        backbone=frozen_backbone(stores) if initialization is None else initialization.build_backbone(),
        prior=None if initialization is None else difference_prior(initialization.dense),
        promise=Promise(overkill=stores.settings.recipe("default").promise.overkill),
        settings=stores.settings.detector,
        regions=None
        if initialization is None
        else region_prior(initialization.typing, reach=stores.settings.detector.typing_reach),
    )
    return subject, shown, () if initialization is None else tuple(initialization.families)


def reference_of(stores: Stores, model: str | None) -> ModelReference | None:
    """Return which initialization is meant: the one named, else the default in force, else none."""
    if model is not None:
        return parsed_reference(model)
    name = initialization_name("default")
    in_force = stores.registry.aliased(name, CHAMPION) is not None
    return ModelReference(name=name, alias=CHAMPION) if in_force else None


def frozen_backbone(stores: Stores) -> Backbone:
    """Return the configured backbone with its verified weights."""
    return build_backbone(stores.settings.backbone.name, stores.backbone_weights())


def registered(stores: Stores, reference: ModelReference) -> tuple[Initialization, str]:
    """Return a registered initialization and its ``name@version``. Raises NotFoundError."""
    version, bundle = stores.registry.load(reference.name, version=reference.version, alias=reference.alias)
    return from_bundle(bundle), f"{reference.name}@{version}"
