"""An initialization that went through bytes gives the outputs of the one that was saved."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save

from inspect_pipeline.domain.bundle import Bundle, ModelKind, bundle_from_bytes
from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.episodes import EpisodeSpec
from inspect_pipeline.learning.initialization import Initialization, from_bundle
from inspect_pipeline.learning.methods.protonet import ProtoNet
from inspect_pipeline.learning.region_features import region_features
from inspect_pipeline.learning.region_metric import region_prior

LABELS = torch.tensor([0, 0, 1, 1])


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return build_backbone("resnet18", save(timm.create_model("resnet18", pretrained=False).state_dict()))


@pytest.fixture(scope="module")
def saved(backbone: Backbone) -> Initialization:
    method = ProtoNet.untrained(ChannelScales.identity(512))
    scales = torch.randn(512, generator=torch.Generator().manual_seed(1))
    return Initialization(
        method="protonet",
        backbone="resnet18",
        trunk=backbone.trunk_state(),
        head=method.with_head({**method.head(), "log_scales": scales}).head(),
        dense={"whitening": torch.eye(3)},
        typing={"reach": torch.tensor([1.25])},
        episode_spec=EpisodeSpec(way=5, shot=5, query=15),
        data_fingerprint="ab" * 32,
        seed=7,
        families=("steel", "Stoff und Tücher"),
        metrics={"protonet.accuracy": 0.9},
    )


def test_an_initialization_of_before_regions_were_compared_still_loads(saved: Initialization) -> None:
    loaded = from_bundle(replace(saved, typing={}).to_bundle({}))
    prior = region_prior(loaded.typing, reach=1.5)
    assert (dict(loaded.typing), prior.metric, prior.reach) == ({}, None, 1.5)


def logits(backbone: Backbone, initialization: Initialization) -> torch.Tensor:
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32), dtype=np.uint8)
    features = torch.from_numpy(region_features(backbone, images, side_px=64))
    return initialization.build_method().adapt(features[:4], LABELS, way=2).score(features[4:])


def test_the_loaded_initialization_scores_as_the_saved_one(backbone: Backbone, saved: Initialization) -> None:
    bundle = saved.to_bundle({"revision": "abc"})
    loaded = from_bundle(bundle_from_bytes(bundle.manifest_bytes(), bundle.tensors))
    assert torch.equal(logits(loaded.build_backbone(), loaded), logits(backbone, saved))
    assert torch.equal(loaded.dense["whitening"], torch.eye(3))
    assert loaded.typing["reach"].tolist() == [1.25]
    for name in ("method", "backbone", "episode_spec", "data_fingerprint", "seed", "families", "metrics"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert bundle.manifest["lineage"] == {"revision": "abc"}


def test_the_same_initialization_has_the_same_address(saved: Initialization) -> None:
    assert saved.to_bundle({"a": 1}).sha256 == saved.to_bundle({"a": 1}).sha256 != saved.to_bundle({"a": 2}).sha256


def test_another_kind_of_bundle_is_refused(saved: Initialization) -> None:
    bundle = saved.to_bundle({})
    with pytest.raises(BadDataError, match="holds a detector"):
        from_bundle(Bundle(kind=ModelKind.DETECTOR, manifest=bundle.manifest, tensors=bundle.tensors))


def test_a_torn_bundle_is_refused(saved: Initialization) -> None:
    bundle = saved.to_bundle({})
    with pytest.raises(BadDataError, match="export it again"):
        from_bundle(Bundle(kind=bundle.kind, manifest={"method": "protonet"}, tensors=bundle.tensors))
    with pytest.raises(BadDataError, match="export it again"):
        from_bundle(Bundle(kind=bundle.kind, manifest=bundle.manifest, tensors=bundle.tensors[:1000]))


def test_an_initialization_without_its_tensors_never_gets_random_ones(saved: Initialization) -> None:
    with pytest.raises(WeightsError, match="missing: mean"):
        replace(saved, trunk={}).build_backbone()
    with pytest.raises(WeightsError, match="no head"):
        replace(saved, head={}).build_method()
