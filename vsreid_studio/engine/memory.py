"""The memory that N_mp reads: patches of an instance whose mask is trusted."""

from __future__ import annotations

import numpy as np
import torch

from ..config import PropagationConfig
from .annotation import Annotation
from .nets.propagation import SIZES, MaskPropagationNet, MemoryEntry
from .patches import crop, fit, others_inside, patch_box
from .tensors import map_tensor, picture_tensor
from .types import CellKey, SoftMask
from .video import Video

SURE = 0.9
"""A propagated mask may be remembered for a while from this confidence on."""


class Memory:
    """Entries of the RGB stream, each computed once.

    Trusted are the checkpoints: the first mask, a person's masks and accepted recoveries; these stay. A few
    recent confident frames may join them for as long as they are recent.
    """

    def __init__(self, video: Video, network: MaskPropagationNet, config: PropagationConfig) -> None:
        self._video = video
        self._network = network
        self._config = config
        self._size = SIZES[config.size]
        self._known: dict[CellKey, tuple[SoftMask, MemoryEntry]] = {}

    def entries(self, annotation: Annotation, instance: int, frame: int) -> list[MemoryEntry]:
        """What to read when the instance is looked for in `frame`."""
        chosen = self._trusted(annotation, instance, frame)
        chosen += [near for near in self._recent(annotation, instance, frame) if near not in chosen]
        keep = {CellKey(number, instance) for number in chosen}
        stale = [key for key in self._known if key.instance == instance and key not in keep]
        trusted = set(annotation.checkpoints(instance))
        for key in stale:
            if key.frame not in trusted:
                del self._known[key]
        return [self._entry(annotation, CellKey(number, instance)) for number in chosen]

    def _trusted(self, annotation: Annotation, instance: int, frame: int) -> list[int]:
        """The first checkpoint and those nearest to the frame, as many as fit."""
        checkpoints = [n for n in annotation.checkpoints(instance) if n != frame]
        nearest = sorted(checkpoints[1:], key=lambda number: abs(number - frame))
        return checkpoints[:1] + nearest[: max(0, self._config.memory - 1)]

    def _recent(self, annotation: Annotation, instance: int, frame: int) -> list[int]:
        """Confident neighbours on both sides, every third frame."""
        found = []
        for step in range(1, self._config.recent + 1):
            for number in (frame - 3 * step + 2, frame + 3 * step - 2):
                cell = annotation.get(number, instance)
                if cell is not None and cell.confidence >= SURE and cell.mask.hard_box is not None:
                    found.append(number)
        return found[: self._config.recent]

    def _entry(self, annotation: Annotation, key: CellKey) -> MemoryEntry:
        mask = annotation.mask(*key)
        known = self._known.get(key)
        # Masks are immutable, so identity tells whether this one has been seen.
        if known is None or known[0] is not mask:
            known = mask, self._memorise(annotation, key, mask)
            self._known[key] = known
        return known[1]

    @torch.inference_mode()
    def _memorise(self, annotation: Annotation, key: CellKey, mask: SoftMask) -> MemoryEntry:
        tight = mask.hard_box or mask.box
        box = patch_box(tight, self._video.height, self._video.width, self._size.enlarge)
        others = others_inside(annotation.frame_masks(key.frame), key.instance, box)
        size = self._size.patch
        maps = np.stack([fit(mask.inside(box), size), fit(others, size)], 2)[None]
        stream = self._network.rgb
        like = stream.log_sharpness
        picture = picture_tensor(crop(self._video.frame(key.frame), box, size)[None], like)
        return stream.memorise(stream.encode(picture), map_tensor(maps, like))[0]
