"""Conv4-64: four blocks of convolution, BatchNorm, ReLU and 2 x 2 max-pool (Vinyals et al. 2016, Snell et al. 2017)."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import relu

from inspect_pipeline.learning.networks.conv_norm import ConvNorm
from inspect_pipeline.learning.networks.normalising import NormMode, name_norms

Pooling = Literal["flatten", "max", "mean"]
"""How the last activation becomes a descriptor: all places, the greatest, or the mean of each channel."""
_BLOCKS = 4


class Conv4(nn.Module):
    """The field's small network: (n, inside, h, w) images to descriptors; 1,600 at 84 px, 64 with a global pool."""

    links: tuple[str, ...] = tuple(f"blocks.{block}" for block in range(_BLOCKS))

    def __init__(
        self, *, mode: NormMode, steps: int = 1, channels: int = 64, inside: int = 3, pooling: Pooling
    ) -> None:
        super().__init__()
        widths = [inside, *[channels] * _BLOCKS]
        self.blocks = nn.ModuleList(
            ConvNorm(before, after, kernel=3, mode=mode, steps=steps, pool=2) for before, after in pairwise(widths)
        )
        self.pooling, self.steps = pooling, steps
        name_norms(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the descriptors (n, d)."""
        for block in self.blocks:
            x = relu(block(x))  # after the pool: the same values, a quarter of the places
        if self.pooling == "max":
            return x.amax(dim=(2, 3))
        return x.mean(dim=(2, 3)) if self.pooling == "mean" else x.flatten(1)
