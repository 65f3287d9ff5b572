"""The click network as it runs: by torch on a GPU, compiled on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..nets.clicks import ClickNet, ImageFeatures
from ..nets.compiled import Compiled
from ..nets.lite0 import fold_norms
from ..nets.stream import Features, MemoryEntry
from .models import fill, read_weights, resolve_device, shipped

NAME = "clicks-lite"
"""Of the weights in `models.toml`."""


class Network(Protocol):
    """Runs the click network on one patch."""

    def encode(self, patch: Tensor) -> ImageFeatures:
        """Features of the picture alone; they stay valid."""
        ...

    def remember(self, features: ImageFeatures, maps: Tensor) -> list[MemoryEntry]:
        """What is read of an encoded patch of a trusted frame, see `ClickNet.remember`."""
        ...

    def answer(
        self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
    ) -> tuple[Tensor, float]:
        """Probabilities (H, W) of the instance, and the IoU that the network expects of them."""
        ...


class TorchNetwork:
    """As torch runs it: on a GPU."""

    def __init__(self, network: ClickNet, device: torch.device) -> None:
        self._network = network.to(device)
        self._device = device

    @torch.inference_mode()
    def encode(self, patch: Tensor) -> ImageFeatures:
        """See `Network`."""
        return self._network.encode(patch.to(self._device))

    @torch.inference_mode()
    def remember(self, features: ImageFeatures, maps: Tensor) -> list[MemoryEntry]:
        """See `Network`."""
        return self._network.remember(features, maps.to(self._device))

    @torch.inference_mode()
    def answer(
        self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
    ) -> tuple[Tensor, float]:
        """See `Network`."""
        drawn = self._network.answer(features, patch.to(self._device), maps.to(self._device), [memory])
        return drawn.logits[0, 0].float().sigmoid().cpu(), float(drawn.quality.float().sigmoid())


class CompiledNetwork:
    """Compiled for the CPU, with requests of its own: a run that goes on has others, so none waits."""

    def __init__(self, network: ClickNet) -> None:
        """`network`: float32, on the CPU, its norms folded."""
        stream = network.stream
        strides = stream.decoder.strides

        def encode(patch: Tensor) -> tuple[Tensor, ...]:
            features = network.encode(patch)
            return (features.coarse, features.keys, *(features.skips[stride] for stride in strides))

        def read_maps(coarse: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
            levels = stream.maps(maps)
            value = stream.value_of(Features(coarse, {}), levels)
            return (value, *(levels[stride] for stride in strides))

        def compare(keys: Tensor, value: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
            return (network.compare(keys, value, maps),)

        def draw(
            patch: Tensor, maps: Tensor, value: Tensor, read: Tensor, *fine: Tensor
        ) -> tuple[Tensor, ...]:
            skips, levels = (
                dict(zip(strides, part, strict=True)) for part in (fine[: len(strides)], fine[len(strides) :])
            )
            drawn = network.draw(ImageFeatures(value, value, skips), value, read, levels, patch, maps)
            return drawn.logits.sigmoid(), drawn.quality.sigmoid()

        self._network = network
        self._strides = strides
        self._encode = Compiled(encode)
        self._maps = Compiled(read_maps)
        self._compare = Compiled(compare, exact=True)
        self._draw = Compiled(draw)

    @torch.inference_mode()
    def encode(self, patch: Tensor) -> ImageFeatures:
        """See `Network`."""
        # Copied: the next result is written to the same memory.
        coarse, keys, *skips = (part.clone() for part in self._encode(patch))
        return ImageFeatures(coarse, keys, dict(zip(self._strides, skips, strict=True)))

    @torch.inference_mode()
    def remember(self, features: ImageFeatures, maps: Tensor) -> list[MemoryEntry]:
        """See `Network`."""
        value, *_ = self._maps(features.coarse, maps)
        return self._network.stream.entries(features.keys, value.clone(), maps)

    @torch.inference_mode()
    def answer(
        self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
    ) -> tuple[Tensor, float]:
        """See `Network`."""
        value, *levels = self._maps(features.coarse, maps)
        (read,) = self._compare(features.keys, value, maps)
        # Not compiled: the number of entries varies, and it takes a millisecond.
        read = self._network.recalled(read, features.keys, value, [memory])
        skips = [features.skips[stride] for stride in self._strides]
        probability, quality = self._draw(patch, maps, value, read, *skips, *levels)
        return probability[0, 0].clone(), float(quality)


def load_network(device: str = "auto", weights: Path | None = None) -> Network:
    """The click network with its weights, in the form in which the device is fastest.

    Args:
        device: 'auto', 'cpu' or 'cuda'.
        weights: a safetensors file instead of the shipped one.

    Raises:
        UserError: the weights are missing or do not fit, or there is no such device.
    """
    network = ClickNet()
    fill(network, read_weights(weights) if weights else shipped(NAME), str(weights or NAME))
    return prepared(network, resolve_device(device))


def prepared(network: ClickNet, device: torch.device) -> Network:
    """A network of which the weights do not change any more, ready to run; it is changed in place."""
    network.eval().requires_grad_(False)
    fold_norms(network)
    network = network.to(memory_format=torch.channels_last)
    return CompiledNetwork(network) if device.type == "cpu" else TorchNetwork(network, device)
