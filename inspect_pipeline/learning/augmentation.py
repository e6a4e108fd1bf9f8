"""Samples changed at random, as pure functions of a tensor and a generator.

Images are (..., c, h, w) float; every sample of the leading dimensions is changed by its own draw. Draws are made where
the generator lives, so a generator of the CPU gives the same on every device.
"""

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample


def flipped(images: Tensor, generator: Generator) -> Tensor:
    """Return each image as it is, mirrored left to right, top to bottom, or both, equally often."""
    across, down = _coins(images, generator), _coins(images, generator)
    images = torch.where(across, images.flip(-1), images)
    return torch.where(down, images.flip(-2), images)


def quarter_turned(images: Tensor, generator: Generator) -> Tensor:
    """Return each image turned by 0, 90, 180 or 270 degrees, equally often; one that is not square by 0 or 180."""
    square = images.shape[-1] == images.shape[-2]
    turns = torch.randint(4, _leading(images), generator=generator, device=generator.device)
    turns = _spread(turns if square else 2 * (turns % 2), images)
    for count in (1, 2, 3) if square else (2,):
        images = torch.where(turns == count, torch.rot90(images, count, (-2, -1)), images)
    return images


def cropped(images: Tensor, generator: Generator, *, least: float) -> Tensor:
    """Return a random crop of each image, ``least`` to 1 of its area, of its shape, resized bilinearly to its size."""
    flat = images.reshape(-1, *images.shape[-3:])
    side = (least + (1.0 - least) * _uniform((len(flat),), images, generator)).sqrt()
    centre = (2.0 * _uniform((len(flat), 2), images, generator) - 1.0) * (1.0 - side)[:, None]
    theta = flat.new_zeros(len(flat), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = side
    theta[:, :, 2] = centre
    grid = affine_grid(theta, list(flat.shape), align_corners=False)
    crops = grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return crops.reshape(images.shape)


def brightened(images: Tensor, generator: Generator, *, most: float) -> Tensor:
    """Return each image in [0, 1] with a number between -``most`` and ``most`` added, held inside [0, 1]."""
    moved = most * (2.0 * _uniform(_leading(images), images, generator) - 1.0)
    return (images + _spread(moved, images)).clamp(0.0, 1.0)


def contrasted(images: Tensor, generator: Generator, *, most: float) -> Tensor:
    """Return each image in [0, 1] stretched about its mean by 1 - ``most`` to 1 + ``most``, held inside [0, 1]."""
    factor = 1.0 + most * (2.0 * _uniform(_leading(images), images, generator) - 1.0)
    mean = images.mean(dim=(-3, -2, -1), keepdim=True)
    return (mean + _spread(factor, images) * (images - mean)).clamp(0.0, 1.0)


def noisy(images: Tensor, generator: Generator, *, full_well: float, read_noise: float) -> Tensor:
    """Return images in [0, 1] with a sensor's noise: shot noise of the electrons and the noise of reading them.

    Intensity 1 is ``full_well`` electrons; the variance in electrons is their count (Poisson, here Gaussian) plus
    ``read_noise`` squared (EMVA 1288, the linear camera model). Channels of one image are told apart only where they
    differ: a grey image stays grey.
    """
    spread = (images.clamp(min=0.0) / full_well + (read_noise / full_well) ** 2).sqrt()
    grey = images.shape[-3] > 1 and bool((images[..., 1:, :, :] == images[..., :1, :, :]).all())
    shape = (*images.shape[:-3], 1, *images.shape[-2:]) if grey else tuple(images.shape)
    draws = torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
    return (images + spread * draws.to(images.device, images.dtype)).clamp(0.0, 1.0)


def cut_out(images: Tensor, generator: Generator, *, side: float) -> Tensor:
    """Return each image with a square of ``side`` of its sides set to its mean (DeVries and Taylor 2017: Cutout)."""
    inside = _box(images, generator, torch.full(_leading(images), side, device=images.device))
    return torch.where(inside, images.mean(dim=(-2, -1), keepdim=True), images)


def mixed_up(samples: Tensor, partners: Tensor, share: Tensor) -> Tensor:
    """Return ``share`` (...) of each sample (..., n, *shape) plus the rest of its partner (Zhang et al. 2018: Mixup).

    ``partners`` (n,) are places among the n samples; ``share`` is one a task.
    """
    weights = share.reshape(*share.shape, *(1,) * (samples.ndim - share.ndim))
    other = samples.index_select(share.ndim, partners)
    return weights * samples + (1.0 - weights) * other


def cut_mixed(images: Tensor, partners: Tensor, share: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return images (..., n, c, h, w) with a box of their partner's pixels, and the share (..., n) that stayed.

    The box has 1 - ``share`` (...) of the area and lies at a random place (Yun et al. 2019: CutMix).
    """
    side = (1.0 - share).sqrt()[..., None].expand(_leading(images))
    inside = _box(images, generator, side)
    kept = 1.0 - inside.to(images.dtype).mean(dim=(-3, -2, -1))
    return torch.where(inside, images.index_select(share.ndim, partners), images), kept


def beta_share(alpha: float, generator: Generator) -> float:
    """Return a draw of Beta(``alpha``, ``alpha``)."""
    seed = int(torch.randint(2**31, (), generator=generator, device=generator.device))
    return float(np.random.default_rng(seed).beta(alpha, alpha))


def _box(images: Tensor, generator: Generator, side: Tensor) -> Tensor:
    """Return where a box of ``side`` (...) of the sides lies, (..., 1, h, w) bool; it lies wholly inside."""
    corner = _uniform((*_leading(images), 2), images, generator)
    masks = []
    for axis, length in ((0, images.shape[-2]), (1, images.shape[-1])):
        size = (side * length).round()
        low = (corner[..., axis] * (length - size + 1.0)).floor().clamp(max=length)[..., None]
        places = torch.arange(length, device=images.device)
        masks.append((places >= low) & (places < low + size[..., None]))
    return (masks[0][..., :, None] & masks[1][..., None, :]).unsqueeze(-3)


def _leading(images: Tensor) -> tuple[int, ...]:
    return tuple(images.shape[:-3])


def _uniform(shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device).to(like.device, like.dtype)


def _coins(images: Tensor, generator: Generator) -> Tensor:
    return _spread(_uniform(_leading(images), images, generator) < 0.5, images)


def _spread(numbers: Tensor, images: Tensor) -> Tensor:
    return numbers.to(images.device)[..., None, None, None]
