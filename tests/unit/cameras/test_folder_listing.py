import os
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
from inspect_pipeline.errors import BadImageError


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


def test_a_file_that_grows_while_it_is_read_is_not_read_as_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"half")

    def grow(_file: object, _size: int) -> None:
        with path.open("ab") as more:
            more.write(b" and whole")

    with pytest.raises(StillBeingWrittenError, match="still being written"):
        read_complete(path, tmp_path, seen=size_and_time(path), look=grow)


def test_a_file_that_is_swapped_while_it_is_looked_at_gives_the_bytes_of_what_was_opened(tmp_path: Path) -> None:
    path, secret = tmp_path / "coil" / "a.png", tmp_path / "secret"
    path.parent.mkdir()
    path.write_bytes(b"image")
    secret.write_bytes(b"other")

    def swap(_file: object, _size: int) -> None:
        path.unlink()
        path.symlink_to(secret)

    assert read_complete(path, path.parent, seen=size_and_time(path), look=swap) == b"image"


def test_a_file_refused_by_its_look_is_closed_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"image")

    def refuse(_file: object, size: int) -> None:
        raise BadImageError(f"{size} bytes")

    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(BadImageError, match="5 bytes"):
        read_complete(path, tmp_path, seen=size_and_time(path), look=refuse)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(BadImageError, match="a folder"):
        read_complete(tmp_path / "folder.png", tmp_path, seen=None)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("target", "part"),
    [("../secret", "leads outside"), ("gone", "leads nowhere"), ("link", "leads to itself"), ("/dev/zero", "outside")],
)
def test_a_link_is_refused_by_where_it_leads(tmp_path: Path, target: str, part: str) -> None:
    folder = tmp_path / "coil"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    link = folder / "link"
    link.symlink_to(target)
    with pytest.raises(BadImageError, match=f"link: a link that {part}|link: a link that leads {part}"):
        read_complete(link, folder, seen=size_and_time(link))


def test_a_link_to_a_file_below_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.png").write_bytes(b"image")
    (tmp_path / "link").symlink_to("below/a.png")
    link = tmp_path / "link"
    assert read_complete(link, tmp_path, seen=size_and_time(link)) == b"image"


def test_names_that_cannot_be_printed_are_escaped_each_in_its_own_way() -> None:
    strange = [os.fsdecode(b"a\xff"), "a\\xff", "a\n", "a\x7f", "gpj.\u202etxt", "\ud800", "\U000e0001"]
    told = [shown(name) for name in strange]
    assert told == ["a\\xff", "a\\x5cxff", "a\\x0a", "a\\x7f", "gpj.\\u202etxt", "\\ud800", "\\ue0001"]


@given(st.lists(st.text(st.characters(exclude_categories=["Mn", "Mc", "Me"]), max_size=6), unique=True))
def test_what_is_shown_is_printable_utf_8(names: list[str]) -> None:
    for name in names:
        assert shown(name).isprintable()
        shown(name).encode("utf-8")
