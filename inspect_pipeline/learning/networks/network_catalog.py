"""Networks as embeddings: built from a form, started from a generator, or filled with pretrained weights."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from inspect_pipeline.errors import BadDataError, WeightsError
from inspect_pipeline.learning.backbones import load_timm_model
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.networks.network_embedding import NetworkEmbedding
from inspect_pipeline.learning.networks.network_specs import Conv4Spec, NetworkSpec, ResNet12Spec, TimmSpec, read_spec
from inspect_pipeline.learning.networks.timm_stages import written_attention
from inspect_pipeline.learning.weight_files import load_strictly, read_state


def network_spec(name: str, options: Mapping[str, Option]) -> Conv4Spec | ResNet12Spec:
    """Return the network of the field of that name, conv4 or resnet12, with these options. Raises BadDataError."""
    specs: Mapping[str, type[Conv4Spec | ResNet12Spec]] = {"conv4": Conv4Spec, "resnet12": ResNet12Spec}
    if name not in specs:
        raise BadDataError(f"there is no network {name!r} to start from; choose one of {', '.join(specs)}")
    spec = read_spec({**specs[name]().form(), **options})
    if not isinstance(spec, Conv4Spec | ResNet12Spec):
        raise BadDataError(f"network options {dict(options)} make another network than {name}; leave kind and name out")
    return spec


def build_network(form: Mapping[str, Option]) -> NetworkEmbedding:
    """Return the embedding of a form, every number 0 until a head is put into it. Raises BadDataError, WeightsError."""
    embedding = _built(read_spec(form))
    zeros = [{name: torch.zeros_like(each) for name, each in group.items()} for group in _numbers(embedding)]
    return replace(embedding, learned=zeros[0], constants=zeros[1])


def started_network(spec: Conv4Spec | ResNet12Spec, generator: torch.Generator) -> NetworkEmbedding:
    """Return a network of the field with a random start: He's normal kernels (2015, by outputs), BatchNorm at 1 and 0.

    Every part is drawn, whatever is learned of it. The generator is one of the CPU.
    """
    network, sample = _module(spec)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    return NetworkEmbedding.of(spec, network, sample)


def pretrained_network(spec: Conv4Spec | ResNet12Spec | TimmSpec, weights: bytes) -> NetworkEmbedding:
    """Return the network with the weights of a safetensors or weights-only .pth file, of the whole model.

    For timm they are those of the model with its classifier, as for ``build_backbone``. In mode ``step`` every step
    starts at the same numbers. Raises WeightsError.
    """
    if isinstance(spec, TimmSpec):
        network, sample = spec.of(written_attention(load_timm_model(spec.name, weights)))
        return NetworkEmbedding.of(spec, network, sample)
    if spec.norm == "step":
        raise WeightsError("weights of a network by steps come as a head, not as a file; load it in mode task")
    network, sample = _module(spec)
    load_strictly(network, read_state(weights), what=spec.architecture)
    return NetworkEmbedding.of(spec, network, sample)


def _built(spec: NetworkSpec) -> NetworkEmbedding:
    network, sample = _module(spec)
    return NetworkEmbedding.of(spec, network, sample)


def _module(spec: NetworkSpec) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(devices=[]):  # modules draw a start when they are made; the caller's must not move
        return spec.build()


def _numbers(embedding: NetworkEmbedding) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    return embedding.learned, embedding.constants
