"""Confident learning on probabilities that are given."""

import numpy as np
import pytest

from inspect_pipeline.domain.label_noise import doubts, probabilities
from inspect_pipeline.errors import BadDataError


def test_a_label_whose_region_looks_like_another_type_is_doubted_and_the_surest_comes_first() -> None:
    given = ["a", "a", "a", "b", "b", "b"]
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.85, 0.15], [0.4, 0.6]])
    found = doubts(given, ["a", "b"], shares)
    assert [(one.place, one.suggested) for one in found] == [(2, "b"), (4, "a")]
    assert [one.margin for one in found] == pytest.approx([0.8, 0.7])


def test_a_type_that_is_hard_to_tell_has_a_lower_limit_and_an_easy_one_a_higher() -> None:
    """0.55 for 'b' is as sure as 'b' ever is; 0.55 for 'a' is less than what 'a' usually has."""
    given = ["a", "a", "b", "b"]
    hard = np.array([[0.95, 0.05], [0.45, 0.55], [0.45, 0.55], [0.5, 0.5]])
    assert [one.place for one in doubts(given, ["a", "b"], hard)] == [1]
    easy = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.1, 0.9]])
    assert doubts(given, ["a", "b"], easy) == []


def test_nothing_is_doubted_where_there_is_nothing_to_compare() -> None:
    assert doubts([], ["a", "b"], np.zeros((0, 2))) == []
    assert doubts(["a"], ["a"], np.ones((1, 1))) == []
    with pytest.raises(BadDataError, match="do not fit"):
        doubts(["c"], ["a", "b"], np.zeros((1, 2)))


def test_scores_become_probabilities() -> None:
    shares = probabilities(np.array([[1.2, -0.3, 0.4], [-1.0, -2.0, -3.0]]))
    assert shares.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert (shares > 0.0).all()
    assert shares[0].argmax() == 0
