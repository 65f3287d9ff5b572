"""What networks share: pictures as tensors, the type they compute in, layers, the head that predicts IoU."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


def picture_tensor(patches: NDArray[np.generic], like: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 RGB to (N, 3, S, S), about -1 to 1, on the device and of the type of `like`."""
    values = torch.from_numpy(np.ascontiguousarray(patches)).to(like.device).permute(0, 3, 1, 2)
    return ((values.float() - 127) / 128).to(like.dtype).contiguous(memory_format=torch.channels_last)


def map_tensor(maps: NDArray[np.generic], like: Tensor) -> Tensor:
    """(N, S, S, C) floats to (N, C, S, S), on the device and of the type of `like`."""
    values = torch.from_numpy(np.ascontiguousarray(maps, np.float32)).permute(0, 3, 1, 2)
    return values.to(like.device, like.dtype).contiguous(memory_format=torch.channels_last)


@lru_cache
def compute_type(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = (
        torch.ops.mkldnn._is_mkldnn_bf16_supported() and "AVX512" in torch.backends.cpu.get_cpu_capability()
    )
    return torch.bfloat16 if fast else torch.float32


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Autocast to bfloat16, where `device` computes in it; elsewhere it would be many times slower."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled and compute_type(device) is torch.bfloat16
    )


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


_FEATURES = 32
_FIGURES = 4


class QualityHead(nn.Module):
    """Predicts IoU from what a stream saw in and around the map, and from the map itself.

    Nothing flows back from here into the stream: what it is asked for is to segment.
    """

    def __init__(self, width: int) -> None:
        """`width`: channels of the stream's context."""
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(width, _FEATURES, 1), nn.ReLU(inplace=True))
        self.judge = nn.Sequential(
            nn.Linear(3 * _FEATURES + _FIGURES, _FEATURES), nn.ReLU(inplace=True), nn.Linear(_FEATURES, 1)
        )

    def forward(self, context: Tensor, probability: Tensor, guide: Tensor) -> Tensor:
        """Logits of the IoU, (N,).

        Args:
            context: (N, width, h, w), see `Stream.segment`.
            probability: (N, 1, H, W), the map.
            guide: (N, 1, H', W'), its guiding map.
        """
        probability = probability.detach().float()
        height, width = context.shape[-2:]
        coarse = functional.adaptive_avg_pool2d(probability, (height, width))
        dtype = next(self.judge.parameters()).dtype
        # Under autocast the context may come in half precision.
        seen = self.reduce(context.detach().to(dtype)).float()
        places = (coarse, 4 * coarse * (1 - coarse), 1 - coarse)
        found = [(seen * at).sum((2, 3)) / (at.sum((2, 3)) + 0.1) for at in places]
        figures = _figures(probability, functional.interpolate(guide.float(), size=probability.shape[-2:]))
        logits: Tensor = self.judge(torch.cat([*found, figures], 1).to(dtype))
        return logits[:, 0].float()


def _figures(probability: Tensor, guide: Tensor) -> Tensor:
    """(N, 4): certainty inside, share of undecided pixels, size, and soft IoU with the guiding map."""
    inside = (probability > 0.5).float()
    area = inside.sum((1, 2, 3)) + 1
    certain = (probability * inside).sum((1, 2, 3)) / area
    undecided = ((probability - 0.5).abs() < 0.4).float().sum((1, 2, 3)) / area
    size = inside.mean((1, 2, 3)).sqrt()
    common = torch.minimum(probability, guide).sum((1, 2, 3)) + 1
    kept = common / (torch.maximum(probability, guide).sum((1, 2, 3)) + 1)
    return torch.stack([certain, undecided.clamp_max(3), size, kept], 1)
