"""N_mp at test time: in torch, or compiled for the CPU."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..parallel import Lanes, is_parallel_task, side_by_side
from .compiled import Compiled
from .propagation import MaskPropagationNet, PropagationOutput, together
from .stream import MemoryEntry, Stream


class Patches(NamedTuple):
    """What N_mp is given, see `MaskPropagationNet.forward`."""

    rgb: Tensor
    flow: Tensor | None
    maps: Tensor
    carried: Tensor
    memories: list[list[MemoryEntry]]


class Inference(Protocol):
    """Runs one network.

    Attributes:
        network: the same in torch, for what is computed but now and then.
        together: whether it is faster with all patches in one call than with several calls side by side.
    """

    network: MaskPropagationNet
    together: bool

    def run(self, patches: Patches) -> PropagationOutput:
        """N_mp on patches, as `MaskPropagationNet.forward` does it."""
        ...


class TorchInference:
    """As torch runs it, all patches at once: on a GPU, or where a network serves for a short time only."""

    together = True

    def __init__(self, network: MaskPropagationNet) -> None:
        self.network = network

    @torch.inference_mode()
    def run(self, patches: Patches) -> PropagationOutput:
        """N_mp on patches."""
        found: PropagationOutput = self.network(*patches)
        return found


class CompiledInference:
    """Compiled: several patches on some cores each, which is faster, and a single one on all cores.

    But of two cores the other one is left to the flow of the next frames, which takes as long as a patch.
    """

    together = False

    def __init__(self, network: MaskPropagationNet) -> None:
        """`network`: of size 'lite', float32, on the CPU; its weights must not change any more."""
        self.network = network
        self._lanes = Lanes()
        self._single = _Compiled(network, 1) if torch.get_num_threads() > 2 else None
        self._several = _Compiled(network, self._lanes.count)

    @torch.inference_mode()
    def run(self, patches: Patches) -> PropagationOutput:
        """N_mp on patches."""
        count = len(patches.rgb)
        if count == 1 and self._single is not None and not is_parallel_task():
            return self._single.run(patches, 0)
        found = side_by_side(lambda number: self._beside(patches, number), range(count))
        return PropagationOutput(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def _beside(self, patches: Patches, number: int) -> PropagationOutput:
        with self._lanes.one() as lane:
            return self._several.run(patches, number, lane)


class _Compiled:
    """The parts of N_mp, and how they follow one another."""

    def __init__(self, network: MaskPropagationNet, lanes: int) -> None:
        """`lanes`: see `Compiled`."""
        self._look = Compiled(_Look(network.rgb), lanes)
        # Small, and of a shape for each number of entries.
        self._read = Compiled(_Read(network.rgb), lanes, exact=True, shapes=32)
        self._move = Compiled(lambda flow, maps: (network.moving(flow, maps),), lanes)
        self._draw = Compiled(_Draw(network), lanes)
        self._iou_logits = Compiled(lambda *seen: (network.iou_logits(*seen),), lanes, exact=True)

    # A mode of the thread, and every lane is one.
    @torch.inference_mode()
    def run(self, patches: Patches, number: int, lane: int = 0) -> PropagationOutput:
        """N_mp on one of the patches."""
        row = slice(number, number + 1)
        patch, maps = patches.rgb[row], patches.maps[row]
        coarse, value, keys, *fine = self._look(patch, maps, lane=lane)
        entries = [part for entry in patches.memories[number] for part in entry]
        (read,) = self._read(keys, value, *entries, lane=lane)
        moving = () if patches.flow is None else self._move(patches.flow[row], maps, lane=lane)
        known = patch, maps, patches.carried[row]
        logits, drawn, context = self._draw(*known, value, read, *fine, *moving, lane=lane)
        (quality,) = self._iou_logits(context, drawn, logits, maps, lane=lane)
        # Copied: the next patch is written to the same place.
        return PropagationOutput(logits.clone(), quality.clone(), coarse.clone())


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


class _Read:
    """What the memory has to say; its entries one after another, tensor by tensor."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __call__(self, keys: Tensor, value: Tensor, *entries: Tensor) -> tuple[Tensor, ...]:
        parts = len(MemoryEntry._fields)
        memory = [MemoryEntry(*entries[n : n + parts]) for n in range(0, len(entries), parts)]
        return (self._stream.read(keys, value, [memory]),)


class _Draw:
    """The rest of N_mp, from what the memory and the flow stream have answered: one, as `fine` is large."""

    def __init__(self, network: MaskPropagationNet) -> None:
        self._network = network

    def __call__(
        self, patch: Tensor, maps: Tensor, carried: Tensor, value: Tensor, read: Tensor, *parts: Tensor
    ) -> tuple[Tensor, ...]:
        """The logits, those of the RGB stream, and its context; `parts`: `_Look`'s `fine`, and `_move`'s."""
        stream = self._network.rgb
        strides = stream.decoder.strides
        count = len(strides)
        skips, levels = (
            dict(zip(strides, fine, strict=True)) for fine in (parts[:count], parts[count : 2 * count])
        )
        rgb = stream.decode(value, read, skips, levels)
        both = together(rgb.logits, *parts[2 * count :])
        return self._network.finished(rgb, both, patch, maps, carried), rgb.logits, rgb.context
