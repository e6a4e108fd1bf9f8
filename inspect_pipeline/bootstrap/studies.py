"""Training and evaluation wired: folders or the catalog's history in, a registered version or figures out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inspect_pipeline.bootstrap.revision import code_revision
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.bundle import initialization_name
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.initialization import Initialization, from_bundle
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods import method_names, untrained
from inspect_pipeline.learning.region_features import descriptor_dims
from inspect_pipeline.services.evaluation import EvaluateSummary, Regions, describe_folder, evaluate_folder
from inspect_pipeline.services.examples import Example, folder_examples, history
from inspect_pipeline.services.models import CHAMPION, ModelReference, parsed_reference
from inspect_pipeline.services.training import Training, TrainSummary

if TYPE_CHECKING:
    from inspect_pipeline.bootstrap.house import House

FROZEN = "nearest_prototype"


def train(house: "House", data: Sequence[Path], *, method: str, name: str, seed: int) -> TrainSummary:
    """Meta-train on labelled folders, or without any on the catalog's history; register the challenger."""
    if method not in method_names():
        raise NotFoundError(f"there is no method {method!r} to train; choose one of {', '.join(method_names())}")
    settings = house.settings.training
    examples = _folders(data, house, seed=seed) if data else list(history(house.catalog, house.images))
    weights = house.backbone_weights()
    training = Training(
        catalog=house.catalog,
        registry=house.registry,
        tracker=house.tracker,
        settings=settings,
        clock=house.clock,
        progress=house.progress,
        revision=code_revision(),
    )
    return training.run(
        examples,
        build_backbone(house.settings.backbone.name, weights),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        method=method,
        name=name,
        seed=seed,
    )


def _folders(data: Sequence[Path], house: "House", *, seed: int) -> list[Example]:
    images = [image for folder in data for image in read_data_folder(folder)]
    limit = house.settings.training.images_per_class
    return list(folder_examples(images, per_class=limit, generator=np.random.default_rng([seed, 3])))


def evaluate(
    house: "House",
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
    backbone, head, shown = _subject(house, model, method)
    described = describe_folder(images, backbone, regions=regions, progress=house.progress)
    return evaluate_folder(
        described, head, model=shown, spec=spec, episodes=episodes, seed=seed, progress=house.progress
    )


def _subject(house: "House", model: str | None, method: str | None) -> tuple[Backbone, Method, str | None]:
    """Return backbone, head and the registered ``name@version`` they come from, if any."""
    name = initialization_name("default")
    if model is not None:
        reference = parsed_reference(model)
    elif method is None and house.registry.aliased(name, CHAMPION) is not None:
        reference = ModelReference(name=name, alias=CHAMPION)
    else:
        backbone = build_backbone(house.settings.backbone.name, house.backbone_weights())
        return backbone, untrained(method or FROZEN, descriptor_dims(backbone)), None
    initialization, shown = _registered(house, reference)
    return initialization.build_backbone(), initialization.build_method(), shown


def _registered(house: "House", reference: ModelReference) -> tuple[Initialization, str]:
    version, bundle = house.registry.load(reference.name, version=reference.version, alias=reference.alias)
    return from_bundle(bundle), f"{reference.name}@{version}"
