"""N_mp on the cores of a CPU: its streams run side by side, and the next flow is computed meanwhile.

Single patches leave most of a layer's threads waiting. On two hardware threads of one core it made no
difference (107 ms a frame with lanes and without); on two cores of their own it has not been measured.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from .nets.propagation import MaskPropagationNet, MemoryEntry, Segmented

T = TypeVar("T")
LANES = 2


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


class Lanes:
    """Runs one network; on a GPU, or on a single core, simply so."""

    def __init__(self, network: MaskPropagationNet) -> None:
        self._network = network
        self._threads = torch.get_num_threads()
        split = network.rgb.log_sharpness.device.type == "cpu" and self._threads >= LANES
        self._pool = ThreadPoolExecutor(LANES, "N_mp") if split else None

    def later(self, work: Callable[[], object]) -> None:
        """Do something when a lane is free; what it raises is forgotten."""
        if self._pool is not None:
            self._pool.submit(self._narrow, work)

    @torch.inference_mode()
    def run(self, patches: Patches) -> Found:
        """N_mp on patches, as `MaskPropagationNet.forward` does it."""
        network, count = self._network, len(patches.rgb)
        if self._pool is None:
            coarse, rgb = _segment(network, patches, slice(0, count))
            moving = _moving(network, patches)
        else:
            cuts = [slice(0, (count + 1) // 2), slice((count + 1) // 2, count)][: min(count, LANES)]
            parts = [self._submit(partial(_segment, network, patches, cut)) for cut in cuts]
            other = self._submit(partial(_moving, network, patches))
            found = [part.result() for part in parts]
            moving = other.result()
            coarse = torch.cat([part for part, _ in found])
            rgb = Segmented(
                torch.cat([part.logits for _, part in found]), torch.cat([part.context for _, part in found])
            )
            torch.set_num_threads(self._threads)
        logits, quality = network.decide(rgb, moving, patches.maps)
        return Found(logits, quality, coarse)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        assert self._pool is not None
        return self._pool.submit(self._narrow, work)

    def _narrow(self, work: Callable[[], T]) -> T:
        """Work on a lane's share of the cores."""
        torch.set_num_threads(max(1, self._threads // LANES))
        with torch.inference_mode():
            return work()


def _segment(network: MaskPropagationNet, patches: Patches, cut: slice) -> tuple[Tensor, Segmented]:
    features = network.rgb.encode(patches.rgb[cut])
    return features.coarse, network.rgb.segment(features, patches.maps[cut], patches.memories[cut])


def _moving(network: MaskPropagationNet, patches: Patches) -> Tensor | None:
    if patches.flow is None:
        return None
    return network.moving(patches.flow, patches.maps)
