"""The click network: its guiding maps, and a mask from clicks, a box and the mask that is there.

It is the RGB stream of N_mp (Sec. 3.1, size 'lite') with other guiding maps, and N_mp's finish for the
outline. Where N_mp reads a memory of trusted frames, this network reads the clicked places of the same patch:
each place is compared with what was clicked, so one click on a trouser leg speaks for the other leg, too. It
reads trusted frames besides, where there are some, so a click on frame 300 knows the instance from frame 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .click_maps import MAPS
from .layers import QualityHead, averaged
from .propagation import OutlineRefinement
from .stream import LITE, Features, LiteTrunk, MapEncoder, MemoryEntry, Stream


class ImageFeatures(NamedTuple):
    """Features of the picture alone, computed once per patch.

    Attributes:
        coarse: (N, C, h, w), the trunk's deepest features.
        keys: (N, K, h, w), what places are compared by.
        skips: finer features by stride.
    """

    coarse: Tensor
    keys: Tensor
    skips: dict[int, Tensor]


class ClickPrediction(NamedTuple):
    """Output of the network for patches.

    Attributes:
        logits: of the instance, (N, 1, H, W).
        rough: logits before the outline is drawn, (N, 1, H / 2, W / 2).
        quality: (N,), logits of the IoU of the mask.
    """

    logits: Tensor
    rough: Tensor
    quality: Tensor


class ClickNet(nn.Module):
    """Segments what was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = Stream(LiteTrunk(), LITE)
        self.stream.maps = MapEncoder(LITE, len(MAPS))
        # What is read in trusted frames joins what is read at the clicks; before training it changes nothing.
        self.recall = nn.Conv2d(LITE.width + 3, LITE.width + 3, 1, bias=False)
        nn.init.zeros_(self.recall.weight)
        self.finish = OutlineRefinement(self.stream.decoder.channels, len(MAPS))
        self.quality = QualityHead(LITE.width)

    def forward(
        self, patch: Tensor, maps: Tensor, memories: Sequence[Sequence[MemoryEntry]] | None = None
    ) -> ClickPrediction:
        """Segment patches.

        Args:
            patch: (N, 3, H, W) RGB of about -1 to 1, H and W multiples of 32.
            maps: (N, 6, H, W) in [0, 1], see `MAPS`.
            memories: for each patch entries of trusted frames, see `remember`; None or an empty list reads
                nothing.
        """
        return self.answer(self.encode(patch), patch, maps, memories)

    def encode(self, patch: Tensor) -> ImageFeatures:
        """The part of `forward` that depends on the picture alone."""
        found: Features = self.stream.encode(patch)
        return ImageFeatures(found.coarse, self.stream.key(found.coarse), found.skips)

    def answer(
        self,
        features: ImageFeatures,
        patch: Tensor,
        maps: Tensor,
        memories: Sequence[Sequence[MemoryEntry]] | None = None,
    ) -> ClickPrediction:
        """The part of `forward` that depends on the clicks."""
        stream = self.stream
        levels = stream.maps(maps)
        value = stream.value_of(Features(features.coarse, features.skips), levels)
        read = self.compare(features.keys, value, maps)
        read = self.recalled(read, features.keys, value, memories)
        return self.draw(features, value, read, levels, patch, maps)

    def remember(self, features: ImageFeatures, maps: Tensor) -> list[MemoryEntry]:
        """Entries for encoded patches of trusted frames: `present` of the maps is the mask, the rest zero."""
        value = self.stream.value_of(Features(features.coarse, features.skips), self.stream.maps(maps))
        return self.stream.entries(features.keys, value, maps)

    def recalled(
        self,
        read: Tensor,
        keys: Tensor,
        value: Tensor,
        memories: Sequence[Sequence[MemoryEntry]] | None,
    ) -> Tensor:
        """What `compare` has read, with what each place finds in trusted frames."""
        if memories is None or not any(memories):
            return read
        found: Tensor = self.recall(self.stream.read(keys, value, memories))
        return read + found

    def draw(
        self,
        features: ImageFeatures,
        value: Tensor,
        read: Tensor,
        levels: dict[int, Tensor],
        patch: Tensor,
        maps: Tensor,
    ) -> ClickPrediction:
        """The last part of `answer`; `levels` is what the stream's map encoder makes of the maps."""
        found = self.stream.decode(value, read, features.skips, levels)
        logits = self.finish(found.fine, patch, maps[:, :2], found.logits, maps[:, 2:])
        # The present mask stands where a guiding map would.
        quality = self.quality(found.context, averaged(logits.sigmoid(), found.logits), maps[:, :1])
        return ClickPrediction(logits, found.logits, quality)

    def compare(self, keys: Tensor, value: Tensor, maps: Tensor) -> Tensor:
        """What each place has in common with the clicked ones: (N, width + 3, h, w), as `Stream.read` gives.

        Args:
            keys: (N, K, h, w).
            value: (N, width, h, w).
            maps: (N, 6, H, W).
        """
        count, width, height, breadth = value.shape
        # A disk covers about a third of a place, or a twelfth of each of four.
        clicked = (averaged(maps[:, 1:3], value).flatten(2).float() * 12).clamp_max(1)
        unit = functional.normalize(keys.flatten(2).float(), dim=1)
        flat = value.flatten(2)
        rows = []
        for row in range(count):
            on, off = clicked[row, 0], clicked[row, 1]
            either = torch.maximum(on, off)
            likeness = unit[row].t() @ unit[row]
            sharp = likeness * self.stream.log_sharpness.exp() + (either - 1)[:, None] * 40
            # Without any click there is nothing to read.
            weights = torch.softmax(sharp, 0) * either.amax(0, keepdim=True)
            share = on / (on + off + 1e-3)
            best_on = (likeness + 2 * (on - 1)[:, None]).amax(0, keepdim=True).clamp_min(-1)
            best_off = (likeness + 2 * (off - 1)[:, None]).amax(0, keepdim=True).clamp_min(-1)
            read = flat[row].to(weights.dtype) @ weights
            parts = [read, share[None] @ weights, best_on, best_off]
            rows.append(torch.cat(parts).to(value.dtype))
        return torch.stack(rows).view(count, width + 3, height, breadth)


_ENTRY, _DETAIL = "stream.maps.steps.0.0.weight", "finish.detail.0.weight"
"""Weights whose second dimension counts the guiding maps."""


def from_propagation(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights to begin with: those of N_mp of size 'lite' (`MaskPropagationNet`), its maps' channels moved.

    Args:
        state: of N_mp.

    Returns:
        A state dict that `ClickNet.load_state_dict` takes strictly.
    """
    found = {
        name.replace("rgb.", "stream.", 1): value
        for name, value in state.items()
        if not name.startswith("flow.")
    }
    # A positive click is a piece of the guiding map, a negative one a piece of another instance's.
    guide, other = found[_ENTRY][:, :1], found[_ENTRY][:, 1:2]
    found[_ENTRY] = torch.cat([guide, guide, other, guide / 2], 1)
    found[_DETAIL] = torch.cat([found[_DETAIL][:, :4], torch.zeros_like(found[_DETAIL][:, 4:])], 1)
    return with_context(found)


def with_context(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights that know neither other instances, nor motion, nor trusted frames: these change nothing yet."""
    found = dict(state)
    for name, extent in ((_ENTRY, len(MAPS)), (_DETAIL, 3 + len(MAPS))):
        weight = found[name]
        lacking = weight.new_zeros(len(weight), extent - weight.shape[1], *weight.shape[2:])
        found[name] = torch.cat([weight, lacking], 1)
    found.setdefault("recall.weight", torch.zeros(LITE.width + 3, LITE.width + 3, 1, 1))
    return found
