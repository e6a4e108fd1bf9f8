import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.seeded_noise import BLOCK_LINES, LatticeNoise, path


def noise(*, lines: int = 32, px: int = 8, key: tuple[int, ...] = (3, 1), width: int = 100) -> LatticeNoise:
    return LatticeNoise(key, pitch_lines=lines, pitch_px=px, width_px=width)


@pytest.mark.parametrize("lines", [1, 4, 64, 256])
def test_a_block_is_the_same_whatever_was_drawn_before(lines: int) -> None:
    forwards, alone = noise(lines=lines), noise(lines=lines)
    blocks = [forwards.block(index) for index in range(-2, 4)]
    assert np.array_equal(alone.block(2), blocks[4])
    assert np.array_equal(alone.block(-2), blocks[0])
    assert not np.array_equal(blocks[4], blocks[3])


@pytest.mark.parametrize(("lines", "px"), [(16, 4), (64, 1), (256, 96)])
def test_blocks_join_without_a_seam(lines: int, px: int) -> None:
    drawn = noise(lines=lines, px=px, width=400)
    joined = np.concatenate([drawn.block(index) for index in range(6)])
    steps = np.abs(np.diff(joined, axis=0)).mean(axis=1)
    seams = steps[BLOCK_LINES - 1 :: BLOCK_LINES]
    assert seams.max() < 1.5 * np.percentile(steps, 99)


def test_noise_has_no_mean_a_known_deviation_and_features_of_its_size() -> None:
    drawn = np.concatenate([noise(lines=8, px=4, width=600).block(index) for index in range(4)])
    assert drawn.mean() == pytest.approx(0.0, abs=0.03)
    assert drawn.std() == pytest.approx(0.85, abs=0.08)
    near = np.corrcoef(drawn[:-2].ravel(), drawn[2:].ravel())[0, 1]
    far = np.corrcoef(drawn[:-32].ravel(), drawn[32:].ravel())[0, 1]
    assert near > 0.8
    assert abs(far) < 0.1


def test_another_key_gives_other_noise() -> None:
    assert not np.array_equal(noise().block(0), noise(key=(3, 2)).block(0))


@pytest.mark.parametrize(("lines", "px"), [(3, 1), (512, 1), (0, 1), (4, 0)])
def test_a_pitch_that_does_not_fit_the_blocks_is_refused(lines: int, px: int) -> None:
    with pytest.raises(BadDataError, match="power of two"):
        noise(lines=lines, px=px)


@given(seed=st.integers(0, 2**31), first=st.integers(-10_000, 10_000), pitch=st.integers(2, 700))
def test_a_path_is_smooth_bounded_and_the_same_in_pieces(seed: int, first: int, pitch: int) -> None:
    lines = np.arange(first, first + 50)
    whole = path([seed], lines, pitch_lines=pitch)
    assert np.array_equal(whole[20:], path([seed], lines[20:], pitch_lines=pitch))
    assert np.abs(whole).max() <= 2.5
    assert np.abs(np.diff(whole)).max() <= 8.0 / pitch
