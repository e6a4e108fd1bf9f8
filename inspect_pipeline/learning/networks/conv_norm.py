"""A convolution with its normalisation, computed together wherever the statistics are known beforehand."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from inspect_pipeline.learning.networks.moments import per_channel
from inspect_pipeline.learning.networks.normalising import ExplicitNorm, NormMode, current_pass


class ConvNorm(nn.Module):
    """A convolution without bias, explicit BatchNorm, and a max-pool of ``pool`` px where that is above 1.

    Two rearrangements, exact in exact arithmetic, save most of the passes over the large activations. Known statistics
    are folded into the kernel. Supports are pooled before they are normalised: a channel whose weight is
    negative is convolved with its kernel turned round, so that the greatest stays the greatest.
    """

    def __init__(
        self, inside: int, outside: int, *, kernel: int, mode: NormMode, steps: int = 1, pool: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False)
        self.norm = ExplicitNorm(outside, mode=mode, steps=steps)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled, normalised activations (n, outside, h / pool, w / pool)."""
        if self.norm.measures:
            return self._supports(x)
        scale, shift = self.norm.scale_and_shift(*self.norm.known())
        if len(scale) == 1:
            kernel = self.conv.weight * scale[0][:, None, None, None]
            return self._pooled(conv2d(x, kernel, shift[0].to(kernel.dtype), padding=self.conv.padding))
        return self._pooled(per_channel(self.conv(x), scale, shift))

    def _supports(self, x: Tensor) -> Tensor:
        if self.pool == 1 or len(self.norm.affine()[0]) != 1:
            return self._pooled(self.norm(self.conv(x)))
        weight, bias = self.norm.affine()
        sign = torch.where(weight[0] < 0.0, -1.0, 1.0).to(weight.dtype)
        turned = conv2d(x, self.conv.weight * sign[:, None, None, None], padding=self.conv.padding)
        mean, var = self.norm.measure(turned, sign)
        scale = weight * sign * torch.rsqrt(var + self.norm.eps)
        return per_channel(self._pooled(turned), scale, bias - mean * scale)

    def _pooled(self, x: Tensor) -> Tensor:
        return max_pool2d(x, self.pool) if self.pool > 1 else x


def drop_generator() -> torch.Generator | None:
    """Return what draws the places to drop in the pass under way, None where nothing is dropped."""
    return current_pass().generator
