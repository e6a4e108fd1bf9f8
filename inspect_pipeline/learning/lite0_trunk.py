"""The frozen default trunk in plain torch: ``tf_efficientnet_lite0`` (Tan & Le 2019) up to ``blocks.5``, folded.

The same modules under the same names as timm's, so that taps, adapters and bundles do not see a difference, and the
same operations, so that outputs are equal bit by bit (tested). Importing timm takes longer than all else between a
bundle and its first verdict, so a bundle is read without it.
"""

import math

from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

STEM_CHANNELS = 32
_EXPANSION = 6
_STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192))
"""Blocks, kernel, stride of the first block and channels of each stage; the first one does not expand."""


class _Conv(nn.Conv2d):
    """A convolution whose numbers come from a state: it draws none, so no random generator moves."""

    def reset_parameters(self) -> None:
        """Leave the memory as it is. (torch's meta device would do, but imports sympy: 0.8 s.)"""


class _SameConv(_Conv):
    """A strided convolution that pads as TensorFlow does: by the size of its input, the odd one at the end."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolved input."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        down, across = (_missing(int(side), kernel, stride) for side in x.shape[-2:])
        x = pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return conv2d(x, self.weight, self.bias, self.stride, (0, 0), self.dilation, self.groups)


def _missing(side: int, kernel: int, stride: int) -> int:
    return max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)


def _conv(given: int, made: int, kernel: int, stride: int = 1, *, depthwise: bool = False) -> nn.Conv2d:
    groups = given if depthwise else 1
    if stride > 1:
        return _SameConv(given, made, kernel, stride, groups=groups)
    return _Conv(given, made, kernel, padding=kernel // 2, groups=groups)


class _Separable(nn.Module):
    """The first block: depthwise, then pointwise."""

    def __init__(self, given: int, made: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = _conv(given, given, kernel, depthwise=True), nn.ReLU6(inplace=True)
        self.conv_pw, self.bn2 = _conv(given, made, 1), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        found: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))
        return found


class _Inverted(nn.Module):
    """An inverted residual block: expansion, depthwise, projection; with a shortcut where the shape stays."""

    def __init__(self, given: int, made: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = given * _EXPANSION
        self.has_skip = stride == 1 and given == made
        self.conv_pw, self.bn1 = _conv(given, wide, 1), nn.ReLU6(inplace=True)
        self.conv_dw, self.bn2 = _conv(wide, wide, kernel, stride, depthwise=True), nn.ReLU6(inplace=True)
        self.conv_pwl, self.bn3 = _conv(wide, made, 1), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        inner = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))
        found: Tensor = self.bn3(self.conv_pwl(inner))
        return found + x if self.has_skip else found


class Lite0Trunk(nn.Module):
    """Stem and six stages, without numbers of their own: load a whole state before use."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = _conv(3, STEM_CHANNELS, 3, 2), nn.ReLU6(inplace=True)
        self.blocks = nn.Sequential()
        given = STEM_CHANNELS
        for count, kernel, stride, made in _STAGES:
            stage = nn.Sequential()
            for number in range(count):
                block = (
                    _Inverted(given, made, kernel, stride if number == 0 else 1)
                    if len(self.blocks)
                    else _Separable(given, made, kernel)
                )
                stage.append(block)
                given = made
            self.blocks.append(stage)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last stage's output."""
        found: Tensor = self.blocks(self.bn1(self.conv_stem(x)))
        return found
