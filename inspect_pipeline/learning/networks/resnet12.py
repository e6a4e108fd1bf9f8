"""ResNet-12 of few-shot learning (Lee et al. 2019, MetaOptNet): four residual blocks, LeakyReLU 0.1, DropBlock.

64-160-320-640 channels are the 12.4 million parameters of the literature, 64-128-256-512 the 8.0 million.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, max_pool2d

from inspect_pipeline.learning.networks.conv_norm import ConvNorm, drop_generator
from inspect_pipeline.learning.networks.normalising import NormMode, name_norms

_SLOPE = 0.1
_DROP_BLOCK_SIDE = 5  # Lee et al. 2019: squares of 5 in the last two blocks, single values before


class ResNet12(nn.Module):
    """Images (n, 3, h, w) to the mean of the last activation, (n, widths[-1])."""

    links: tuple[str, ...] = tuple(f"blocks.{block}" for block in range(4))

    def __init__(self, widths: Sequence[int], *, mode: NormMode, steps: int = 1, drop: float = 0.0) -> None:
        super().__init__()
        inside = [3, *widths[:-1]]
        last_two = len(widths) - 2
        self.blocks = nn.ModuleList(
            _Block(before, after, mode=mode, steps=steps, drop=drop, side=_DROP_BLOCK_SIDE if at >= last_two else 1)
            for at, (before, after) in enumerate(zip(inside, widths, strict=True))
        )
        self.steps = steps
        name_norms(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the descriptors (n, d)."""
        for block in self.blocks:
            x = block(x)
        return x.mean(dim=(2, 3))


class _Block(nn.Module):
    def __init__(self, inside: int, outside: int, *, mode: NormMode, steps: int, drop: float, side: int) -> None:
        super().__init__()
        self.first = ConvNorm(inside, outside, kernel=3, mode=mode, steps=steps)
        self.second = ConvNorm(outside, outside, kernel=3, mode=mode, steps=steps)
        self.third = ConvNorm(outside, outside, kernel=3, mode=mode, steps=steps)
        self.shortcut = ConvNorm(inside, outside, kernel=1, mode=mode, steps=steps)
        self.drop, self.side = drop, side

    def forward(self, x: Tensor) -> Tensor:
        inner = leaky_relu(self.second(leaky_relu(self.first(x), _SLOPE)), _SLOPE)
        # The pool before the rectifier gives the same values at a quarter of the cost: the rectifier rises everywhere.
        x = leaky_relu(max_pool2d(self.third(inner) + self.shortcut(x), 2), _SLOPE)
        generator = drop_generator()
        return (
            x
            if generator is None or self.drop == 0.0
            else drop_block(x, self.drop, side=self.side, generator=generator)
        )


def drop_block(x: Tensor, rate: float, *, side: int, generator: torch.Generator) -> Tensor:
    """Return x (n, c, h, w) with squares of ``side`` px dropped and the rest scaled up to keep the sum of the mask.

    DropBlock (Ghiasi, Lin, Le 2018): ``rate`` is the share of the places to drop; a side of 1 is dropout. The
    generator lives on the device of x. What is dropped depends on the shape of x and the generator alone.
    """
    height, width = x.shape[-2:]
    side = min(side, height, width)
    corners = (height - side + 1) * (width - side + 1)
    gamma = rate * height * width / (side * side * corners)
    seeds = (
        torch.rand((*x.shape[:-2], height - side + 1, width - side + 1), generator=generator, device=x.device) < gamma
    )
    padded = nn.functional.pad(seeds.to(x.dtype), (side - 1,) * 4)
    kept = 1.0 - max_pool2d(padded, side, stride=1)
    return x * kept * (kept.numel() / kept.sum().clamp(min=1.0)).to(x.dtype)
