"""The memory that N_mp reads: patches of an instance, and of those beside it, whose masks are trusted."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...config import PropagationConfig
from ..nets.propagation import SIZES, MaskPropagationNet
from ..nets.stream import Features, MemoryEntry
from ..runtime.patches import crop, fit, inside, others_inside, patch_box, reduced
from ..runtime.tensors import map_tensor, picture_tensor
from ..store.annotation import Annotation
from ..types import Box, CellKey, Probability, SoftMask
from ..video import Video

SURE = 0.75
"""A propagated mask may be remembered for a while from this confidence on."""
APART = 3
"""Frames between those remembered for being recent."""


class _Key(NamedTuple):
    """An entry: the patch around `owner` in `frame`, as `reader` remembers it."""

    frame: int
    owner: int
    reader: int


class _Known(NamedTuple):
    masks: tuple[SoftMask, SoftMask]
    entry: MemoryEntry


class _Look(NamedTuple):
    """What the RGB trunk saw where a mask was found: the mask, (1, C, h, w), and the maps, (1, 2, H, W)."""

    mask: SoftMask
    coarse: Tensor
    maps: Tensor


class Memory:
    """Entries of the RGB stream, each computed once.

    Trusted are the checkpoints: the first mask, a person's masks and accepted recoveries; these stay. A few
    recent confident frames may join them for as long as they are recent. Where other instances are near,
    their first checkpoints are read, too: what looks like one of them is not this one.
    """

    def __init__(self, video: Video, network: MaskPropagationNet, config: PropagationConfig) -> None:
        self._video = video
        self._network = network
        self._config = config
        self._size = SIZES[config.size]
        self._known: dict[_Key, _Known] = {}
        self._looks: dict[CellKey, _Look] = {}

    def note(self, key: CellKey, mask: SoftMask, coarse: Tensor, box: Box, others: Probability) -> None:
        """Keep what was seen where a mask has just been found: it may be remembered for being recent.

        Args:
            coarse: (1, C, h, w), the RGB trunk's deepest features.
            box: of the patch.
            others: (h, w), the other instances' maps in the box, at its size or less.
        """
        if not self._config.recent:
            return
        far = self._config.recent * APART + 1
        for old in [o for o in self._looks if o.instance == key.instance and abs(o.frame - key.frame) > far]:
            del self._looks[old]
        self._looks[key] = _Look(mask, coarse, self._maps(mask, box, others))

    def entries(
        self, annotation: Annotation, instance: int, frame: int, rivals: Collection[int] = ()
    ) -> list[MemoryEntry]:
        """What to read when the instance is looked for in `frame`.

        Args:
            rivals: other instances near it.
        """
        chosen = self._trusted(annotation, instance, frame)
        chosen += [near for near in self._recent(annotation, instance, frame) if near not in chosen]
        keys = [_Key(number, instance, instance) for number in chosen]
        keys += [
            _Key(checkpoints[0], rival, instance)
            for rival in rivals
            if rival != instance and (checkpoints := annotation.checkpoints(rival))
        ]
        self._forget(annotation, instance, set(keys))
        return [self._entry(annotation, key) for key in keys]

    def _forget(self, annotation: Annotation, instance: int, keys: set[_Key]) -> None:
        """Drop frames of this instance that were remembered for being recent and are so no more."""
        trusted = set(annotation.checkpoints(instance))
        stale = [key for key in self._known if key.owner == key.reader == instance and key not in keys]
        for key in stale:
            if key.frame not in trusted:
                del self._known[key]

    def _trusted(self, annotation: Annotation, instance: int, frame: int) -> list[int]:
        """The first checkpoint and those nearest to the frame, as many as fit."""
        checkpoints = [n for n in annotation.checkpoints(instance) if n != frame]
        nearest = sorted(checkpoints[1:], key=lambda number: abs(number - frame))
        return checkpoints[:1] + nearest[: max(0, self._config.memory - 1)]

    def _recent(self, annotation: Annotation, instance: int, frame: int) -> list[int]:
        """Confident frames on the way to this one: its neighbours, then ever further ones."""
        found = []
        for step in range(self._config.recent):
            for number in (frame - 1 - step * APART, frame + 1 + step * APART):
                cell = annotation.get(number, instance)
                if cell is not None and cell.confidence >= SURE and cell.mask.hard_box is not None:
                    found.append(number)
        return found[: self._config.recent]

    def _entry(self, annotation: Annotation, key: _Key) -> MemoryEntry:
        masks = annotation.mask(key.frame, key.owner), annotation.mask(key.frame, key.reader)
        known = self._known.get(key)
        # Masks are immutable, so identity tells whether these have been seen.
        if known is None or any(old is not new for old, new in zip(known.masks, masks, strict=True)):
            look = self._looks.get(CellKey(key.frame, key.reader))
            if key.owner == key.reader and look is not None and look.mask is masks[1]:
                known = _Known(masks, self._from_look(look))
            else:
                known = _Known(masks, self._memorise(annotation, key, masks))
            self._known[key] = known
        return known.entry

    @torch.inference_mode()
    def _from_look(self, look: _Look) -> MemoryEntry:
        return self._network.rgb.memorise(Features(look.coarse, {}), look.maps)[0]

    def _maps(self, mask: SoftMask, box: Box, others: Probability) -> Tensor:
        size = self._size.patch
        own = inside(mask, box, reduced(box, size))
        maps = np.stack([fit(own, size), fit(others, size)], 2)[None]
        return map_tensor(maps, self._network.rgb.log_sharpness)

    @torch.inference_mode()
    def _memorise(self, annotation: Annotation, key: _Key, masks: tuple[SoftMask, SoftMask]) -> MemoryEntry:
        owner, reader = masks
        tight = owner.hard_box or owner.box
        box = patch_box(tight, self._video.height, self._video.width, self._size.enlarge)
        size = reduced(box, self._size.patch)
        others = others_inside(annotation.frame_masks(key.frame), key.reader, box, size)
        stream = self._network.rgb
        patch = crop(self._video.frame(key.frame), box, self._size.patch)[None]
        features = stream.encode(picture_tensor(patch, stream.log_sharpness))
        return stream.memorise(features, self._maps(reader, box, others))[0]
