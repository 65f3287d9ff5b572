"""N_mp with all its input beside the patch of Algorithm 1, line 6."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from ...config import PropagationConfig
from ..algorithm.propagate import corrected
from ..algorithm.protocols import Motion, Patch, PatchMap, Scene
from ..extensions.memory import Memory
from ..extensions.test_time_augmentation import (
    CAREFUL,
    Augmentation,
    AugmentedNetwork,
    PatchRequest,
)
from ..flow import warp_frame
from ..nets.inference import Inference
from ..nets.patches import inside, others_inside, patch_box, reduced
from ..nets.propagation import SIZES, nearness
from ..nets.stream import MemoryEntry
from ..parallel import side_by_side
from ..store.view import Cells
from ..types import Box, CellKey, Maker, SoftMask

FAR = 0.02
"""Of a checkpoint that is less near than this (from 17 steps on) too little is left that is certain: whether
the flow is right is not looked at, which would take a tenth of the time."""
RECOVERED = 6
"""How many steps farther than an exact one a checkpoint that was recovered counts."""


class _Part(NamedTuple):
    """What is computed in one call: how to see patches, and their places in a list."""

    augmentation: Augmentation
    places: list[int]


class PatchNetwork:
    """`protocols.PropagationNetwork` for one video.

    Beside the patch, the network gets the places of the other instances, the nearness of the checkpoint and
    the error of the flow, and reads a memory: see `nets.propagation.MaskPropagationNet`.
    """

    def __init__(
        self,
        motion: Motion,
        size: tuple[int, int],
        inference: Inference,
        config: PropagationConfig,
        memory: Memory | None,
        prefetch: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the parts.

        Args:
            size: (height, width) of the video, in pixels.
            memory: None reads none.
            prefetch: begins work on the next steps: beside a single call at once, beside several when a core
                is free.
        """
        self._motion = motion
        self._frame_size = size
        self._config = config
        self._size = SIZES[config.size]
        self._network = AugmentedNetwork(inference, self._size, config.flow_stream)
        self._memory = memory
        self._prefetch = prefetch
        self._usual = Augmentation(config.scales, config.flip)

    def box(self, tight: Box) -> Box:
        """The part of the frame to be seen for an instance, see `patches.patch_box`."""
        height, width = self._frame_size
        if self._config.crop == "frame":
            return Box(0, 0, width, height)
        return patch_box(tight, height, width, self._size.enlarge)

    def __call__(self, scene: Scene, patches: Sequence[Patch]) -> list[PatchMap]:
        """N_mp on patches of one frame."""
        maps = self._maps(scene)
        requests = side_by_side(lambda patch: self._request(scene, patch, maps), patches)
        # In torch, as entries may be computed: one after another.
        memories = [self._memories(scene, request) for request in requests]
        parts = self._parted(requests)
        if len(parts) == 1:
            self._prefetch()
            return self._network(scene.picture, requests, scene.flow, memories, parts[0].augmentation)

        def seen(part: _Part) -> list[PatchMap]:
            wanted, read = [requests[n] for n in part.places], [memories[n] for n in part.places]
            return self._network(scene.picture, wanted, scene.flow, read, part.augmentation)

        found = side_by_side(lambda part: seen(part) if part else self._prefetch(), [*parts, None])
        placed = {
            n: one
            for part, maps_found in zip(parts, found, strict=False)
            for n, one in zip(part.places, maps_found or (), strict=True)
        }
        return [placed[n] for n in range(len(requests))]

    def _maps(self, scene: Scene) -> Mapping[int, SoftMask]:
        """Where all instances are: those that are propagated, and the others as far as it is known."""
        there = scene.cells.frame_masks(scene.frame)
        if scene.source is None or scene.back is None:
            # A propagated map is not to be trusted: one that has drifted over this instance would keep it
            # from being found.
            return {k: mask for k, mask in there.items() if scene.cells.anchored(scene.frame, k)}
        known = {k: mask for k, mask in there.items() if k not in scene.guides} | dict(scene.guides)
        beside = scene.cells.frame_masks(scene.source)
        return known | self._motion.warp({k: m for k, m in beside.items() if k not in known}, scene.back)

    def _request(self, scene: Scene, patch: Patch, maps: Mapping[int, SoftMask]) -> PatchRequest:
        k, box = patch.instance, patch.box
        size = reduced(box, self._size.patch)
        guide, others = inside(patch.guide, box, size), others_inside(maps, k, box, size)
        careful = self._config.augment_corrected
        if scene.source is None or scene.back is None:
            return PatchRequest(k, box, guide, others, careful=careful)
        near = nearness_of(scene.cells, scene.source, scene.frame, k)
        before = None
        if near >= FAR:
            before = warp_frame(self._motion.frame(scene.source), scene.back.inside(box, size), box)
        careful = careful and corrected(scene.cells, k)
        observe = None
        if self._memory is not None and self._config.recent:
            observe = partial(self._memory.observe, CellKey(scene.frame, k), box, others)
        return PatchRequest(k, box, guide, others, before, near, careful, observe)

    def _memories(self, scene: Scene, request: PatchRequest) -> list[MemoryEntry]:
        if self._memory is None:
            return []
        k, frame = request.instance, scene.frame
        rivals = self._memory.near(scene.cells, k, frame, request.box) if self._config.rivals else ()
        return self._memory.entries(scene.cells, k, frame, rivals)

    def _parted(self, requests: Sequence[PatchRequest]) -> list[_Part]:
        """What is to be seen in one way, and in one call."""
        parted: dict[Augmentation, list[int]] = {}
        for n, request in enumerate(requests):
            parted.setdefault(CAREFUL if request.careful else self._usual, []).append(n)
        if self._network.together:
            return [_Part(way, places) for way, places in parted.items()]
        return [_Part(way, [n]) for way, places in parted.items() for n in places]


def nearness_of(cells: Cells, source: int, target: int, instance: int) -> float:
    """Of the checkpoint from which the map in `source` comes; what was recovered is not exact at its own."""
    origin = cells.origin(source, instance)
    cell = None if origin is None else cells.get(origin, instance)
    if origin is None or cell is None:
        return 0.0
    steps = abs(target - origin)
    return nearness(steps + RECOVERED if cell.made_by is Maker.RECOVERY else steps)
