import itertools
from collections import Counter
from pathlib import Path

import pytest

from inspect_pipeline.cameras.drop_folder import open_drop_folder
from inspect_pipeline.cameras.file_captures import FileSettings
from inspect_pipeline.cameras.folder_changes import Changes
from inspect_pipeline.cameras.watched_folder import WatchedFolder, WatchSettings
from inspect_pipeline.domain.material import UnusableCapture
from tests.unit.cameras.hostile_files import PLANTERS, Planter, entries, frames_that_are_none, kind_of, plant_all

SETTINGS = FileSettings(max_px=1 << 22)


@pytest.fixture
def planted(tmp_path: Path) -> dict[str, Planter]:
    return plant_all(tmp_path, count=6 * len(PLANTERS), seed=3)


def test_every_hostile_file_of_a_folder_ends_as_a_capture_with_its_reason(
    tmp_path: Path, planted: dict[str, Planter]
) -> None:
    source = open_drop_folder(tmp_path, SETTINGS)
    found = list(source)
    told = Counter([*(one.source for one in found), *source.incomplete, *source.sidecars])
    assert told == entries(tmp_path)
    assert frames_that_are_none(found, planted) == []
    reasons = [one.reason for one in found if isinstance(one, UnusableCapture)]
    assert all(reason.isprintable() and 10 < len(reason) < 1500 for reason in reasons)
    assert len({kind_of(one) for one in found if isinstance(one, UnusableCapture)}) > 30


def test_every_hostile_file_of_a_watched_folder_is_accounted_for_too(
    tmp_path: Path, planted: dict[str, Planter]
) -> None:
    def changes(_root: Path) -> Changes:
        yield from itertools.repeat(None, 20)

    (tmp_path / "coil.done").touch()
    folder = WatchedFolder(
        tmp_path, SETTINGS, WatchSettings(settle_s=0), changes=changes, clock=lambda: 7.0, stop=lambda: False
    )
    found = list(folder)
    assert folder.ended == "coil.done"
    assert Counter([*(one.source for one in found), *folder.sidecars]) == entries(tmp_path)
    assert frames_that_are_none(found, planted) == []
