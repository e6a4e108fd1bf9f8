"""The model's part of the report: every word and figure from the manifests, and where there is none it says so."""

from copy import deepcopy
from dataclasses import replace

import pytest

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.figures import Estimate, NotMeasured, ShownRate
from inspect_pipeline.domain.report import Fact, Lineage, MetaTraining, ModelFacts, StartingPoint
from inspect_pipeline.domain.statistics import rate
from inspect_pipeline.domain.taxonomy import LifeCycle
from inspect_pipeline.services.report_model import initialization_of, meta_training, model_facts
from inspect_pipeline.services.training import TrainSummary
from tests.fakes.registry import InMemoryRegistry

from .plant import DETECTOR, INITIALIZATION, Plant
from .workshop import WEIGHTS, Workshop

FIRST = f"{DETECTOR}@1"
Trained = tuple[Workshop, TrainSummary]


def adapted_from(trained: Trained, lesson: Plant) -> InMemoryRegistry:
    """The registry of a training with the detector of a lesson in it, as if the one had led to the other."""
    registry = deepcopy(trained[0].registry)
    _, detector = lesson.registry.load(DETECTOR, version="1")
    registry.register(DETECTOR, detector, tags={})
    registry.set_alias(DETECTOR, "champion", "1")
    return registry


def facts(registry: InMemoryRegistry, detector: str = FIRST) -> ModelFacts:
    found = model_facts(registry, detector)
    assert isinstance(found, ModelFacts)
    return found


def lineage(registry: InMemoryRegistry) -> Lineage:
    return facts(registry).lineage


def episodes(registry: InMemoryRegistry) -> MetaTraining:
    found = meta_training(registry, FIRST)
    assert isinstance(found, MetaTraining)
    return found


def test_the_detector_is_shown_with_its_types_thresholds_and_promise(won: Trained, first_lesson: Plant) -> None:
    registry = adapted_from(won, first_lesson)
    manifest = registry.load(DETECTOR, version="1")[1].manifest
    found = facts(registry)
    assert (found.name, found.version, found.aliases) == (DETECTOR, "1", ("champion",))
    assert [(t.name, t.life_cycle, t.samples) for t in found.types] == [("bar", LifeCycle.PROVISIONAL, 4)]
    assert isinstance(found.thresholds, tuple)
    limits = {limit.name: limit.value for limit in found.thresholds}
    assert limits == {"anomaly": manifest["thresholds"]["unknown"], "bar": manifest["thresholds"]["bar"]}
    assert (found.promise.unit, found.promise.overkill_at_most) == ("frame", 0.05)
    exact = rate(4, 4)
    assert isinstance(found.promise.leave_one_out, tuple)
    (left_out,) = found.promise.leave_one_out
    assert left_out.rate == ShownRate(count=4, total=4, low=exact.low, high=exact.high)


def test_the_unit_of_the_promise_is_said_in_pixels(first_lesson: Plant) -> None:
    registry = deepcopy(first_lesson.registry)
    _, bundle = registry.load(DETECTOR, version="1")
    promise = {"overkill": 0.01, "unit": {"height_px": 300, "width_px": 200}}
    registry.register(DETECTOR, replace(bundle, manifest={**bundle.manifest, "promise": promise}), tags={})
    found = facts(registry, f"{DETECTOR}@2").promise
    assert (found.unit, found.overkill_at_most) == ("unit of 200 x 300 px", 0.01)


def test_the_lineage_names_everything_that_led_to_the_detector(won: Trained, first_lesson: Plant) -> None:
    found = lineage(adapted_from(won, first_lesson))
    assert (found.initialization, found.initialization_version) == (INITIALIZATION, "1")
    assert (found.method, found.chosen) == ("protonet", StartingPoint.META_TRAINED)
    assert (found.backbone, found.weights_sha256) == ("tf_efficientnet_lite0", WEIGHTS)
    assert (found.label_count, found.code_revision) == (24, "0.1.0+gtest")
    assert found.data_fingerprint == won[1].fingerprint
    assert found.seeds == (Fact(name="teaching", value="0"), Fact(name="meta-training", value="0"))
    assert found.why.startswith("On 120 held-out episodes protonet beat every frozen baseline")
    assert "start without a prior from history: 0 families" in found.why


def test_what_decided_is_shown_with_its_intervals(won: Trained, first_lesson: Plant) -> None:
    registry = adapted_from(won, first_lesson)
    training = registry.load(INITIALIZATION, version="1")[1].manifest["training"]
    found = episodes(registry)
    assert (found.episodes, found.episode_form) == (120, "3-way 2-shot, 3 queries a type")
    assert found.data == "held out by family from family-0, family-1, family-2"
    assert [(head.name, head.starting_point) for head in found.heads] == [
        ("protonet", StartingPoint.META_TRAINED),
        ("nearest prototype, frozen features", None),
        ("ridge, frozen features", None),
        ("shrinkage discriminant, frozen features", None),
    ]
    best = training["heads"]["protonet"]
    assert found.heads[0].accuracy == Estimate(value=best["mean"], low=best["low"], high=best["high"], samples=120)
    assert lineage(registry).decided_by == found.differences
    assert [(d.first, d.second) for d in found.differences] == [
        ("protonet", "nearest prototype, frozen features"),
        ("protonet", "ridge, frozen features"),
        ("protonet", "shrinkage discriminant, frozen features"),
    ]


def test_where_the_frozen_baseline_was_as_good_it_is_called_so(lost: Trained, first_lesson: Plant) -> None:
    registry = adapted_from(lost, first_lesson)
    found = lineage(registry)
    assert found.chosen is StartingPoint.FROZEN_BASELINE
    assert found.method.endswith(", frozen features")
    assert "did not beat every frozen baseline with an interval above zero" in found.why
    (in_use,) = [head for head in episodes(registry).heads if head.starting_point is not None]
    assert (in_use.name, in_use.starting_point) == (found.method, StartingPoint.FROZEN_BASELINE)


def test_a_prior_that_was_shipped_is_shown_with_what_it_gained(won: Trained, first_lesson: Plant) -> None:
    registry = adapted_from(won, first_lesson)
    _, bundle = registry.load(INITIALIZATION, version="1")
    gain = {"difference": 0.041, "difference_low": 0.02, "difference_high": 0.06}
    training = {**bundle.manifest["training"], "dense": {"chosen": "mean_1", "reason": "", "metrics": gain}}
    registry.register(INITIALIZATION, replace(bundle, manifest={**bundle.manifest, "training": training}), tags={})
    relinked(registry, f"{INITIALIZATION}@2")
    assert "(mean_1): unit AUROC +0.041 [+0.020, +0.060]" in facts(registry, f"{DETECTOR}@2").lineage.why


def relinked(registry: InMemoryRegistry, origin: str) -> None:
    """Register the detector once more, adapted from another initialization."""
    _, bundle = registry.load(DETECTOR, version="1")
    changed = {**bundle.manifest["lineage"], "initialization": origin}
    registry.register(DETECTOR, replace(bundle, manifest={**bundle.manifest, "lineage": changed}), tags={})


def test_an_initialization_that_is_gone_leaves_no_figure_behind(won: Trained, first_lesson: Plant) -> None:
    registry = adapted_from(won, first_lesson)
    relinked(registry, "initialization.lost@3")
    found = facts(registry, f"{DETECTOR}@2").lineage
    gone = NotMeasured(reason="the initialization is no longer in the registry")
    assert (found.initialization, found.initialization_version) == ("initialization.lost", "3")
    assert (found.decided_by, found.weights_sha256, found.data_fingerprint) == (gone, gone, gone)
    assert (found.method, found.chosen) == ("not recorded", StartingPoint.NOT_RECORDED)
    assert found.why == "The initialization is no longer in the registry, so the reason is not known."
    assert found.seeds == (Fact(name="teaching", value="0"),)
    assert meta_training(registry, f"{DETECTOR}@2") == gone


def test_an_initialization_without_a_training_is_not_called_meta_trained(first_lesson: Plant) -> None:
    found = lineage(first_lesson.registry)
    assert (found.method, found.chosen) == ("nearest prototype, frozen features", StartingPoint.NOT_RECORDED)
    assert found.why.startswith("The initialization was not meta-trained by this program")
    assert isinstance(meta_training(first_lesson.registry, FIRST), NotMeasured)


def test_without_a_detector_or_with_one_that_is_gone_nothing_is_claimed(first_lesson: Plant) -> None:
    registry = first_lesson.registry
    for part in (model_facts, meta_training):
        assert part(registry, None) == NotMeasured(reason="no detector has judged this coil yet")
        gone = part(registry, f"{DETECTOR}@9")
        assert isinstance(gone, NotMeasured)
        assert DETECTOR in gone.reason


@pytest.mark.parametrize(
    ("detector", "origin"), [(None, None), (FIRST, f"{INITIALIZATION}@1"), (f"{DETECTOR}@9", None)]
)
def test_the_initialization_of_a_detector_is_named_by_its_manifest(
    first_lesson: Plant, detector: str | None, origin: str | None
) -> None:
    assert initialization_of(first_lesson.registry, detector) == origin


def test_a_detector_without_types_has_no_leave_one_out(first_lesson: Plant) -> None:
    registry = deepcopy(first_lesson.registry)
    _, bundle = registry.load(DETECTOR, version="1")
    teaching = {**bundle.manifest["teaching"], "leave_one_out": {}}
    bare: Bundle = replace(bundle, manifest={**bundle.manifest, "heads": [], "teaching": teaching})
    registry.register(DETECTOR, bare, tags={})
    found = facts(registry, f"{DETECTOR}@2")
    assert found.types == ()
    assert found.promise.leave_one_out == NotMeasured(reason="the detector knows no type yet")
