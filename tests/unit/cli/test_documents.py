"""Answers as JSON: only plain types, never a number that JSON does not know."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest

from inspect_pipeline.cli.documents import document_of, plain, to_json
from inspect_pipeline.cli.text import printable, rate_text, share_text


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Answer:
    path: Path
    colour: Colour
    at: datetime
    values: tuple[float, ...]


def test_a_summary_becomes_an_object_of_plain_types() -> None:
    answer = Answer(Path("a/b"), Colour.RED, datetime(2026, 1, 1, tzinfo=UTC), (1.5, float("inf")))

    assert document_of(answer) == {
        "path": "a/b",
        "colour": "red",
        "at": "2026-01-01T00:00:00+00:00",
        "values": [1.5, None],
    }


def test_numbers_of_numpy_are_numbers() -> None:
    assert plain([np.int64(3), np.float32(0.5), np.float64("nan"), True]) == [3, 0.5, None, True]


def test_what_has_no_place_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        plain({1, 2})
    with pytest.raises(TypeError, match="an answer is an object"):
        document_of([1])


def test_names_of_any_script_survive_and_the_text_is_ascii() -> None:
    text = to_json({"name": "Kratzer ü 傷 \udc80"})

    assert text.isascii()
    assert json.loads(text) == {"name": "Kratzer ü 傷 \udc80"}


def test_a_rate_is_printed_with_its_interval_and_an_unmeasured_one_says_so() -> None:
    assert rate_text(0.963, (0.958, 0.968)) == "0.963 [0.958, 0.968]"
    assert rate_text(0.5, None) == "0.500"
    assert rate_text(None, (0.0, 1.0)) == "not measured"
    assert share_text(0, 0, (0.0, 1.0)) == "not measured"


def test_printable_keeps_letters_and_escapes_controls() -> None:
    assert printable("傷 ü\t\x07\x9b") == "傷 ü \\x07\\x9b"
