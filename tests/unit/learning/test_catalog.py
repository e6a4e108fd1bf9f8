"""Methods by name: built with their options, and built again from what a bundle keeps."""

import pytest
import torch

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.embedding import ChannelScales
from inspect_pipeline.learning.embedding_catalog import build_embedding
from inspect_pipeline.learning.methods.catalog import CATALOG, build_method, untrained

LABELS = torch.arange(3).repeat_interleave(4)


@pytest.mark.parametrize("name", CATALOG)
def test_a_method_built_again_from_its_form_options_and_head_scores_the_same(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    support, query = torch.randn(12, 6, generator=generator), torch.randn(5, 6, generator=generator)
    method = untrained(name, 6)
    moved = method.with_head({key: tensor + 0.1 for key, tensor in method.head().items()})
    again = build_method(name, build_embedding(moved.embedding.form()), moved.options()).with_head(moved.head())
    scores = [each.adapt(support, LABELS, way=3).score(query) for each in (method, moved, again)]
    assert not torch.equal(scores[0], scores[1])
    torch.testing.assert_close(scores[2], scores[1], rtol=0, atol=0)


@pytest.mark.parametrize("name", CATALOG)
def test_an_option_that_a_method_has_not_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadDataError, match="has no option 'no_such_option'; its options are"):
        build_method(name, ChannelScales.identity(4), {"no_such_option": 1})


def test_an_embedding_of_a_later_version_is_refused() -> None:
    with pytest.raises(BadDataError, match="is not known"):
        build_embedding({"kind": "of_tomorrow", "dims": 4})
