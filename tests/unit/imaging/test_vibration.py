import numpy as np
import pytest

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.vibration import Vibration


def test_a_still_view_shifts_nothing() -> None:
    assert Vibration().still
    assert not Vibration().shift_px(np.arange(100)).any()


def test_the_sideways_way_is_a_wave_of_the_amplitude_and_period_with_noise_on_it() -> None:
    lines = np.arange(4000)
    wave = Vibration(amplitude_px=0.8, period_lines=100, seed=3).shift_px(lines)
    noisy = Vibration(amplitude_px=0.8, period_lines=100, noise_px=0.2, seed=3).shift_px(lines)
    assert np.abs(wave).max() == pytest.approx(0.8, abs=0.01)
    assert wave[:-100] == pytest.approx(wave[100:])
    assert (noisy - wave).std() == pytest.approx(0.16, abs=0.05)


def test_a_smear_keeps_the_mean_and_spreads_over_its_lines_also_of_parts() -> None:
    material = np.zeros((21, 4), np.uint8)
    material[10] = 250
    for length, spread in ((3.0, [0, 83, 83, 83, 0]), (2.0, [0, 62, 125, 62, 0]), (4.0, [31, 62, 62, 62, 31])):
        vibration = Vibration(blur_lines=length)
        smeared = vibration.shaken(material, 0)
        middle = 10 - vibration.halo_lines
        assert list(smeared[middle - 2 : middle + 3, 0]) == pytest.approx(spread, abs=1)
        assert smeared.shape[0] == 21 - 2 * vibration.halo_lines


def test_a_stream_of_nothing_is_nothing_and_one_line_stays_one() -> None:
    vibration = Vibration(blur_lines=3.0)
    assert list(vibration.stream([])) == []
    (line,) = vibration.stream([np.full((1, 4), 9, np.uint8)])
    assert line.tolist() == [[9, 9, 9, 9]]


@pytest.mark.parametrize("wrong", [{"amplitude_px": -1.0}, {"blur_lines": -1.0}, {"period_lines": 0.0}])
def test_a_vibration_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadDataError, match="vibration"):
        Vibration(**wrong)  # type: ignore[arg-type]
