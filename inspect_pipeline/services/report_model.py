"""The model's part of a report, read from the manifests of the detector and the initialization it came from."""

from collections.abc import Mapping
from typing import Any

from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.domain.report import (
    Fact,
    HeadAccuracy,
    Lineage,
    MetaTraining,
    ModelFacts,
    NamedRate,
    PairedDifference,
    Promise,
    StartingPoint,
    Threshold,
    TypeFacts,
)
from inspect_pipeline.domain.taxonomy import UNKNOWN_TYPE, LifeCycle
from inspect_pipeline.errors import NotFoundError
from inspect_pipeline.services.ports import ModelRegistry

_NOT_THERE = "the initialization is no longer in the registry"
_NOT_TRAINED = "the initialization was not meta-trained by this program"
_HEAD_NAMES = {
    "nearest_prototype": "nearest prototype, frozen features",
    "ridge": "ridge, frozen features",
    "shrinkage_lda": "shrinkage discriminant, frozen features",
}


def model_facts(registry: ModelRegistry, detector: str | None) -> ModelFacts | NotMeasured:
    """Return what is known of a detector ``name@version``, or why nothing is."""
    if detector is None:
        return NotMeasured(reason="no detector has judged this coil yet")
    name, _, version = detector.rpartition("@")
    try:
        manifest = registry.load(name, version=version)[1].manifest
    except NotFoundError as error:
        return NotMeasured(reason=str(error))
    aliases = next((v.aliases for v in registry.versions(name) if v.version == version), ())
    return ModelFacts(
        name=name,
        version=version,
        aliases=aliases,
        types=_types(manifest),
        thresholds=_thresholds(manifest),
        promise=_promise(manifest),
        lineage=_lineage(manifest, _initialization(registry, manifest)),
    )


def meta_training(registry: ModelRegistry, detector: str | None) -> MetaTraining | NotMeasured:
    """Return how the heads did on the episodes that decided what the initialization ships."""
    if detector is None:
        return NotMeasured(reason="no detector has judged this coil yet")
    name, _, version = detector.rpartition("@")
    try:
        manifest = _initialization(registry, registry.load(name, version=version)[1].manifest)
    except NotFoundError as error:
        return NotMeasured(reason=str(error))
    if manifest is None or "training" not in manifest:
        return NotMeasured(reason=_NOT_THERE if manifest is None else _NOT_TRAINED)
    training = manifest["training"]
    return MetaTraining(
        episodes=training["decision_episodes"],
        episode_form=training["form"],
        data=f"held out by {training['held_out_by']} from {', '.join(training['families'])}",
        heads=tuple(
            HeadAccuracy(name=_shown(head), accuracy=_estimate(value), starting_point=_starting_point(head, training))
            for head, value in training["heads"].items()
        ),
        differences=_differences(training),
    )


def initialization_of(registry: ModelRegistry, detector: str | None) -> str | None:
    """Return the ``name@version`` that a detector ``name@version`` was adapted from, None where it is not known."""
    if detector is None:
        return None
    name, _, version = detector.rpartition("@")
    try:
        return str(registry.load(name, version=version)[1].manifest["lineage"]["initialization"])
    except NotFoundError:
        return None


def _initialization(registry: ModelRegistry, detector: Mapping[str, Any]) -> Mapping[str, Any] | None:
    name, _, version = str(detector["lineage"]["initialization"]).rpartition("@")
    try:
        return registry.load(name, version=version)[1].manifest
    except NotFoundError:
        return None


def _types(manifest: Mapping[str, Any]) -> tuple[TypeFacts, ...]:
    samples = manifest["teaching"]["leave_one_out"]
    return tuple(
        TypeFacts(name=head["name"], life_cycle=LifeCycle(head["life_cycle"]), samples=samples[head["name"]]["of"])
        for head in manifest["heads"]
    )


def _thresholds(manifest: Mapping[str, Any]) -> tuple[Threshold, ...]:
    meaning = {UNKNOWN_TYPE: "distance from good material; beyond it the region is abnormal, of no known type"}
    return tuple(
        Threshold(
            name="anomaly" if name == UNKNOWN_TYPE else name,
            value=float(limit),
            meaning=meaning.get(name, f"evidence for {name}; beyond it the region is named so"),
        )
        for name, limit in manifest["thresholds"].items()
    )


def _promise(manifest: Mapping[str, Any]) -> Promise:
    promise, unit = manifest["promise"], manifest["promise"]["unit"]
    size = "frame" if unit["height_px"] is None else f"unit of {unit['width_px']} x {unit['height_px']} px"
    left_out = [
        NamedRate(
            name=name,
            rate=ShownRate(count=row["found"], total=row["of"], low=row["interval"][0], high=row["interval"][1])
            if row["of"]
            else NotMeasured(reason="no sample could be left out"),
        )
        for name, row in manifest["teaching"]["leave_one_out"].items()
    ]
    return Promise(
        unit=size,
        overkill_at_most=float(promise["overkill"]),
        leave_one_out=tuple(left_out) or NotMeasured(reason="the detector knows no type yet"),
    )


def _lineage(detector: Mapping[str, Any], initialization: Mapping[str, Any] | None) -> Lineage:
    lineage = detector["lineage"]
    name, _, version = str(lineage["initialization"]).rpartition("@")
    own: Mapping[str, Any] = {} if initialization is None else initialization["lineage"]
    training: Mapping[str, Any] = {} if initialization is None else initialization.get("training", {})
    unknown = _NOT_THERE if initialization is None else _NOT_TRAINED
    absent = NotMeasured(reason=unknown)
    return Lineage(
        initialization=name,
        initialization_version=version,
        method="not recorded" if initialization is None else _shown(str(initialization["method"])),
        chosen=_chosen(training),
        why=_why(training) if training else f"{unknown[0].upper()}{unknown[1:]}, so the reason is not known.",
        decided_by=_differences(training) if training else absent,
        backbone=str(detector["backbone"]),
        weights_sha256=str(own["weights_sha256"]) if "weights_sha256" in own else absent,
        label_count=len(lineage["labels"]),
        data_fingerprint=str(initialization["data_fingerprint"]) if initialization is not None else absent,
        code_revision=str(lineage["revision"]),
        seeds=(
            Fact(name="teaching", value=str(lineage["seed"])),
            *((Fact(name="meta-training", value=str(own["seed"])),) if "seed" in own else ()),
        ),
    )


def _chosen(training: Mapping[str, Any]) -> StartingPoint:
    if not training:
        return StartingPoint.NOT_RECORDED
    return StartingPoint.FROZEN_BASELINE if training["chosen"] == "frozen" else StartingPoint.META_TRAINED


def _why(training: Mapping[str, Any]) -> str:
    return f"{_why_head(training)} {_why_dense(training.get('dense'))}"


def _why_dense(dense: Mapping[str, Any] | None) -> str:
    if dense is None:
        return "Whether the detector's heads start from a prior was not recorded."
    if dense["chosen"] == "frozen":
        return f"The detector's heads start without a prior from history: {dense['reason']}."
    gain = dense["metrics"]
    interval = f"[{gain['difference_low']:+.3f}, {gain['difference_high']:+.3f}]"
    return (
        f"The detector's heads start from a prior direction learned on history ({dense['chosen']}): unit AUROC "
        f"{gain['difference']:+.3f} {interval} against no prior on families that it was not fitted on."
    )


def _why_head(training: Mapping[str, Any]) -> str:
    episodes, trained = training["decision_episodes"], _shown(training["trained"])
    if training["chosen"] == "frozen":
        return (
            f"On {episodes} held-out episodes {trained} did not beat every frozen baseline with an interval above "
            "zero, so the best frozen baseline is shipped."
        )
    return f"On {episodes} held-out episodes {trained} beat every frozen baseline with an interval above zero."


def _differences(training: Mapping[str, Any]) -> tuple[PairedDifference, ...]:
    return tuple(
        PairedDifference(first=_shown(first), second=_shown(second), difference=_estimate(value))
        for first, second, value in training["differences"]
    )


def _starting_point(head: str, training: Mapping[str, Any]) -> StartingPoint | None:
    if head != training["shipped"]:
        return None
    return _chosen(training)


def _shown(head: str) -> str:
    return _HEAD_NAMES.get(head, head)


def _estimate(value: Mapping[str, Any]) -> Estimate:
    return Estimate(value=value["mean"], low=value["low"], high=value["high"], samples=value["episodes"])
