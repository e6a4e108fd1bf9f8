import numpy as np
import pytest

from inspect_pipeline.imaging.stripes import (
    column_means,
    column_sums,
    residual_of_means,
    residual_stripes,
    stripe_strength,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(300, 7), (5, 4, 3)])
def test_sums_and_means_of_columns_are_exact(dtype: type[np.uint8] | type[np.uint16], shape: tuple[int, ...]) -> None:
    lines = np.full(shape, np.iinfo(dtype).max, dtype)
    lines[0] -= 1
    assert column_sums(lines).tolist() == lines.sum(axis=0, dtype=np.int64).tolist()
    assert column_means(lines).shape == shape[1:]
    assert np.allclose(column_means(lines), np.iinfo(dtype).max - 1 / shape[0], rtol=1e-12)


def test_lines_that_are_no_neighbours_in_memory_are_summed_as_well() -> None:
    lines = np.arange(60, dtype=np.uint8).reshape(6, 10)
    assert column_sums(lines[1::2]).tolist() == lines[1::2].sum(axis=0).tolist()


def test_the_residual_is_the_deviation_of_the_columns_in_8_bit_grey_levels() -> None:
    pattern = np.where(np.arange(1024) % 4 == 0, 104, 100)  # one column in four stands 4 above the local median
    lines = np.tile(pattern.astype(np.uint8), (8, 1))
    assert residual_stripes(lines) == pytest.approx(np.std(pattern), rel=0.01)
    deep = np.tile((pattern * 16).astype(np.uint16), (8, 1))
    assert residual_stripes(deep, full_scale=255 * 16) == pytest.approx(residual_stripes(lines), rel=1e-6)


def test_neither_the_level_nor_the_fall_off_of_the_light_is_a_stripe() -> None:
    means = 2000.0 * (1 - 0.25 * np.linspace(-1, 1, 4096) ** 2)
    assert residual_of_means(means, full_scale=4095) < 0.01
    assert stripe_strength(means) / 4095 < 1e-4


def test_colour_channels_are_looked_at_each_by_itself() -> None:
    means = np.tile([50.0, 120.0, 200.0], (256, 1))
    assert residual_of_means(means, full_scale=255) == 0.0
    means[::4, 1] += 6.0
    assert residual_of_means(means, full_scale=255) > 1.0


def test_the_strength_is_the_deviation_of_a_normal_pattern_and_one_streak_does_not_move_it() -> None:
    means = 120.0 + 3.0 * np.random.default_rng(0).standard_normal(4096)
    plain = stripe_strength(means)
    assert plain == pytest.approx(3.0, rel=0.1)
    means[1000:1003] -= 60.0
    assert stripe_strength(means) == pytest.approx(plain, rel=0.02)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_lines_narrower_than_the_neighbourhood_have_a_strength_too(width: int) -> None:
    assert stripe_strength(np.full(width, 9.0)) == 0.0
