from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.cameras.folder_listing import (
    StillBeingWrittenError,
    natural_key,
    read_complete,
    shown,
    size_and_time,
)


def test_numbers_are_counted_and_case_does_not_matter() -> None:
    names = ["b2", "B10", "a", "b1", "10", "9"]
    assert sorted(names, key=natural_key) == ["9", "10", "a", "b1", "b2", "B10"]


@given(st.lists(st.text(max_size=12), unique=True))
def test_any_names_have_one_order(names: list[str]) -> None:
    assert sorted(names, key=natural_key) == sorted(sorted(names), key=natural_key)


def test_an_umlaut_is_shown_the_same_however_it_was_stored() -> None:
    assert shown("u\u0308.png") == shown("\u00fc.png") == "ü.png"


def test_a_file_that_grew_since_it_was_seen_is_not_read_as_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"half")
    seen = size_and_time(path)
    assert read_complete(path, tmp_path, seen=seen) == b"half"
    path.write_bytes(b"half and whole")
    with pytest.raises(StillBeingWrittenError, match="still being written"):
        read_complete(path, tmp_path, seen=seen)
