"""What the parts of N_mp are built of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def unit(
    inner: int, outer: int, kernel: int = 1, rate: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size (at stride 1), a norm and a ReLU."""
    padding = rate * (kernel // 2)
    convolution = nn.Conv2d(inner, outer, kernel, stride, padding, rate, groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outer, momentum=0.03), nn.ReLU(inplace=True))


def spatial(inner: int, outer: int, separable: bool, rate: int = 1) -> nn.Sequential:
    """A 3x3 convolution, or its depthwise-separable form."""
    if not separable:
        return unit(inner, outer, 3, rate)
    return nn.Sequential(unit(inner, inner, 3, rate, groups=inner), unit(inner, outer))


def averaged(maps: Tensor, like: Tensor) -> Tensor:
    """Maps averaged down to the height and width of `like`."""
    height, width = like.shape[-2:]
    return functional.adaptive_avg_pool2d(maps, (height, width))


def resized(maps: Tensor, like: Tensor) -> Tensor:
    """Maps brought to the height and width of `like`."""
    return functional.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)
