"""N_mp at test time: in torch, or compiled for the CPU."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .compiled import Compiled
from .nets.layers import averaged
from .nets.propagation import MaskPropagationNet, together
from .nets.stream import MemoryEntry, Segmented, Stream


class Patches(NamedTuple):
    """What N_mp is given, see `MaskPropagationNet.forward`."""

    rgb: Tensor
    flow: Tensor | None
    maps: Tensor
    memories: list[list[MemoryEntry]]


class Found(NamedTuple):
    """What N_mp says of some patches.

    Attributes:
        logits: (N, 1, h, w), of the instance.
        quality: (N,), logits of the IoU.
        coarse: (N, C, h', w'), the RGB trunk's deepest features, for the memory.
    """

    logits: Tensor
    quality: Tensor
    coarse: Tensor


class Inference(Protocol):
    """Runs one network.

    Attributes:
        network: the same in torch, for what is computed but now and then.
    """

    network: MaskPropagationNet

    def run(self, patches: Patches) -> Found:
        """N_mp on patches, as `MaskPropagationNet.forward` does it."""
        ...


class TorchInference:
    """As torch runs it, all patches at once: on a GPU, or where a network serves for a short time only."""

    def __init__(self, network: MaskPropagationNet) -> None:
        self.network = network

    @torch.inference_mode()
    def run(self, patches: Patches) -> Found:
        """N_mp on patches."""
        network = self.network
        features = network.rgb.encode(patches.rgb)
        rgb = network.rgb.segment(features, patches.maps, patches.memories)
        moving = None if patches.flow is None else network.moving(patches.flow, patches.maps)
        logits = network.finished(rgb, together(rgb.logits, moving), patches.rgb, patches.maps)
        return Found(logits, network.worth(rgb, logits, patches.maps), features.coarse)


class CompiledInference:
    """Compiled, one patch after another: on a CPU several at once take as long."""

    def __init__(self, network: MaskPropagationNet) -> None:
        """`network`: of size 'lite', float32, on the CPU; its weights must not change any more."""
        finish = network.finish
        assert finish is not None
        self.network = network
        self._look = Compiled(_Look(network.rgb))
        self._decode = Compiled(_Decode(network.rgb))
        self._finish = Compiled(lambda *given: (finish(*given),))
        self._move = Compiled(
            lambda flow, maps: (network.flow.segment(network.flow.encode(flow), maps).logits,)
        )

    @torch.inference_mode()
    def run(self, patches: Patches) -> Found:
        """N_mp on patches."""
        found = [self._one(patches, number) for number in range(len(patches.rgb))]
        return Found(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def _one(self, patches: Patches, number: int) -> Found:
        row = slice(number, number + 1)
        maps = patches.maps[row]
        coarse, value, keys, *fine = self._look(patches.rgb[row], maps)
        read = self.network.rgb.read(keys, value, patches.memories[row])
        rgb = Segmented(*self._decode(value, read, *fine))
        moving = None
        if patches.flow is not None:
            flow = patches.flow[row]
            (moving,) = self._move(flow, averaged(maps, flow))
        (logits,) = self._finish(rgb.fine, patches.rgb[row], maps, together(rgb.logits, moving))
        # Copied: the next patch is written to the same place.
        return Found(logits.clone(), self.network.worth(rgb, logits, maps), coarse.clone())


class _Look:
    """The first half of a stream, up to what the memory is asked with."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __call__(self, patch: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
        stream = self._stream
        features, levels = stream.encode(patch), stream.maps(maps)
        value = stream.value_of(features, levels)
        strides = stream.decoder.strides
        fine = [*(features.skips[s] for s in strides), *(levels[s] for s in strides)]
        return (features.coarse, value, stream.key(features.coarse), *fine)


class _Decode:
    """The second half, from what the memory has answered."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __call__(self, value: Tensor, read: Tensor, *fine: Tensor) -> tuple[Tensor, ...]:
        strides = self._stream.decoder.strides
        skips, levels = (
            dict(zip(strides, part, strict=True)) for part in (fine[: len(strides)], fine[len(strides) :])
        )
        return tuple(self._stream.decode(value, read, skips, levels))
