"""Studies of few-shot methods wired: folders in, figures out, and their page and plots written and tracked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inspect_pipeline.bootstrap.searches import SearchFound, run_search
from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.bootstrap.studies import FROZEN, frozen_backbone, reference_of, registered
from inspect_pipeline.bootstrap.study_pages import Published, publish
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.domain.search import Sampler
from inspect_pipeline.domain.taxonomy import checked_name
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.embedding import ChannelScales, Option
from inspect_pipeline.learning.embedding_catalog import side_of
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.image_samples import images_of
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method, method_names
from inspect_pipeline.learning.region_features import descriptor_dims
from inspect_pipeline.learning.sample_cache import Samples
from inspect_pipeline.services.cross_domain import CrossDomain, CrossDomainSummary
from inspect_pipeline.services.evaluation import (
    EvaluateSummary,
    Measures,
    Regions,
    describe_folder,
    evaluate_folder,
)
from inspect_pipeline.services.method_curves import MethodCurves
from inspect_pipeline.services.method_options import checked_options, entry_of, parsed_options
from inspect_pipeline.services.method_search import MethodSearch
from inspect_pipeline.services.search_space import default_axes, parsed_axes
from inspect_pipeline.services.training import servable
from inspect_pipeline.services.training_settings import TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Subject:
    """What is measured: backbone, method, the registered ``name@version`` if any, and the families it trained on."""

    backbone: Backbone
    method: Method
    model: str | None
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodStudies:
    """Measuring few-shot methods on labelled folders."""

    stores: Stores

    def evaluate(
        self,
        data: Sequence[Path],
        *,
        way: int = 5,
        shot: int = 5,
        query: int = 15,
        episodes: int = 600,
        seed: int = 0,
        model: str | None = None,
        method: str | None = None,
        options: Sequence[str] = (),
        regions: Regions = "image",
        curve_shots: Sequence[int] = (),
        curve_steps: Sequence[int] = (),
        open_world: bool = False,
    ) -> EvaluateSummary:
        """Measure a registered initialization or an untrained method on labelled folders.

        Without either it is the default initialization in force, or where there is none the frozen nearest prototype.
        ``options`` are of the method, ``KEY=VALUE``; ``curve_shots`` and ``curve_steps`` the points of its curves, and
        ``open_world`` adds types left out and types added.
        """
        curves = MethodCurves(shots=tuple(curve_shots), steps=tuple(curve_steps))
        if model is not None and method is not None:
            raise BadDataError("give a model or a method to evaluate, not both: a model brings its method along")
        images = labelled_images(data)
        subject = self._subject(model, method, options)
        described = describe_folder(
            images,
            subject.backbone,
            regions=regions,
            progress=self.stores.progress,
            side_px=side_of(subject.method.embedding),
        )
        others: dict[str, Samples] = {}
        if described.images is not None:
            others = {subject.method.name: images_of(described.images, subject.backbone)}
        return evaluate_folder(
            described,
            subject.method,
            model=subject.model,
            spec=EpisodeSpec(way=way, shot=shot, query=query),
            episodes=episodes,
            seed=seed,
            progress=self.stores.progress,
            measures=Measures(curves=curves, open_set=open_world, known_versus_new=open_world),
            trained_on=subject.families,
            others=others,
        )

    def cross_domain(
        self,
        data: Sequence[Path],
        *,
        method: str = "protonet",
        options: Sequence[str] = (),
        way: int = 5,
        shot: int = 5,
        query: int = 15,
        episodes: int = 600,
        seed: int = 0,
        seeds: int = 1,
        regions: Regions = "image",
    ) -> CrossDomainSummary:
        """Train on all materials but one, in turn, and measure on that one; the settings of the training apply.

        At most ``training.images_per_class`` images of a class are used, drawn by the seed.
        """
        settings, stores = self.stores.settings.training, self.stores
        _on_descriptors(settings)
        images = capped(labelled_images(data), settings.images_per_class, np.random.default_rng([seed, 3]))
        backbone = frozen_backbone(stores)
        built = trainable(method, descriptor_dims(backbone), settings.options, options)
        study = CrossDomain(
            method=built,
            spec=EpisodeSpec(way=way, shot=shot, query=query),
            training=EpisodeSpec(way=settings.way, shot=settings.shot, query=settings.query),
            outer_loop=settings.outer_loop,
            episodes=episodes,
            seed=seed,
            seeds=seeds,
            progress=stores.progress,
            clock=stores.clock,
        )
        return study.run(describe_folder(images, backbone, regions=regions, progress=stores.progress))

    def search(
        self,
        data: Sequence[Path],
        *,
        method: str,
        trials: int,
        sampler: Sampler = "tpe",
        study: str | None = None,
        space: Sequence[str] = (),
        seed: int = 0,
        seeds: int = 1,
        track: bool = True,
    ) -> SearchFound:
        """Search rates, steps and options on held-out validation episodes, and write the best as training settings."""
        settings, stores = self.stores.settings.training, self.stores
        _on_descriptors(settings)
        images = capped(labelled_images(data), settings.images_per_class, np.random.default_rng([seed, 3]))
        backbone = frozen_backbone(stores)
        described = describe_folder(images, backbone, regions="image", progress=stores.progress)
        asked = EpisodeSpec(way=settings.way, shot=settings.shot, query=settings.query)
        dims = descriptor_dims(backbone)
        search = MethodSearch(
            build=lambda values: trainable(method, dims, {**settings.options, **values}, ()),
            described=described,
            spec=servable(described.index, asked),
            outer_loop=settings.outer_loop,
            seed=seed,
            seeds=seeds,
            progress=stores.progress,
            clock=stores.clock,
        )
        defaults = entry_of(method).defaults
        return run_search(
            stores,
            search,
            study=checked_name(study or method, what="study"),
            axes=parsed_axes(space, defaults) if space else default_axes(defaults),
            trials=trials,
            sampler=sampler,
            track=track,
        )

    def publish(
        self,
        document: Mapping[str, Any],
        *,
        data: Sequence[Path],
        command: str,
        page: Path | None,
        plots: Path | None,
        track: bool,
    ) -> Published:
        """Write the page and the charts of an answer, as JSON, and record it as a tracked run where asked."""
        return publish(self.stores, document, data=data, command=command, page=page, plots=plots, track=track)

    def _subject(self, model: str | None, method: str | None, options: Sequence[str]) -> _Subject:
        reference = reference_of(self.stores, model) if method is None else None
        if reference is None:
            backbone, name = frozen_backbone(self.stores), method or FROZEN
            embedding = ChannelScales.identity(descriptor_dims(backbone))
            built = build_method(name, embedding, parsed_options(name, options))
            return _Subject(backbone=backbone, method=built, model=None, families=())
        if options:
            raise BadDataError("a registered model has its options already; leave --option out, or give --method")
        initialization, shown = registered(self.stores, reference)
        return _Subject(
            backbone=initialization.build_backbone(),
            method=initialization.build_method(),
            model=shown,
            families=initialization.families,
        )


def _on_descriptors(settings: TrainingSettings) -> None:
    """Refuse a study that would leave the embedding of the settings alone."""
    if settings.embedding != "descriptors":
        raise BadDataError(
            f"training.embedding is {settings.embedding}, cross-domain and search run on descriptors; set it so, or "
            "train and evaluate the network with 'train' and 'evaluate --model'"
        )


def trainable(method: str, dims: int, configured: Mapping[str, Option], words: Sequence[str]) -> Method:
    """Return a method to be trained on descriptors, its options configured or given ``KEY=VALUE``, which win.

    Raises NotFoundError for a method that learns nothing, BadDataError for an option it has not.
    """
    if method not in method_names():
        raise NotFoundError(f"there is no method {method!r} to train; choose one of {', '.join(method_names())}")
    options = {**checked_options(method, configured), **parsed_options(method, words)}
    return build_method(method, ChannelScales.identity(dims), options)


def capped(images: Sequence[LabelledImage], most: int, generator: np.random.Generator) -> list[LabelledImage]:
    """Return at most so many images of every class of every family, drawn, in the order they came."""
    members: dict[tuple[str, str], list[int]] = {}
    for place, image in enumerate(images):
        members.setdefault((image.family, image.class_name), []).append(place)
    kept = [places[int(i)] for places in members.values() for i in generator.permutation(len(places))[:most]]
    return [images[place] for place in sorted(kept)]


def labelled_images(data: Sequence[Path]) -> list[LabelledImage]:
    """Return the images of the folders. Raises BadDataError for none, or for a family that two of them hold."""
    if not data:
        raise BadDataError("there is no data to measure on; give --data DIR")
    owners: dict[str, Path] = {}
    images: list[LabelledImage] = []
    for folder in data:
        found = read_data_folder(folder)
        for family in dict.fromkeys(image.family for image in found):
            if family in owners:
                raise BadDataError(f"family {family!r} is in {owners[family]} and in {folder}; give each material once")
            owners[family] = folder
        images += found
    return images
