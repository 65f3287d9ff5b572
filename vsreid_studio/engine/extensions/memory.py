"""Memory: N_mp reads patches of an instance, and of those beside it, whose masks are trusted.

The paper's N_mp knows an instance by the guiding map alone. By attention over a memory (as in STM; Oh et
al., 2019) a correction helps all frames after it, and a similar neighbour is not taken for the
instance. J&F on val-visible is .875 instead of .795 (docs/accuracy.md).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...config import PropagationConfig
from ..algorithm.propagate import template_frame
from ..algorithm.protocols import Patch, Scene
from ..nets.layers import map_tensor, picture_tensor
from ..nets.patches import crop, fit, inside, others_inside, patch_box, reduced
from ..nets.propagation import SIZES, MaskPropagationNet
from ..nets.stream import Features, MemoryEntry
from ..store.view import Cells
from ..types import Box, CellKey, Prediction, Probability, SoftMask
from ..video import Video

SURE = 0.75
"""A propagated mask may be remembered for a while from this confidence on."""
APART = 3
"""Frames between those remembered for being recent."""
MOST_RIVALS = 12
"""Other instances read for one: those whose boxes share most with its patch. More are seldom near."""
KEPT = 192 * 2**20
"""Bytes of entries: those not read for longest go, and are computed again when they are read again."""


class _EntryKey(NamedTuple):
    """An entry: the patch around `owner` in `frame`, as `reader` remembers it.

    Whether the reader itself is in that frame tells what is so from what is only assumed, see `verification`.
    """

    frame: int
    owner: int
    reader: int
    there: bool


class _Known(NamedTuple):
    masks: tuple[SoftMask, SoftMask]
    entry: MemoryEntry


class _Observation(NamedTuple):
    """Features of the RGB trunk where a mask was found, (1, C, h, w), and the other maps in its box."""

    coarse: Tensor
    box: Box
    others: Probability


class _Recent(NamedTuple):
    """A mask that may be remembered for being recent: (1, C, h, w), and the maps, (1, 2, H, W)."""

    mask: SoftMask
    coarse: Tensor
    maps: Tensor


class Memory:
    """Entries of the RGB stream, computed once as long as they are kept.

    Trusted are the checkpoints: the first mask, a person's masks and accepted recoveries. A few recent
    confident frames may join them for as long as they are recent. Where other instances are near, their
    templates are read, too.
    """

    def __init__(self, video: Video, network: MaskPropagationNet, config: PropagationConfig) -> None:
        self._video = video
        self._network = network
        self._config = config
        self._size = SIZES[config.size]
        self._known: OrderedDict[_EntryKey, _Known] = OrderedDict()
        self._bytes = 0
        self._seen: dict[CellKey, _Observation] = {}
        self._recent_ones: dict[CellKey, _Recent] = {}

    @property
    def bytes(self) -> int:
        """Of the entries that are kept."""
        return self._bytes

    def observe(self, key: CellKey, box: Box, others: Probability, coarse: Tensor) -> None:
        """Keep the features of a patch until `after_prediction` gives the resulting mask.

        Args:
            box: of the patch.
            others: (h, w), the other instances' maps in the box, at its size or less.
            coarse: (1, C, h, w), the RGB trunk's deepest features.
        """
        self._seen[key] = _Observation(coarse, box, others)

    def after_prediction(
        self, scene: Scene, patches: Sequence[Patch], found: Mapping[int, Prediction]
    ) -> dict[int, Prediction]:
        """Keep the features of the masks just found: they may be remembered for being recent."""
        far = self._config.recent * APART + 1
        kept = {
            key: one
            for key, one in self._recent_ones.items()
            if key.instance not in found or abs(key.frame - scene.frame) <= far
        }
        seen, self._seen = self._seen, {}
        for key, (coarse, box, others) in seen.items():
            # Others are left from a step that failed, as memory ran out, say.
            if key.frame == scene.frame and key.instance in found:
                mask = found[key.instance].mask
                kept[key] = _Recent(mask, coarse, self._maps(mask, box, others))
        self._recent_ones = kept
        return dict(found)

    def entries(
        self, cells: Cells, instance: int, frame: int, rivals: Collection[int] = ()
    ) -> list[MemoryEntry]:
        """What to read when the instance is looked for in `frame`.

        Args:
            rivals: other instances near it.
        """
        chosen = self._trusted(cells, instance, frame)
        chosen += [near for near in self._recent(cells, instance, frame) if near not in chosen]
        pairs = [(number, instance) for number in chosen]
        pairs += [
            (template_frame(cells, rival), rival)
            for rival in rivals
            if rival != instance and cells.checkpoints(rival)
        ]
        keys = [
            _EntryKey(number, owner, instance, cells.origin(number, instance) is not None)
            for number, owner in pairs
        ]
        return [self._entry(cells, key) for key in keys]

    def near(self, cells: Cells, instance: int, frame: int, box: Box) -> list[int]:
        """The other instances that may be in a patch: those that were there in the frame or beside it."""
        shared: dict[int, int] = {}
        for number in range(max(0, frame - 1), min(cells.length, frame + 2)):
            for k, mask in cells.frame_masks(number).items():
                if k != instance and (common := mask.box.intersect(box).area):
                    shared[k] = max(common, shared.get(k, 0))
        most = sorted(shared, key=lambda k: (-shared[k], k))[:MOST_RIVALS]
        return sorted(most)

    def _trusted(self, cells: Cells, instance: int, frame: int) -> list[int]:
        """The template and the checkpoints nearest to the frame, as many as fit."""
        checkpoints = [n for n in cells.checkpoints(instance) if n != frame]
        if not checkpoints:
            return []
        first = template_frame(cells, instance)
        first = first if first != frame else checkpoints[0]
        others = [n for n in checkpoints if n != first]
        nearest = sorted(others, key=lambda number: abs(number - frame))
        return [first, *nearest[: max(0, self._config.memory - 1)]]

    def _recent(self, cells: Cells, instance: int, frame: int) -> list[int]:
        """Confident frames on the way to this one: its neighbours, then ever further ones."""
        found = []
        for step in range(self._config.recent):
            for number in (frame - 1 - step * APART, frame + 1 + step * APART):
                cell = cells.get(number, instance)
                if cell is not None and cell.confidence >= SURE and cell.mask.hard_box is not None:
                    found.append(number)
        return found[: self._config.recent]

    def _entry(self, cells: Cells, key: _EntryKey) -> MemoryEntry:
        masks = cells.mask(key.frame, key.owner), cells.mask(key.frame, key.reader)
        known = self._known.get(key)
        # Masks are immutable, and mostly the very same ones.
        if known is None or not all(
            old is new or old.same(new) for old, new in zip(known.masks, masks, strict=True)
        ):
            recent = self._recent_ones.get(CellKey(key.frame, key.reader))
            if key.owner == key.reader and recent is not None and recent.mask is masks[1]:
                entry = self._from_features(recent)
            else:
                entry = self._memorise(cells, key, masks)
            self._keep(key, _Known(masks, entry))
            return entry
        self._known.move_to_end(key)
        return known.entry

    def _keep(self, key: _EntryKey, known: _Known) -> None:
        old = self._known.pop(key, None)
        self._bytes += _size(known.entry) - (_size(old.entry) if old is not None else 0)
        self._known[key] = known
        while self._bytes > KEPT and len(self._known) > 1:
            self._bytes -= _size(self._known.popitem(last=False)[1].entry)

    @torch.inference_mode()
    def _from_features(self, recent: _Recent) -> MemoryEntry:
        return self._network.rgb.memorise(Features(recent.coarse, {}), recent.maps)[0]

    def _maps(self, mask: SoftMask, box: Box, others: Probability) -> Tensor:
        size = self._size.patch
        own = inside(mask, box, reduced(box, size))
        maps = np.stack([fit(own, size), fit(others, size)], 2)[None]
        return map_tensor(maps, self._network.rgb.log_sharpness)

    @torch.inference_mode()
    def _memorise(self, cells: Cells, key: _EntryKey, masks: tuple[SoftMask, SoftMask]) -> MemoryEntry:
        owner, reader = masks
        tight = owner.hard_box or owner.box
        box = patch_box(tight, self._video.height, self._video.width, self._size.enlarge)
        size = reduced(box, self._size.patch)
        others = others_inside(cells.frame_masks(key.frame), key.reader, box, size)
        stream = self._network.rgb
        patch = crop(self._video.frame(key.frame), box, self._size.patch)[None]
        features = stream.encode(picture_tensor(patch, stream.log_sharpness))
        return stream.memorise(features, self._maps(reader, box, others))[0]


def _size(entry: MemoryEntry) -> int:
    return sum(part.numel() * part.element_size() for part in entry)
