"""Several cameras as one source: nothing lost, nothing held back, one that fails is told after what came."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from inspect_pipeline.cameras.side_by_side import SideBySide
from inspect_pipeline.domain.material import UnusableCapture
from inspect_pipeline.domain.records import Capture
from inspect_pipeline.errors import CameraError


@dataclass
class Camera:
    name: str
    count: int
    fails: bool = False
    expected_lines: int | None = None

    @property
    def expected_cameras(self) -> tuple[str, ...]:
        return (self.name,)

    def __iter__(self) -> Iterator[Capture]:
        for number in range(self.count):
            yield UnusableCapture(source=f"{self.name}{number}", reason="x", camera=self.name)
        if self.fails:
            raise CameraError(f"camera {self.name} was lost")


def names(source: SideBySide) -> list[str]:
    return [capture.source for capture in source]


def test_in_turn_the_order_is_fixed_and_the_longer_one_goes_on_alone() -> None:
    source = SideBySide([Camera("a", 3), Camera("b", 1)], live=False)
    assert names(source) == ["a0", "b0", "a1", "a2"]
    assert names(source) == ["a0", "b0", "a1", "a2"]


def test_live_every_camera_gives_all_it_has_in_its_own_order() -> None:
    found = names(SideBySide([Camera("a", 50), Camera("b", 40), Camera("c", 0)], live=True))
    assert [name for name in found if name[0] == "a"] == [f"a{number}" for number in range(50)]
    assert [name for name in found if name[0] == "b"] == [f"b{number}" for number in range(40)]
    assert len(found) == 90


def test_a_camera_that_is_lost_is_an_error_after_what_all_of_them_gave() -> None:
    found: list[str] = []
    with pytest.raises(CameraError, match="camera a was lost"):
        found.extend(capture.source for capture in SideBySide([Camera("a", 3, fails=True), Camera("b", 30)], live=True))
    assert len(found) == 33


def test_a_consumer_that_goes_away_ends_the_threads_of_the_cameras() -> None:
    before = threading.active_count()
    captures = iter(SideBySide([Camera("a", 10_000), Camera("b", 10_000)], live=True))
    next(captures)
    captures.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_the_coil_is_as_long_as_the_longest_and_has_all_cameras() -> None:
    source = SideBySide(
        [Camera("a", 1, expected_lines=50), Camera("b", 1, expected_lines=70), Camera("c", 1)], live=True
    )
    assert (source.expected_lines, source.expected_cameras) == (70, ("a", "b", "c"))
    assert SideBySide([Camera("a", 1)], live=False).expected_lines is None
