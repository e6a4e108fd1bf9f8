"""Embeddings by their form, as a bundle keeps it."""

from collections.abc import Mapping

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales, Embedding, Option
from inspect_pipeline.learning.networks.network_catalog import build_network
from inspect_pipeline.learning.networks.network_specs import KIND


def build_embedding(form: Mapping[str, Option]) -> Embedding:
    """Return the embedding of that form with tensors of the right shapes.

    Raises BadDataError for an unknown kind or option, WeightsError for a timm model that cannot be cut so.
    """
    kind, dims = form.get("kind"), form.get("dims")
    if kind == "channel_scales" and isinstance(dims, int) and dims > 0:
        return ChannelScales.identity(dims)
    if kind == KIND:
        return build_network(form)
    raise BadDataError(f"an embedding of the form {dict(form)} is not known; use a model of this version")
