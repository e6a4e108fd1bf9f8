import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_pipeline.errors import BadDataError
from inspect_pipeline.imaging.patch_quilt import PatchQuilt
from inspect_pipeline.imaging.web_textures import TEXTURES, texture

PLAIN = [name for name in TEXTURES if name != "patches"]


def patch(seed: int = 0, *, size: tuple[int, int] = (64, 48), mean: float = 120.0) -> NDArray[np.uint8]:
    """Noise of 12 grey levels, and light that falls off by 60 from left to right."""
    light = np.linspace(-30, 30, size[1])
    noise = np.random.default_rng(seed).normal(mean, 12, size)
    return np.clip(noise + light, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", PLAIN)
def test_a_texture_is_even_on_the_whole_has_some_contrast_and_its_blocks_join(name: str) -> None:
    blocks = texture(name, key=(1, 2), width_px=400)
    whole = np.concatenate([blocks(index) for index in range(4)])
    assert whole.shape == (1024, 400)
    assert whole.mean() == pytest.approx(0.0, abs=0.03)
    assert 0.005 < whole.std() < 0.15
    steps = np.abs(np.diff(whole, axis=0)).mean(axis=1)
    assert steps[255::256].max() < 1.5 * np.percentile(steps, 98)


@pytest.mark.parametrize("name", PLAIN)
def test_a_texture_repeats_for_the_same_key_and_differs_for_another(name: str) -> None:
    blocks = texture(name, key=(1, 2), width_px=100)
    later = blocks(3)
    assert np.array_equal(later, texture(name, key=(1, 2), width_px=100)(3))
    assert not np.array_equal(later, texture(name, key=(1, 3), width_px=100)(3))
    assert not np.array_equal(later, blocks(4))


def test_metal_has_its_grain_along_the_web() -> None:
    metal = texture("metal", key=(1,), width_px=400)(0)
    assert np.abs(np.diff(metal, axis=0)).mean() < 0.6 * np.abs(np.diff(metal, axis=1)).mean()


def test_patches_keep_their_contrast_lose_their_light_and_join() -> None:
    quilt = PatchQuilt([patch(seed) for seed in range(4)], key=(5,), width_px=500)
    whole = np.concatenate([quilt.block(index) for index in range(3)])
    assert quilt.level == pytest.approx(120, abs=1)
    assert whole.mean() == pytest.approx(0.0, abs=0.5)
    assert whole.std() == pytest.approx(12, abs=1)
    columns = np.abs(whole.mean(axis=0))
    assert columns.max() < 4  # 30 where the light had stayed
    assert np.array_equal(
        quilt.block(1), PatchQuilt([patch(seed) for seed in range(4)], key=(5,), width_px=500).block(1)
    )


def test_patches_of_different_sizes_are_cut_and_every_pixel_is_covered() -> None:
    quilt = PatchQuilt([patch(0), patch(1, size=(80, 200))], key=(5,), width_px=123)
    block = quilt.block(2)
    assert block.shape == (256, 123)
    assert np.count_nonzero(block == 0.0) == 0


@pytest.mark.parametrize(
    ("name", "patches", "says"),
    [
        ("gold", [], "no texture 'gold'"),
        ("patches", [], "with 0 patches"),
        ("metal", [patch()], "with 1 patches"),
        ("patches", [patch(size=(15, 40))], "patch 0 is uint8"),
        ("patches", [patch().astype(np.float32)], "patch 0 is float32"),
        ("patches", [patch(), np.zeros((32, 32), np.uint8)], "patch 1 has a mean of 0.0"),
    ],
)
def test_a_texture_that_cannot_be_is_refused(name: str, patches: list[NDArray[np.uint8]], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        texture(name, key=(1,), width_px=100, patches=patches)
