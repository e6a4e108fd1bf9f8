"""Meta-training on the fakes: what it needs, what it registers, and that the frozen head is shipped unless beaten."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from inspect_pipeline.domain.gate import GateRules, evidence_from, judge_initialization
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.backbones import Backbone
from inspect_pipeline.learning.difference_prior import difference_prior
from inspect_pipeline.learning.embedding_catalog import constants_of, side_of
from inspect_pipeline.learning.episodes import EpisodeSpec, index_samples
from inspect_pipeline.learning.image_samples import image_samples
from inspect_pipeline.learning.initialization import Initialization, from_bundle
from inspect_pipeline.learning.methods.catalog import build_method
from inspect_pipeline.learning.networks.network_catalog import network_spec, started_network
from inspect_pipeline.services.examples import NORMAL
from inspect_pipeline.services.in_force import CHALLENGER, CHAMPION
from inspect_pipeline.services.training import TrainSummary, servable
from inspect_pipeline.services.training_settings import checked_embedding

from .plant import INITIALIZATION
from .workshop import SETTINGS, WEIGHTS, Workshop, example, history, picture


@pytest.fixture
def quick(backbone: Backbone) -> Workshop:
    """A training that takes a moment: two steps, few episodes."""
    loop = replace(SETTINGS.outer_loop, steps=2, tasks_per_step=1, folds=2, validation_episodes=4, decision_episodes=4)
    return Workshop(backbone, settings=replace(SETTINGS, way=2, shot=1, query=1, outer_loop=loop))


def test_a_head_that_beats_every_frozen_one_is_shipped_and_its_manifest_says_by_how_much(
    won: tuple[Workshop, TrainSummary],
) -> None:
    workshop, summary = won
    assert (summary.model, summary.version, summary.new) == (INITIALIZATION, "1", True)
    assert (summary.method, summary.chosen) == ("protonet", "protonet")
    assert summary.families == ("family-0", "family-1", "family-2")
    _, bundle = workshop.registry.load(INITIALIZATION, version="1")
    training = bundle.manifest["training"]
    assert (training["trained"], training["chosen"], training["shipped"]) == ("protonet", "protonet", "protonet")
    assert set(training["heads"]) == {"protonet", "nearest_prototype", "ridge", "shrinkage_lda"}
    gains = {second: gain for first, second, gain in training["differences"] if first == "protonet"}
    assert set(gains) == {"nearest_prototype", "ridge", "shrinkage_lda"}
    assert all(gain["low"] > 0.0 and gain["episodes"] == 120 for gain in gains.values())
    means = {name: head["mean"] for name, head in training["heads"].items()}
    assert gains["ridge"]["mean"] == pytest.approx(means["protonet"] - means["ridge"])
    assert (training["held_out_by"], training["decision_episodes"]) == ("family", 120)
    assert training["form"] == "3-way 2-shot, 3 queries a type"
    assert training["episodes_per_s"] == summary.episodes_per_s > 0.0
    assert from_bundle(bundle).head["log_scales"].any()


def test_the_gate_finds_its_evidence_in_the_manifest(won: tuple[Workshop, TrainSummary]) -> None:
    _, bundle = won[0].registry.load(INITIALIZATION, version="1")
    evidence, training = evidence_from(bundle.manifest), bundle.manifest["training"]
    assert (evidence.episodes, evidence.chosen) == (120, "protonet")
    assert evidence.accuracy == training["heads"]["protonet"]["mean"]
    assert evidence.difference_low == min(gain["low"] for _, _, gain in training["differences"])
    assert judge_initialization(evidence, None, rules=GateRules()).passed


def test_what_history_teaches_about_regions_is_in_the_bundle_with_its_proof(won: tuple[Workshop, TrainSummary]) -> None:
    workshop, summary = won
    manifest = workshop.registry.load(summary.model, version=summary.version)[1]
    told = manifest.manifest["training"]["typing"]
    initialization = from_bundle(manifest)
    assert (told["chosen"] == "within_class") == ("metric" in initialization.typing)
    assert told["metrics"]["reach"] == pytest.approx(float(initialization.typing["reach"][0]))
    assert told["metrics"]["episodes"] > 0


def test_the_initialization_carries_its_lineage(won: tuple[Workshop, TrainSummary]) -> None:
    workshop, summary = won
    _, bundle = workshop.registry.load(INITIALIZATION, version="1")
    lineage = bundle.manifest["lineage"]
    assert (lineage["revision"], lineage["seed"], lineage["weights_sha256"]) == ("0.1.0+gtest", 0, WEIGHTS)
    assert lineage["settings"]["outer_loop"]["steps"] == 30
    assert bundle.manifest["data_fingerprint"] == summary.fingerprint
    assert bundle.manifest["episode_spec"] == {"way": 3, "shot": 2, "query": 3}


def test_a_run_is_tracked_with_its_curves_and_recorded_as_a_stage(won: tuple[Workshop, TrainSummary]) -> None:
    workshop, summary = won
    ((run_id, run),) = workshop.tracker.runs.items()
    assert (run.experiment, run.name, run.params["chosen"]) == ("meta-training", "protonet seed 0", "protonet")
    assert run.params["fingerprint"] == summary.fingerprint
    assert run.metrics["protonet.accuracy"] == summary.metrics["protonet.accuracy"]
    assert [step for step, _ in run.curves["validation_accuracy"]][:2] == [0, 10]
    assert next(step for step, _ in run.curves["loss"]) == 10
    (version,) = workshop.registry.versions(INITIALIZATION)
    assert (version.run, version.aliases) == (run_id, (CHALLENGER,))
    assert workshop.stages() == [("meta_train", f"{INITIALIZATION}@1")]
    assert workshop.registry.aliased(INITIALIZATION, CHAMPION) is None


def test_the_same_input_gives_the_version_of_before_in_any_order_and_nothing_is_recorded_twice(
    won: tuple[Workshop, TrainSummary],
) -> None:
    workshop, summary = won
    again = workshop.train(list(reversed(history())))
    assert again == replace(summary, new=False, seconds=0.0)
    assert len(workshop.registry.versions(INITIALIZATION)) == 1
    assert (len(workshop.tracker.runs), len(workshop.stages())) == (1, 1)


def test_where_types_say_nothing_the_frozen_head_is_shipped_and_all_heads_are_near_chance(
    lost: tuple[Workshop, TrainSummary],
) -> None:
    workshop, summary = lost
    assert (summary.method, summary.chosen) == ("protonet", "frozen")
    _, bundle = workshop.registry.load(INITIALIZATION, version="1")
    training = bundle.manifest["training"]
    assert training["shipped"] in ("nearest_prototype", "ridge", "shrinkage_lda")
    assert bundle.manifest["method"] == training["shipped"]
    assert not from_bundle(bundle).head["log_scales"].any()
    for head in training["heads"].values():
        assert abs(head["mean"] - 1 / 3) < 0.12
    evidence = evidence_from(bundle.manifest)
    assert evidence.chosen == "frozen"
    assert judge_initialization(evidence, None, rules=GateRules()).passed


def test_permuted_types_are_other_data(won: tuple[Workshop, TrainSummary], lost: tuple[Workshop, TrainSummary]) -> None:
    assert won[1].fingerprint != lost[1].fingerprint


def test_another_seed_method_or_backbone_is_another_version(quick: Workshop) -> None:
    examples = history(families=1, types=3, each=4)
    train = partial(quick.train, examples)
    assert [train().version, train(seed=1).version, train(weights="b" * 64).version] == ["1", "2", "3"]
    assert train(method="r2d2").version == "4"
    assert [train().new, train(seed=1).new] == [False, False]


def test_without_history_it_says_what_is_missing(quick: Workshop) -> None:
    with pytest.raises(BadDataError, match="no history to meta-train on; ingest labelled history, or give --data"):
        quick.train([])
    assert quick.registry.models() == []


def test_too_few_samples_are_refused_with_the_numbers_and_nothing_is_registered(quick: Workshop) -> None:
    with pytest.raises(BadDataError, match="'weave-0' of family 'family-0' has 1 samples, 2 are needed"):
        quick.train(history(families=1, each=1))
    assert (quick.registry.models(), quick.tracker.runs, quick.stages()) == ([], {}, [])


def test_an_unknown_method_is_refused(quick: Workshop) -> None:
    with pytest.raises(NotFoundError, match="there is no method 'magic'"):
        quick.train(history(families=1, each=2), method="magic")


def test_the_dense_prior_is_measured_on_held_out_families_and_shipped_only_when_it_wins(quick: Workshop) -> None:
    generator = np.random.default_rng(3)
    examples = [
        example(f"family-{family}", name, picture(generator, family, kind))
        for family in range(3)
        for kind, name in enumerate([NORMAL, "weave-1"])
        for _ in range(8)
    ]
    summary = quick.train(examples)
    _, bundle = quick.registry.load(INITIALIZATION, version=summary.version)
    dense = bundle.manifest["training"]["dense"]
    assert 0.0 <= dense["metrics"]["auroc_frozen"] <= 1.0
    assert dense["metrics"]["difference_low"] <= dense["metrics"]["difference"]
    shipped = difference_prior(from_bundle(bundle).dense) is not None
    assert shipped == (dense["chosen"] != "frozen") == (dense["reason"] == "")
    assert dense["metrics"]["difference_low"] > 0.0 or not shipped
    (run,) = quick.tracker.runs.values()
    assert run.metrics["dense.difference"] == dense["metrics"]["difference"]


def test_without_good_regions_there_is_no_dense_prior_and_the_reason_is_kept(
    won: tuple[Workshop, TrainSummary],
) -> None:
    _, bundle = won[0].registry.load(INITIALIZATION, version="1")
    dense = bundle.manifest["training"]["dense"]
    assert (dense["chosen"], dense["metrics"]) == ("frozen", {})
    assert "3 are needed to choose and to hold one out" in dense["reason"]


def test_fewer_ways_are_taken_where_that_lets_enough_families_take_part() -> None:
    types = {"a": 6, "b": 4, "c": 3, "d": 2}
    names = [(family, f"t{n}") for family, count in types.items() for n in range(count) for _ in range(4)]
    index = index_samples(
        families=[family for family, _ in names], types=[name for _, name in names], groups=[""] * len(names)
    )
    assert servable(index, EpisodeSpec(way=5, shot=1, query=1)).way == 3
    assert servable(index, EpisodeSpec(way=2, shot=1, query=1)).way == 2
    alone = index.subset(np.flatnonzero([family == "d" for family, _ in names]))
    assert servable(alone, EpisodeSpec(way=5, shot=1, query=1)).way == 2
    with pytest.raises(BadDataError, match="are needed"):
        servable(alone, EpisodeSpec(way=5, shot=4, query=4))


def test_a_network_learns_from_the_images_themselves_beside_the_frozen_heads(backbone: Backbone) -> None:
    loop = replace(SETTINGS.outer_loop, steps=4, tasks_per_step=2, validation_episodes=12, decision_episodes=12)
    settings = replace(SETTINGS, outer_loop=loop, embedding="conv4", network={"side_px": 16, "channels": 8})
    workshop = Workshop(backbone, settings=settings)
    workshop.train(history())
    _, bundle = workshop.registry.load(INITIALIZATION, version="1")
    training = bundle.manifest["training"]
    assert set(training["heads"]) == {"protonet", "nearest_prototype", "ridge", "shrinkage_lda"}
    assert 0.2 < training["heads"]["protonet"]["mean"] < 1.0
    kind = from_bundle(bundle).embedding["kind"]
    assert kind == ("channel_scales" if training["chosen"] == "frozen" else "network")


def test_a_network_that_won_is_kept_with_all_that_builds_it_again(backbone: Backbone) -> None:
    spec = network_spec("conv4", {"side_px": 16, "channels": 8})
    embedding = started_network(spec, torch.Generator().manual_seed(0))
    method = build_method("protonet", embedding)
    images = image_samples([picture(np.random.default_rng(n), 0, n % 2) for n in range(4)], backbone, side_px=16)
    labels, support = torch.tensor([0, 1, 0, 1]), images.take(np.arange(4))
    kept = Initialization(
        method="protonet",
        backbone=backbone.name,
        trunk=backbone.trunk_state(),
        head=method.head(),
        embedding=embedding.form(),
        constants=constants_of(embedding),
        options=method.options(),
        episode_spec=EpisodeSpec(way=2, shot=1, query=1),
        data_fingerprint="none",
        seed=0,
        families=(),
    )
    again = from_bundle(kept.to_bundle({})).build_method()
    scores = [each.adapt(support, labels, way=2).score(support) for each in (method, again)]
    torch.testing.assert_close(scores[1], scores[0], rtol=0, atol=0)
    assert side_of(again.embedding) == 16


def test_network_options_without_a_network_are_refused() -> None:
    with pytest.raises(BadDataError, match="needs an embedding of conv4 or resnet12"):
        replace(SETTINGS, network={"side_px": 16})
    with pytest.raises(BadDataError, match="choose one of descriptors, conv4, resnet12"):
        checked_embedding("vit")
