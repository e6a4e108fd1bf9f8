"""Meta-training: historical examples become an initialization, measured beside its baselines, and registered."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_pipeline.domain.bundle import Bundle, initialization_name
from inspect_pipeline.domain.gate import evidence_to
from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.domain.records import Clock, Progress, StageRun
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.dense_prior import DensePrior, DensePriorSettings, fit_dense_prior
from inspect_pipeline.learning.detector_settings import DetectorSettings
from inspect_pipeline.learning.embedding import ChannelScales, Option
from inspect_pipeline.learning.embedding_catalog import constants_of
from inspect_pipeline.learning.episodes import EpisodeIndex, EpisodeSpec, index_samples, plan_episodes
from inspect_pipeline.learning.evaluation import data_fingerprint, sample_hash
from inspect_pipeline.learning.image_samples import image_samples
from inspect_pipeline.learning.initialization import Initialization
from inspect_pipeline.learning.method import Method
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.networks.network_catalog import network_spec, started_network
from inspect_pipeline.learning.outer_loop import OuterLoopResult, meta_train
from inspect_pipeline.learning.region_features import descriptor_dims, region_features
from inspect_pipeline.learning.region_metric import RegionHistory, fit_region_history
from inspect_pipeline.learning.sample_cache import SampleCache
from inspect_pipeline.learning.teaching import FrameRegions
from inspect_pipeline.services.examples import Example
from inspect_pipeline.services.in_force import CHALLENGER
from inspect_pipeline.services.method_options import checked_options
from inspect_pipeline.services.ports import Catalog, ModelRegistry, Tracker
from inspect_pipeline.services.teaching import INPUT_TAG
from inspect_pipeline.services.training_record import evidence_of, training_record
from inspect_pipeline.services.training_settings import TrainingSettings

EXPERIMENT = "meta-training"
_ENOUGH_FAMILIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSummary:
    """What one meta-training gave; ``new`` is False when the same data and settings had been trained on before.

    ``chosen`` is the method, or "frozen" where a frozen baseline was as good. ``metrics`` are fractions, on episodes of
    families (or types) that training never saw.
    """

    model: str
    version: str
    new: bool
    method: str
    chosen: str
    metrics: Mapping[str, float]
    episodes_per_s: float
    families: tuple[str, ...]
    fingerprint: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _History:
    """The examples with their index and what identifies them."""

    examples: Sequence[Example]
    index: EpisodeIndex
    fingerprint: str
    marks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The meta-training use case with the adapters it needs."""

    catalog: Catalog
    registry: ModelRegistry
    tracker: Tracker
    settings: TrainingSettings
    detector: DetectorSettings
    clock: Clock
    progress: Progress
    revision: str
    environment: Mapping[str, str | int] = field(default_factory=dict)

    def run(
        self,
        examples: Sequence[Example],
        backbone: Backbone,
        *,
        weights_sha256: str,
        method: str,
        name: str,
        seed: int,
        options: Mapping[str, Option] | None = None,
    ) -> TrainSummary:
        """Train on the examples and register the result as challenger of ``initialization.<name>``.

        ``options`` are those of the method that differ from the catalog's and from the settings'.

        The same examples, backbone, settings and seed give the version registered before. Raises BadDataError when the
        examples cannot serve the episodes asked for.
        """
        started = self.clock()
        history = _indexed(examples)
        chosen = {**checked_options(method, self.settings.options), **(options or {})}
        model = initialization_name(name)
        digest = self._digest(history, weights_sha256, method, seed, chosen)
        known = next((v for v in self.registry.versions(model) if v.tags.get(INPUT_TAG) == digest), None)
        if known is not None:
            manifest = self.registry.load(model, version=known.version)[1].manifest
            return _summary(model, known.version, manifest, new=False, seconds=0.0)
        features = region_features(backbone, _crops(examples), progress=self._of(len(history.index)))
        spec = servable(history.index, self._asked())
        learning_started = self.clock()
        start, samples = self._start(method, chosen, examples, backbone, seed=seed)
        result = self._learned(start, samples, features, history.index, spec, seed=seed)
        learning_s = (self.clock() - learning_started).total_seconds()
        dense = DensePriorSettings(detector=self.detector)
        prior = fit_dense_prior(backbone, _by_family(examples), settings=dense, seed=seed, progress=self.progress)
        regions = fit_region_history(features, history.index, spec, seed=seed, progress=self.progress)
        rate = result.episodes / max(learning_s, 1e-9)
        bundle = self._bundle(
            result, prior, history, backbone, spec, regions=regions, seed=seed, digest=digest, weights=weights_sha256
        )
        training = {**bundle.manifest["training"], "episodes_per_s": rate}
        bundle = replace(bundle, manifest={**bundle.manifest, "training": training})
        run = self._track(result, prior, regions, method=method, seed=seed, fingerprint=history.fingerprint)
        version = self.registry.register(model, bundle, tags={INPUT_TAG: digest, "method": method}, run=run)
        self.registry.set_alias(model, CHALLENGER, version)
        seconds = self._record(started, model=f"{model}@{version}", episodes=result.episodes)
        return _summary(model, version, bundle.manifest, new=True, seconds=seconds)

    def _start(
        self,
        method: str,
        options: Mapping[str, Option],
        examples: Sequence[Example],
        backbone: Backbone,
        *,
        seed: int,
    ) -> tuple[Method, SampleCache | None]:
        """Return the method as it starts, and its samples where these are images and no descriptors."""
        if self.settings.embedding == "descriptors":
            return build_method(method, ChannelScales.identity(descriptor_dims(backbone)), options), None
        spec = network_spec(self.settings.embedding, self.settings.network)
        embedding = started_network(spec, torch.Generator().manual_seed(seed))
        images = image_samples(_crops(examples), backbone, side_px=spec.side_px)
        return build_method(method, embedding, options), images

    def _learned(
        self,
        method: Method,
        samples: SampleCache | None,
        features: NDArray[np.float32],
        index: EpisodeIndex,
        spec: EpisodeSpec,
        *,
        seed: int,
    ) -> OuterLoopResult:
        """Train on the samples, beside the frozen baselines on the descriptors of the same samples."""
        return meta_train(
            method,
            features if samples is None else samples,
            index,
            spec,
            options=self.settings.outer_loop,
            seed=seed,
            progress=self.progress,
            clock=self.clock,
            baseline_features=None if samples is None else features,
        )

    def _asked(self) -> EpisodeSpec:
        return EpisodeSpec(way=self.settings.way, shot=self.settings.shot, query=self.settings.query)

    def _of(self, total: int) -> Progress:
        """Return the progress callback for work whose size is known here and not where it is done."""
        return lambda stage, done, _total, _note="": self.progress(stage, done, total)

    def _digest(self, history: _History, weights: str, method: str, seed: int, options: Mapping[str, Option]) -> str:
        parts: list[object] = [history.fingerprint, history.marks, weights, method, seed]
        parts += [repr(replace(self.settings, options={})), repr(self.detector)]
        if options:
            parts.append(sorted(options.items()))
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _bundle(
        self,
        result: OuterLoopResult,
        prior: DensePrior,
        history: _History,
        backbone: Backbone,
        spec: EpisodeSpec,
        *,
        regions: RegionHistory,
        seed: int,
        digest: str,
        weights: str,
    ) -> Bundle:
        families = tuple(sorted(set(history.index.families)))
        initialization = Initialization(
            method=result.method.name,
            backbone=backbone.name,
            trunk=backbone.trunk_state(),
            head=result.method.head(),
            embedding=result.method.embedding.form(),
            constants=constants_of(result.method.embedding),
            options=result.method.options(),
            dense=prior.tensors,
            typing=regions.tensors,
            episode_spec=spec,
            metrics=result.metrics(),
            data_fingerprint=history.fingerprint,
            seed=seed,
            families=families,
        )
        lineage = {
            "revision": self.revision,
            "seed": seed,
            "input": digest,
            "weights_sha256": weights,
            "settings": asdict(self.settings),
            "made_at": self.clock().isoformat(),
        }
        bundle = initialization.to_bundle(lineage)
        extra = {
            "evidence": evidence_to(evidence_of(result)),
            "training": training_record(result, prior, regions, families),
        }
        return replace(bundle, manifest={**bundle.manifest, **extra})

    def _track(
        self,
        result: OuterLoopResult,
        prior: DensePrior,
        regions: RegionHistory,
        *,
        method: str,
        seed: int,
        fingerprint: str,
    ) -> str:
        loop = self.settings.outer_loop
        return self.tracker.record(
            EXPERIMENT,
            f"{method} seed {seed}",
            params={
                "method": method,
                "chosen": result.chosen,
                "dense_prior": prior.chosen,
                "region_metric": regions.chosen,
                "seed": seed,
                "fingerprint": fingerprint,
                "revision": self.revision,
                "way": self.settings.way,
                "shot": self.settings.shot,
                "query": self.settings.query,
                "held_out_by": result.division.by,
                **_plain(asdict(loop)),
                **{f"option.{name}": str(value) for name, value in result.trained.options().items()},
                **{f"environment.{name}": value for name, value in self.environment.items()},
            },
            metrics={
                **result.metrics(),
                **{f"dense.{name}": value for name, value in prior.metrics.items()},
                **{f"typing.{name}": value for name, value in regions.metrics.items()},
            },
            curves={
                "validation_accuracy": [(point.step, point.accuracy) for point in result.history],
                "loss": [(point.step, point.loss) for point in result.history if point.loss is not None],
            },
        )

    def _record(self, started: datetime, *, model: str, episodes: int) -> float:
        seconds = (self.clock() - started).total_seconds()
        run = StageRun(
            stage="meta_train", started_at=started, seconds=seconds, model=model, detail={"episodes": episodes}
        )
        with self.catalog.transaction() as unit:
            unit.add_stage(run)
        return seconds


def _crops(examples: Sequence[Example]) -> Iterator[Pixels]:
    for example in examples:
        for sample in example.samples:
            roi = sample.roi
            yield example.regions.pixels[roi.top : roi.bottom, roi.left : roi.right]


def _indexed(examples: Sequence[Example]) -> _History:
    samples = [(example, sample) for example in examples for sample in example.samples]
    if not samples:
        raise BadDataError("there is no history to meta-train on; ingest labelled history, or give --data DIR")
    index = index_samples(
        families=[example.family for example, _ in samples],
        types=[sample.class_name for _, sample in samples],
        groups=[sample.group for _, sample in samples],
    )
    hashes = [
        sample_hash(example.regions.pixels[s.roi.top : s.roi.bottom, s.roi.left : s.roi.right])
        for example, s in samples
    ]
    marks = hashlib.sha256()  # masks and groups decide as well: other ones are another training
    for example, sample in samples:
        marks.update(sample.group.encode())
        for region in example.regions.defects:
            marks.update(repr(region.roi).encode() + (b"" if region.mask is None else region.mask.tobytes()))
    return _History(
        examples=examples, index=index, fingerprint=data_fingerprint(hashes, index), marks=marks.hexdigest()
    )


def servable(index: EpisodeIndex, asked: EpisodeSpec) -> EpisodeSpec:
    """Return the episodes asked for, with fewer ways where that lets enough families take part.

    Enough are three, for the outer loop holds families out in turn, or as many as serve two ways where they are fewer.
    Raises BadDataError with the numbers when no family can serve even two ways.
    """
    fewest = min(_ENOUGH_FAMILIES, len(plan_episodes(index, replace(asked, way=2)).members))
    for way in range(asked.way, 2, -1):
        spec = replace(asked, way=way)
        if _families(index, spec) >= fewest:
            return spec
    return replace(asked, way=2)


def _families(index: EpisodeIndex, spec: EpisodeSpec) -> int:
    try:
        return len(plan_episodes(index, spec).members)
    except BadDataError:  # no family can serve that many ways
        return 0


def _by_family(examples: Sequence[Example]) -> dict[str, list[FrameRegions]]:
    families: dict[str, list[FrameRegions]] = {}
    for example in examples:
        families.setdefault(example.family, []).append(example.regions)
    return families


def _plain(settings: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Return settings as a tracker takes them; what lies deeper is told as text."""
    return {name: value if isinstance(value, str | int | float) else str(value) for name, value in settings.items()}


def _summary(model: str, version: str, manifest: Mapping[str, Any], *, new: bool, seconds: float) -> TrainSummary:
    training = manifest["training"]
    return TrainSummary(
        model=model,
        version=version,
        new=new,
        method=training["trained"],
        chosen=training["chosen"],
        metrics=training["metrics"],
        episodes_per_s=training["episodes_per_s"],
        families=tuple(training["families"]),
        fingerprint=manifest["data_fingerprint"],
        seconds=seconds,
    )
