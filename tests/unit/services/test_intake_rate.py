"""How fast captures are taken in stands beside how fast the cameras make them."""

from dataclasses import dataclass

import pytest

from inspect_pipeline.services.intake_rate import IntakeRate
from inspect_pipeline.services.preparing import Prepared


@dataclass
class Stopwatch:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def capture(first_line: int | None, at_s: float | None, *, camera: str = "camera-0", mega: int = 1) -> Prepared:
    return Prepared(
        id="f",
        row=None,
        camera=camera,
        sequence=0,
        first_line=first_line,
        line_count=1000,
        pixel_bytes=mega * 10**6,
        captured_at_s=at_s,
    )


def test_lines_and_megabytes_are_counted_a_second_since_the_start() -> None:
    watch = Stopwatch()
    rate = IntakeRate(seconds=watch)
    rate.add(capture(0, None))
    rate.add(capture(None, None, mega=3))
    watch.now_s = 102.0
    rates = rate.rates()
    assert (rates.lines, rates.megabytes, rates.lines_per_s, rates.megabytes_per_s) == (2000, 4.0, 1000.0, 2.0)
    assert rates.camera_lines_per_s is None
    assert rate.shown() == "1,000 lines/s, 2 MB/s"


def test_the_rate_of_the_cameras_is_by_the_times_and_places_of_their_captures() -> None:
    watch = Stopwatch()
    rate = IntakeRate(seconds=watch)
    for first, at_s in ((0, 50.0), (2000, 51.0), (1000, 50.5)):  # one came late
        rate.add(capture(first, at_s))
    rate.add(capture(0, 50.0, camera="camera-1"))
    rate.add(capture(3000, 51.0, camera="camera-1"))
    watch.now_s = 101.0
    assert rate.rates().camera_lines_per_s == pytest.approx(5000.0)
    assert rate.shown().endswith("(camera: 5,000 lines/s)")


@pytest.mark.parametrize("second", [(0, 51.0), (1000, 50.0), (1000, 49.0), (1000, None), (None, 51.0)])
def test_captures_that_tell_no_rate_give_none(second: tuple[int | None, float | None]) -> None:
    rate = IntakeRate(seconds=Stopwatch())
    rate.add(capture(0, 50.0))
    rate.add(capture(*second))
    assert rate.rates().camera_lines_per_s is None


def test_a_rate_asked_for_at_once_is_a_number() -> None:
    rate = IntakeRate(seconds=Stopwatch())
    assert rate.rates().lines_per_s == 0.0
    assert rate.shown() == "0 lines/s, 0 MB/s"
