"""Embeddings by their form, as a bundle keeps it."""

from collections.abc import Mapping

from torch import Tensor

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales, Embedding, Option
from inspect_pipeline.learning.networks.network_catalog import build_network
from inspect_pipeline.learning.networks.network_embedding import NetworkEmbedding
from inspect_pipeline.learning.networks.network_specs import KIND


def build_embedding(form: Mapping[str, Option], constants: Mapping[str, Tensor] | None = None) -> Embedding:
    """Return the embedding of that form with tensors of the right shapes, and with ``constants`` where they are given.

    Raises BadDataError for an unknown kind or option, WeightsError for a timm model that cannot be cut so, and for
    constants that are not those of the form.
    """
    kind, dims = form.get("kind"), form.get("dims")
    if kind == "channel_scales" and isinstance(dims, int) and dims > 0:
        return ChannelScales.identity(dims)
    if kind == KIND:
        network = build_network(form)
        return network if constants is None else network.with_constants(constants)
    raise BadDataError(f"an embedding of the form {dict(form)} is not known; use a model of this version")


def constants_of(embedding: Embedding) -> dict[str, Tensor]:
    """Return what an embedding needs beside its form and its tensors: the frozen numbers of a network or nothing."""
    return dict(embedding.constants) if isinstance(embedding, NetworkEmbedding) else {}


def side_of(embedding: Embedding) -> int | None:
    """Return the side in px of the images that an embedding takes, None for one that takes descriptors."""
    side = embedding.form().get("side_px")
    return side if isinstance(side, int) and embedding.sample_ndim == 3 else None
