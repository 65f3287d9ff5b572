"""The click network: a mask from clicks, a box and the mask that is there.

It is the RGB stream of N_mp (Sec. 3.1, size 'lite') with other guiding maps, and N_mp's finish for the
outline. Where N_mp reads a memory of trusted frames, this network reads the clicked places of the same patch:
each place is compared with what was clicked, so one click on a trouser leg speaks for the other leg, too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import QualityHead, averaged
from .propagation import Finish
from .stream import LITE, Features, LiteTrunk, MapEncoder, Stream

PATCH = 256
"""Side of the patches that the network was trained on, in pixels."""
RADIUS = 5
"""Of the disk that stands for a click, in pixels of the patch."""
MAPS = ("present", "added", "removed", "box")
"""The guiding maps, in order: the mask that is there, positive clicks, negative clicks, the box."""


class Seen(NamedTuple):
    """What the network finds in the picture alone, so that it is computed once per patch.

    Attributes:
        coarse: (N, C, h, w), the trunk's deepest features.
        keys: (N, K, h, w), what places are compared by.
        skips: finer features by stride.
    """

    coarse: Tensor
    keys: Tensor
    skips: dict[int, Tensor]


class Drawn(NamedTuple):
    """What the network makes of a patch.

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
        self.finish = Finish(self.stream.decoder.channels)
        self.quality = QualityHead(LITE.width)

    def forward(self, patch: Tensor, maps: Tensor) -> Drawn:
        """Segment patches.

        Args:
            patch: (N, 3, H, W) RGB of about -1 to 1, H and W multiples of 32.
            maps: (N, 4, H, W) in [0, 1], see `MAPS`.
        """
        return self.answer(self.look(patch), patch, maps)

    def look(self, patch: Tensor) -> Seen:
        """What depends on the picture alone."""
        features: Features = self.stream.encode(patch)
        return Seen(features.coarse, self.stream.key(features.coarse), features.skips)

    def answer(self, seen: Seen, patch: Tensor, maps: Tensor) -> Drawn:
        """What depends on the clicks, see `forward`."""
        stream = self.stream
        levels = stream.maps(maps)
        value = stream.value_of(Features(seen.coarse, seen.skips), levels)
        read = self.compare(seen.keys, value, maps)
        return self.draw(seen, value, read, levels, patch, maps)

    def draw(
        self,
        seen: Seen,
        value: Tensor,
        read: Tensor,
        levels: dict[int, Tensor],
        patch: Tensor,
        maps: Tensor,
    ) -> Drawn:
        """The last part of `answer`; `levels` is what the stream's map encoder makes of the maps."""
        found = self.stream.decode(value, read, seen.skips, levels)
        logits = self.finish(found.fine, patch, maps[:, :2], found.logits, maps[:, 2:])
        # The present mask stands where a guiding map would.
        quality = self.quality(found.context, averaged(logits.sigmoid(), found.logits), maps[:, :1])
        return Drawn(logits, found.logits, quality)

    def compare(self, keys: Tensor, value: Tensor, maps: Tensor) -> Tensor:
        """What each place has in common with the clicked ones: (N, width + 3, h, w), as `Stream.read` gives.

        Args:
            keys: (N, K, h, w).
            value: (N, width, h, w).
            maps: (N, 4, H, W).
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
    entry = "stream.maps.steps.0.0.weight"
    guide, other = found[entry][:, :1], found[entry][:, 1:2]
    found[entry] = torch.cat([guide, guide, other, guide / 2], 1)
    detail = "finish.detail.0.weight"
    found[detail] = torch.cat([found[detail][:, :4], torch.zeros_like(found[detail][:, 4:])], 1)
    return found
