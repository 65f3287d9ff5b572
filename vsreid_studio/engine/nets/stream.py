"""A stream of N_mp (Sec. 3.1), in both sizes, with a memory it can read.

It sees a patch of the frame (RGB) or of the flow, with the guiding map and the other instances' maps. Its
trunk reads the picture alone, so that the same features serve as keys of a memory: patches whose mask is
trusted are matched to by attention, and what is read there joins the stream's own values. Without a memory
it is the paper's network with the guiding map joined after the trunk instead of before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import averaged, spatial, unit
from .lite0 import STRIDES, Lite0

KEY_CHANNELS = 64


class Features(NamedTuple):
    """What a trunk says of a batch of patches.

    Attributes:
        coarse: (N, C, h, w), the deepest features.
        skips: finer features by stride, for the decoder.
    """

    coarse: Tensor
    skips: dict[int, Tensor]

    def rows(self, chosen: Tensor) -> Features:
        """Those of some of the patches."""
        return Features(self.coarse[chosen], {stride: skip[chosen] for stride, skip in self.skips.items()})


class Segmented(NamedTuple):
    """What a stream makes of a batch of patches.

    Attributes:
        logits: (N, 1, H / s, W / s), s the decoder's finest stride.
        context: (N, width, h, w), what the decoder starts from.
        fine: (N, C, H / s, W / s), what the logits come from.
    """

    logits: Tensor
    context: Tensor
    fine: Tensor


class MemoryEntry(NamedTuple):
    """One trusted patch, seen through a stream.

    Attributes:
        keys: (KEY_CHANNELS, h * w), columns of length 1.
        values: (C, h * w).
        share: (h * w,), how much of each place the instance covers, in [0, 1].
    """

    keys: Tensor
    values: Tensor
    share: Tensor


@dataclass(frozen=True)
class StreamShape:
    """Measures of a stream.

    Attributes:
        coarse: channels of the trunk's deepest features.
        stride: of these, in pixels of the patch.
        skips: channels of the finer features that the decoder joins, by stride.
        width: channels of the values and of the pyramid pooling.
        rates: of the dilated convolutions in the pyramid pooling.
        separable: depthwise-separable convolutions (for CPUs) instead of full ones.
    """

    coarse: int
    stride: int
    skips: dict[int, int]
    width: int
    rates: tuple[int, ...]
    separable: bool


LITE = StreamShape(STRIDES[16] + STRIDES[32], 16, {2: 16, 4: 24, 8: 40}, 128, (1, 2, 4, 6), separable=True)
PAPER = StreamShape(2048, 8, {}, 512, (6, 12, 18, 24, 1), separable=False)


def _unit_length(keys: Tensor) -> Tensor:
    """(N, C, h, w) to (N, C, h * w) columns of length 1, in float32."""
    return functional.normalize(keys.flatten(2).float(), dim=1)


class LiteTrunk(nn.Module):
    """EfficientNet-Lite0 read at stride 16, with the features at stride 32 laid over."""

    def __init__(self) -> None:
        super().__init__()
        self.net: nn.Module = Lite0()

    def forward(self, patch: Tensor) -> Features:
        """(N, 3, H, W) of about zero mean and unit range, H and W multiples of 32."""
        found = self.net(patch)
        wide = functional.interpolate(found[32], scale_factor=2.0, mode="bilinear", align_corners=False)
        return Features(torch.cat([found[16], wide], 1), {stride: found[stride] for stride in (2, 4, 8)})


class ResNetTrunk(nn.Module):
    """ResNet-101 at stride 8: the last two stages dilated instead of strided (Sec. 3.1).

    Its tensors bear torchvision's names, so weights of `resnet101` or of the backbone of
    `deeplabv3_resnet101` load as they are.
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet101  # noqa: PLC0415 (heavy, and only this size needs it)

        self.net = resnet101(weights=None, replace_stride_with_dilation=[False, True, True])
        del self.net.fc, self.net.avgpool

    def forward(self, patch: Tensor) -> Features:
        """(N, 3, H, W) to features of 2048 channels at stride 8."""
        net = self.net
        x = net.maxpool(net.relu(net.bn1(net.conv1(patch))))
        return Features(net.layer4(net.layer3(net.layer2(net.layer1(x)))), {})


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling: dilated convolutions side by side, and the patch's mean."""

    def __init__(self, inner: int, shape: StreamShape) -> None:
        super().__init__()
        branch = shape.width // 2 if shape.separable else shape.width
        self.entry = unit(inner, shape.width)
        self.branches = nn.ModuleList(
            spatial(shape.width, branch, shape.separable, rate) for rate in shape.rates
        )
        self.mean = nn.Sequential(nn.Conv2d(shape.width, branch, 1), nn.ReLU(inplace=True))
        self.join = unit(branch * (len(shape.rates) + 1), shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, width, h, w)."""
        x = self.entry(x)
        mean = self.mean(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        joined: Tensor = self.join(torch.cat([*(branch(x) for branch in self.branches), mean], 1))
        return x + joined


class MapEncoder(nn.Module):
    """The guiding map and the other instances' maps, brought to every stride of the trunk."""

    def __init__(self, shape: StreamShape, maps: int = 2) -> None:
        """`maps`: how many there are."""
        super().__init__()
        self.strides = [2**power for power in range(1, shape.stride.bit_length())]
        self.channels = {stride: min(16 * 2**number, 64) for number, stride in enumerate(self.strides)}
        inner = maps
        steps = []
        for stride in self.strides:
            outer = self.channels[stride]
            steps.append(unit(inner, outer, 3, stride=2))
            inner = outer
        self.steps = nn.ModuleList(steps)

    def forward(self, maps: Tensor) -> dict[int, Tensor]:
        """(N, maps, H, W) to features by stride."""
        found = {}
        for stride, step in zip(self.strides, self.steps, strict=True):
            maps = step(maps)
            found[stride] = maps
        return found


class Decoder(nn.Module):
    """From the coarse grid back towards the patch, joining the trunk's and the maps' finer features."""

    def __init__(self, shape: StreamShape, map_channels: dict[int, int]) -> None:
        super().__init__()
        self.strides = sorted(shape.skips, reverse=True)
        entries, steps = [], []
        inner = shape.width
        for stride in self.strides:
            outer = max(32, min(96, shape.skips[stride] * 2))
            entries.append(unit(shape.skips[stride] + map_channels[stride], outer))
            steps.append(spatial(inner + outer, outer, shape.separable))
            inner = outer
        self.entries = nn.ModuleList(entries)
        self.steps = nn.ModuleList(steps)
        self.channels = inner
        self.head = nn.Conv2d(inner, 1, 3, padding=1)

    def forward(self, x: Tensor, skips: dict[int, Tensor], maps: dict[int, Tensor]) -> tuple[Tensor, Tensor]:
        """To logits at the finest joined stride, (N, 1, h, w), and what they come from, (N, C, h, w)."""
        for stride, entry, step in zip(self.strides, self.entries, self.steps, strict=True):
            side = entry(torch.cat([skips[stride], maps[stride]], 1))
            x = functional.interpolate(x, size=side.shape[-2:], mode="bilinear", align_corners=False)
            x = step(torch.cat([x, side], 1))
        return self.head(x), x


class Stream(nn.Module):
    """One stream of N_mp."""

    def __init__(self, trunk: nn.Module, shape: StreamShape) -> None:
        super().__init__()
        self.trunk = trunk
        self.shape = shape
        self.maps = MapEncoder(shape)
        self.reduce = unit(shape.coarse, shape.width)
        self.key = nn.Conv2d(shape.coarse, KEY_CHANNELS, 1, bias=False)
        # The sharpness of the softmax over the memory, learnt as a logarithm (start: 20).
        self.log_sharpness = nn.Parameter(torch.tensor(3.0))
        deepest = self.maps.channels[shape.stride]
        self.value = nn.Sequential(
            unit(shape.width + deepest, shape.width), spatial(shape.width, shape.width, shape.separable)
        )
        # Values read, the share of the instance read, and the best match on the instance and off it.
        self.pool = PyramidPooling(2 * shape.width + 3, shape)
        self.decoder = Decoder(shape, self.maps.channels)

    def encode(self, patch: Tensor) -> Features:
        """The trunk's features of (N, 3, H, W) patches: they depend on the picture alone."""
        features: Features = self.trunk(patch)
        return features

    def segment(
        self, features: Features, maps: Tensor, memories: Sequence[Sequence[MemoryEntry]] | None = None
    ) -> Segmented:
        """Logits of the instance in each of the patches.

        Args:
            features: of (N, 3, H, W) patches: RGB, or flow (dx, dy, length).
            maps: (N, 2, H, W) in [0, 1]: the guiding map, and the greatest of the other instances' maps.
            memories: for each patch the entries to read; None or an empty list reads nothing.
        """
        levels = self.maps(maps)
        value = self.value_of(features, levels)
        read = self.read(self.key(features.coarse), value, memories)
        return self.decode(value, read, features.skips, levels)

    def memorise(self, features: Features, maps: Tensor) -> list[MemoryEntry]:
        """Entries for encoded patches, of the instance whose mask is maps[:, 0].

        A patch may show another instance only: its places then speak for the ground (share 0).
        """
        value = self.value_of(features, self.maps(maps))
        return self.entries(self.key(features.coarse), value, maps)

    def entries(self, keys: Tensor, value: Tensor, maps: Tensor) -> list[MemoryEntry]:
        """The last part of `memorise`, from the keys (of any length) and the values."""
        share = averaged(maps[:, :1], value).flatten(1)
        parts = zip(_unit_length(keys), value.flatten(2), share, strict=True)
        return [MemoryEntry(*entry) for entry in parts]

    def value_of(self, features: Features, levels: dict[int, Tensor]) -> Tensor:
        """What a patch and its maps say at each place: (N, width, h, w)."""
        value: Tensor = self.value(torch.cat([self.reduce(features.coarse), levels[self.shape.stride]], 1))
        return value

    def decode(
        self, value: Tensor, read: Tensor, skips: dict[int, Tensor], levels: dict[int, Tensor]
    ) -> Segmented:
        """The last part of `segment`, from the values and what `read` has found for them."""
        context = self.pool(torch.cat([value, read], 1))
        logits, fine = self.decoder(context, skips, levels)
        return Segmented(logits, context, fine)

    def read(self, keys: Tensor, value: Tensor, memories: Sequence[Sequence[MemoryEntry]] | None) -> Tensor:
        """What each place of each patch finds in its memory: (N, width + 3, h, w).

        Args:
            keys: (N, KEY_CHANNELS, h, w), of any length.
            value: (N, width, h, w).
            memories: see `segment`.
        """
        count, width, height, breadth = value.shape
        if memories is None or not any(memories):
            return value.new_zeros(count, width + 3, height, breadth)
        rows = []
        queries = _unit_length(keys)
        for row, memory in enumerate(memories):
            query = queries[row]
            if not memory:
                rows.append(value.new_zeros(width + 3, height * breadth))
                continue
            stored = torch.cat([entry.keys for entry in memory], 1)
            values = torch.cat([entry.values for entry in memory], 1)
            share = torch.cat([entry.share for entry in memory])
            likeness = stored.T @ query
            weights = torch.softmax(likeness * self.log_sharpness.exp(), 0)
            best_on = (likeness - 2 * (share[:, None] < 0.5)).amax(0, keepdim=True).clamp_min(-1)
            best_off = (likeness - 2 * (share[:, None] >= 0.5)).amax(0, keepdim=True).clamp_min(-1)
            read = values.to(weights.dtype) @ weights
            rows.append(
                torch.cat([read, share[None].to(weights.dtype) @ weights, best_on, best_off]).to(value.dtype)
            )
        return torch.stack(rows).view(count, width + 3, height, breadth)
