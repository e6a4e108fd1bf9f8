"""Options of a method as typed: of the kind of their defaults, and an unknown one is refused with the known."""

import pytest

from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.learning.embedding import Option
from inspect_pipeline.learning.methods import catalog
from inspect_pipeline.learning.methods.entry import MethodEntry
from inspect_pipeline.services.method_options import checked_options, method_details, parsed_options

DEFAULTS: dict[str, Option] = {"steps": 5, "rate": 0.1, "order": "second", "scaled": True}


@pytest.fixture(autouse=True)
def stepping(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = MethodEntry(paper="nobody 2000", build=catalog.CATALOG["ridge"].build, defaults=DEFAULTS)
    monkeypatch.setitem(catalog.CATALOG, "stepping", entry)  # type: ignore[arg-type]


def test_values_are_of_the_kind_of_their_defaults() -> None:
    found = parsed_options("stepping", ["steps=3", "rate=1e-2", "order=first", "scaled=no"])
    assert found == {"steps": 3, "rate": 0.01, "order": "first", "scaled": False}
    assert checked_options("stepping", {"rate": 1, "scaled": False}) == {"rate": 1.0, "scaled": False}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("speed=3", "option 'speed=3' is none of method stepping; give KEY=VALUE of: steps=5, rate=0.1, order=second"),
        ("steps", "option 'steps' is none of method stepping"),
        ("steps=2.5", "option steps of method stepping is '2.5'; give a number such as 5"),
        ("scaled=perhaps", "option scaled of method stepping is 'perhaps'; give true or false"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(word: str, told: str) -> None:
    with pytest.raises(BadDataError, match=told):
        parsed_options("stepping", [word])


def test_a_method_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFoundError, match="there is no method 'magic'; choose one of protonet"):
        parsed_options("magic", [])


def test_every_method_is_told_with_its_paper_and_options() -> None:
    details = {row["name"]: row for row in method_details()}
    assert details["stepping"] == {
        "name": "stepping",
        "paper": "nobody 2000",
        "learned": "episodes",
        "options": DEFAULTS,
    }
    assert details["ridge"]["learned"] == "nothing"
