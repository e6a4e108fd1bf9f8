"""Studies of few-shot methods wired: folders in, figures out, and their page and plots written and tracked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.bootstrap.studies import FROZEN, frozen_backbone, reference_of, registered
from inspect_pipeline.bootstrap.study_pages import Published, publish
from inspect_pipeline.cameras.data_folder import read_data_folder
from inspect_pipeline.domain.records import LabelledImage
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.region_features import descriptor_dims
from inspect_pipeline.services.evaluation import (
    EvaluateSummary,
    Measures,
    Regions,
    describe_folder,
    evaluate_folder,
)
from inspect_pipeline.services.method_curves import MethodCurves
from inspect_pipeline.services.method_options import parsed_options


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
        described = describe_folder(images, subject.backbone, regions=regions, progress=self.stores.progress)
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
