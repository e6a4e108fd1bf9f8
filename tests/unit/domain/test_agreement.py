"""Kappas: published numbers, the formulas of the papers, and what must hold of any of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from inspect_pipeline.domain.agreement import (
    NOTHING_JUDGED,
    ONE_CATEGORY,
    ONE_RATER,
    IntervalBy,
    Kappa,
    MeasuredKappa,
    cohen_by_category,
    cohen_kappa,
    fleiss_by_category,
    fleiss_kappa,
)
from inspect_pipeline.domain.figures import NotMeasured
from inspect_pipeline.errors import BadDataError

# Fleiss (1971), table 1: 30 patients, 6 psychiatrists, 5 diagnoses.
DIAGNOSES = """
0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0|2 0 0 4 0|0 0 0 0 6
1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2|5 1 0 0 0|0 2 0 4 0|1 0 2 0 3
0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0|4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6
"""
CATEGORIES = ("depression", "personality", "schizophrenia", "neurosis", "other")


def _kappa(found: MeasuredKappa) -> Kappa:
    assert isinstance(found, Kappa), found
    return found


def _diagnoses() -> list[list[str]]:
    rows = [[int(n) for n in row.split()] for row in DIAGNOSES.strip().replace("\n", "|").split("|")]
    return [[name for name, count in zip(CATEGORIES, row, strict=True) for _ in range(count)] for row in rows]


def _from_table(table: list[list[int]]) -> tuple[list[str], list[str]]:
    pairs = [(f"c{i}", f"c{j}") for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def _paper_error(table: list[list[int]]) -> float:
    """The standard error as Fleiss, Cohen and Everitt print it (1969, equation 13)."""
    p = np.array(table, dtype=float)
    n = p.sum()
    p /= n
    row, column = p.sum(axis=1), p.sum(axis=0)
    po, pe = np.trace(p), float(row @ column)
    first = sum(p[i, i] * ((1 - pe) - (column[i] + row[i]) * (1 - po)) ** 2 for i in range(len(p)))
    off = [(i, j) for i in range(len(p)) for j in range(len(p)) if i != j]
    second = (1 - po) ** 2 * sum(p[i, j] * (column[i] + row[j]) ** 2 for i, j in off)
    third = (po * pe - 2 * pe + po) ** 2
    return math.sqrt((first + second - third) / n) / (1 - pe) ** 2


def test_fleiss_kappa_of_the_diagnoses_is_the_published_one_with_its_error_of_chance() -> None:
    found = _kappa(fleiss_kappa(_diagnoses()))
    assert found.value == pytest.approx(0.430, abs=5e-4)
    assert found.observed == pytest.approx(0.5556, abs=5e-4)
    assert found.by_chance == pytest.approx(0.2199, abs=5e-4)
    assert found.error_of_chance == pytest.approx(0.0243, abs=2e-4)
    assert found.p_of_chance is not None
    assert found.p_of_chance < 1e-6
    assert (found.items, found.interval_by) == (30, IntervalBy.ASYMPTOTIC)


def test_fleiss_kappa_of_each_diagnosis_is_the_published_one() -> None:
    found = {name: _kappa(kappa) for name, kappa in fleiss_by_category(_diagnoses()).items()}
    published = dict(zip(CATEGORIES, (0.245, 0.245, 0.520, 0.471, 0.566), strict=True))
    assert {name: round(kappa.value, 3) for name, kappa in found.items()} == published
    # Of one category against the others the error of Fleiss, Nee and Landis is sqrt(2 / (N m (m - 1))).
    assert all(k.error_of_chance == pytest.approx(math.sqrt(2 / (30 * 6 * 5))) for k in found.values())


@pytest.mark.parametrize("table", [[[88, 14, 18], [10, 40, 10], [2, 6, 12]], [[20, 5], [10, 15]]])
def test_cohens_interval_is_the_one_of_fleiss_cohen_and_everitt(table: list[list[int]]) -> None:
    found = _kappa(cohen_kappa(*_from_table(table)))
    assert (found.high - found.low) / 2 / 1.959963984540054 == pytest.approx(_paper_error(table), rel=1e-9)


def test_a_worked_table_has_the_kappa_one_gets_by_hand() -> None:
    found = _kappa(cohen_kappa(*_from_table([[20, 5], [10, 15]])))
    assert (found.observed, found.by_chance, found.value) == pytest.approx((0.7, 0.5, 0.4))


ANSWERS = st.sampled_from(["", "scratch", "hole", "划痕"])
ROWS = st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), min_size=2, max_size=60)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_cohens_kappa_is_that_of_scikit_learn(rows: list[tuple[str, str, str]]) -> None:
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    found = cohen_kappa(a, b)
    if isinstance(found, NotMeasured):
        assert set(a) == set(b)
        assert len(set(a)) == 1
    else:
        assert found.value == pytest.approx(float(cohen_kappa_score(a, b)), abs=1e-12)


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_neither_the_order_of_items_and_raters_nor_the_names_of_answers_matter(rows, random) -> None:
    renamed = {"": "x", "scratch": "", "hole": "b", "划痕": "a"}
    shuffled = random.sample(rows, len(rows))
    first = fleiss_kappa(rows)
    second = fleiss_kappa([[renamed[each] for each in random.sample(row, 3)] for row in shuffled])
    if isinstance(first, NotMeasured):
        assert first == second
        return
    other = _kappa(second)
    assert (other.value, other.observed, other.error_of_chance) == pytest.approx(
        (first.value, first.observed, first.error_of_chance)
    )
    if first.interval_by is not IntervalBy.BOOTSTRAP:
        assert (other.low, other.high) == pytest.approx((first.low, first.high))


@given(st.lists(ANSWERS, min_size=1, max_size=60))
def test_perfect_agreement_is_one_with_a_bound_from_the_number_of_items(answers: list[str]) -> None:
    for found in (cohen_kappa(answers, answers), fleiss_kappa([[each] * 3 for each in answers])):
        if len(set(answers)) == 1:
            assert found == NotMeasured(reason=ONE_CATEGORY)
        else:
            kappa = _kappa(found)
            assert (kappa.value, kappa.high, kappa.interval_by) == (1.0, 1.0, IntervalBy.EXACT)
            assert kappa.low < 1.0


@settings(deadline=None)
@given(ROWS)
def test_a_kappa_lies_in_its_interval_and_is_a_number(rows: list[tuple[str, str, str]]) -> None:
    for found in (cohen_kappa([r[0] for r in rows], [r[1] for r in rows]), fleiss_kappa(rows)):
        if isinstance(found, Kappa):
            assert -1.0 <= found.low <= found.value <= found.high <= 1.0
            assert all(map(math.isfinite, (found.low, found.value, found.high)))


def test_answers_by_chance_have_a_kappa_about_zero_and_an_interval_that_holds_it() -> None:
    generator = np.random.default_rng(5)
    rows = [[str(each) for each in row] for row in generator.integers(0, 3, size=(2000, 3))]
    fleiss, cohen = _kappa(fleiss_kappa(rows)), _kappa(cohen_kappa([r[0] for r in rows], [r[1] for r in rows]))
    for found in (fleiss, cohen):
        assert abs(found.value) < 0.05
        assert found.low < 0.0 < found.high
    assert fleiss.p_of_chance is not None
    assert fleiss.p_of_chance > 0.01
    # At chance the two errors are of the same thing.
    assert (fleiss.high - fleiss.low) / 2 / 1.96 == pytest.approx(fleiss.error_of_chance, rel=0.1)


def _drawn(generator: np.random.Generator, *, items: int, trials: int) -> tuple[list[list[str]], list[int]]:
    """Three raters who name a truth rightly 4 times in 5, item by item alike on every trial."""
    rows, numbers = [], []
    for item in range(items):
        truth = int(generator.integers(0, 3))
        row = [str(truth if generator.random() < 0.8 else int(generator.integers(0, 3))) for _ in range(3)]
        rows += [row] * trials
        numbers += [item] * trials
    return rows, numbers


def test_the_interval_is_the_one_a_bootstrap_over_items_finds() -> None:
    generator = np.random.default_rng(7)
    rows, _ = _drawn(generator, items=200, trials=1)
    for measure in (
        fleiss_kappa,
        lambda some: cohen_kappa(*zip(*[r[:2] for r in some], strict=True)),
    ):
        found = _kappa(measure(rows))
        drawn = [_kappa(measure([rows[i] for i in generator.integers(0, 200, 200)])).value for _ in range(400)]
        assert (found.high - found.low) / 2 / 1.96 == pytest.approx(float(np.std(drawn)), rel=0.15)


def test_trials_that_repeat_an_answer_make_no_interval_narrower() -> None:
    rows, numbers = _drawn(np.random.default_rng(3), items=60, trials=3)
    once, again = _kappa(fleiss_kappa(rows[::3])), _kappa(fleiss_kappa(rows, items=numbers))
    assert (again.value, again.low, again.high) == pytest.approx((once.value, once.low, once.high))
    assert again.items == 60
    assert _kappa(fleiss_kappa(rows)).low > again.low


def test_few_items_have_the_interval_of_the_bootstrap_and_the_same_each_time() -> None:
    rows, _ = _drawn(np.random.default_rng(1), items=12, trials=1)
    first, second = _kappa(fleiss_kappa(rows, seed=4)), _kappa(fleiss_kappa(rows, seed=4))
    assert first == second
    assert first.interval_by is IntervalBy.BOOTSTRAP
    assert first.low < first.value < first.high


def test_what_cannot_be_measured_says_why() -> None:
    assert cohen_kappa([], []) == NotMeasured(reason=NOTHING_JUDGED)
    assert fleiss_kappa([]) == NotMeasured(reason=NOTHING_JUDGED)
    assert fleiss_kappa([["a"], ["b"]]) == NotMeasured(reason=ONE_RATER)
    assert fleiss_kappa([["a", "a"], ["a", "a"]]) == NotMeasured(reason=ONE_CATEGORY)
    assert cohen_by_category(["a"], ["a"]) == {"a": NotMeasured(reason=ONE_CATEGORY)}


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(BadDataError, match=r"\[1, 2\] answers"):
        fleiss_kappa([["a", "b"], ["a"]])
    with pytest.raises(BadDataError, match="give pairs"):
        cohen_kappa(["a"], [])
