import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.painting import KINDS, paint


def cell(height: int = 160, width: int = 200) -> NDArray[np.uint8]:
    """Texture with two dark busbars across."""
    pixels = np.random.default_rng(0).integers(140, 180, (height, width)).astype(np.uint8)
    pixels[[height // 3, 2 * height // 3]] = 40
    return pixels


def painted(kind: str, *, seed: int = 0, strength: float = 0.7) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    return paint(kind, cell(), generator=np.random.default_rng(seed), strength=strength)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_paints_the_same_defect_and_another_seed_another(kind: str) -> None:
    (one, mask), (again, _), (_, other_mask) = painted(kind), painted(kind), painted(kind, seed=1)
    assert np.array_equal(one, again)
    assert not np.array_equal(mask, other_mask)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(list(KINDS)), seed=st.integers(0, 2**32), strength=st.floats(0, 1))
def test_every_defect_has_a_mask_and_changes_little_outside_it(kind: str, seed: int, strength: float) -> None:
    pixels, mask = painted(kind, seed=seed, strength=strength)
    change = np.abs(pixels.astype(int) - cell())
    assert mask.any()
    assert mask.mean() < 0.6
    assert change[mask].mean() > change[~mask].mean()
    assert (change[mask] > 0).mean() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_stronger_defect_has_more_contrast_on_the_same_mask(kind: str) -> None:
    (faint, faint_mask), (clear, clear_mask) = painted(kind, strength=0.0), painted(kind, strength=1.0)
    assert np.array_equal(faint_mask, clear_mask)
    assert np.abs(clear.astype(int) - cell())[clear_mask].mean() > np.abs(faint.astype(int) - cell())[clear_mask].mean()


def test_the_texture_below_a_stain_is_darkened_not_replaced() -> None:
    pixels, mask = painted("stain", strength=1.0)
    texture = mask & (cell() > 100)
    assert np.corrcoef(pixels[texture], cell()[texture])[0, 1] > 0.5


def test_an_interrupted_finger_runs_upright_and_stops_at_the_busbars() -> None:
    for seed in range(20):
        _, mask = painted("finger_interruption", seed=seed)
        rows, columns = np.nonzero(mask)
        assert not mask[[160 // 3, 2 * 160 // 3]].any()
        assert rows.max() - rows.min() < 160 / 3
        for column in np.unique(columns):
            here = np.sort(rows[columns == column])
            assert here.size < 4 or (np.diff(here) == 1).mean() > 0.8


def test_a_crack_is_long_and_thin() -> None:
    _, mask = painted("crack", seed=4)
    rows, columns = np.nonzero(mask)
    assert max(np.ptp(rows), np.ptp(columns)) > 25
    assert mask.mean() < 0.05


def test_scratches_are_bright_on_some_and_dark_on_others() -> None:
    signs = set()
    for seed in range(20):
        pixels, mask = painted("scratch", seed=seed, strength=1.0)
        signs.add(np.sign(pixels[mask].mean() - cell()[mask].mean()))
    assert signs == {-1.0, 1.0}


def test_a_chip_touches_an_edge_of_the_image() -> None:
    for seed in range(10):
        _, mask = painted("edge_chip", seed=seed)
        assert mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()


def test_the_pixels_given_are_left_as_they_were() -> None:
    pixels = cell()
    pixels.setflags(write=False)
    paint("crack", pixels, generator=np.random.default_rng(0), strength=1.0)


@pytest.mark.parametrize(
    ("kind", "pixels", "strength", "reason"),
    [
        ("dent", cell(), 0.5, "no painter for 'dent'"),
        ("crack", cell(), 1.5, "outside 0..1"),
        ("crack", cell().astype(np.uint16), 0.5, "u8"),
        ("crack", np.zeros((8, 8), np.uint8), 0.5, "32 px or more"),
    ],
)
def test_what_cannot_be_painted_is_refused(kind: str, pixels: NDArray[np.uint8], strength: float, reason: str) -> None:
    with pytest.raises(BadDataError, match=reason):
        paint(kind, pixels, generator=np.random.default_rng(0), strength=strength)
