"""Training and evaluation wired: folders or the catalog's history in, a registered version or figures out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.detector_settings import UnitGrid
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.initialization import Initialization, from_bundle
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods import method_names, untrained
from inspect_pipeline.learning.region_features import descriptor_dims
from inspect_pipeline.services.evaluation import EvaluateSummary, Regions, describe_folder, evaluate_folder
from inspect_pipeline.services.examples import Example, folder_examples, history
from inspect_pipeline.services.models import CHAMPION, ModelReference, parsed_reference
from inspect_pipeline.services.training import Training, TrainSummary

FROZEN = "nearest_prototype"


def train(stores: Stores, data: Sequence[Path], *, method: str, name: str, seed: int) -> TrainSummary:
    """Meta-train on labelled folders, or without any on the catalog's history; register the challenger."""
    if method not in method_names():
        raise NotFoundError(f"there is no method {method!r} to train; choose one of {', '.join(method_names())}")
    settings = stores.settings.training
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
    )
    return training.run(
        examples,
        build_backbone(stores.settings.backbone.name, weights),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        method=method,
        name=name,
        seed=seed,
    )


def _catalog_history(stores: Stores) -> list[Example]:
    def unit_of(recipe: str) -> UnitGrid:
        return stores.settings.recipe(recipe).promise.unit

    return list(history(stores.catalog, stores.images, unit_of=unit_of))


def _folders(data: Sequence[Path], stores: Stores, *, seed: int) -> list[Example]:
    images = [image for folder in data for image in read_data_folder(folder)]
    limit = stores.settings.training.images_per_class
    return list(folder_examples(images, per_class=limit, generator=np.random.default_rng([seed, 3])))


def evaluate(
    stores: Stores,
    data: Path,
    *,
    spec: EpisodeSpec,
    episodes: int,
    seed: int,
    model: str | None,
    method: str | None,
    regions: Regions,
) -> EvaluateSummary:
    """Measure a registered initialization or an untrained method on a labelled folder.

    Without either it is the default initialization in force, or where there is none the frozen nearest prototype.
    """
    if model is not None and method is not None:
        raise BadDataError("give a model or a method to evaluate, not both: a model brings its method along")
    images = read_data_folder(data)
    backbone, head, shown = _subject(stores, model, method)
    described = describe_folder(images, backbone, regions=regions, progress=stores.progress)
    return evaluate_folder(
        described, head, model=shown, spec=spec, episodes=episodes, seed=seed, progress=stores.progress
    )


def _subject(stores: Stores, model: str | None, method: str | None) -> tuple[Backbone, Method, str | None]:
    """Return backbone, head and the registered ``name@version`` they come from, if any."""
    name = initialization_name("default")
    if model is not None:
        reference = parsed_reference(model)
    elif method is None and stores.registry.aliased(name, CHAMPION) is not None:
        reference = ModelReference(name=name, alias=CHAMPION)
    else:
        backbone = build_backbone(stores.settings.backbone.name, stores.backbone_weights())
        return backbone, untrained(method or FROZEN, descriptor_dims(backbone)), None
    initialization, shown = _registered(stores, reference)
    return initialization.build_backbone(), initialization.build_method(), shown


def _registered(stores: Stores, reference: ModelReference) -> tuple[Initialization, str]:
    version, bundle = stores.registry.load(reference.name, version=reference.version, alias=reference.alias)
    return from_bundle(bundle), f"{reference.name}@{version}"
