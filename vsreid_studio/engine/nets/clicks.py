"""The click network: its guiding maps, and a mask from clicks, a box and the mask that is there.

It is the RGB stream of N_mp (Sec. 3.1, size 'lite') with other guiding maps, and N_mp's finish for the
outline. Where N_mp reads a memory of trusted frames, this network reads the clicked places of the same patch:
each place is compared with what was clicked, so one click on a trouser leg speaks for the other leg, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..types import Box, Click, SoftMask
from .layers import QualityHead, averaged
from .patches import fit, patch_box
from .propagation import OutlineRefinement
from .stream import LITE, Features, LiteTrunk, MapEncoder, Stream

PATCH = 320
"""Side of the patches that the network was trained on, in pixels."""
RADIUS = 5
"""Of the disk that stands for a click, in pixels of the patch."""
MAPS = ("present", "added", "removed", "box")
"""The guiding maps, in order: the mask that is there, positive clicks, negative clicks, the box."""

ENLARGE = 0.3
"""How much the patch is larger than what it is about, on each side, as a share of its size."""
LEAST_ENLARGE, MOST_ENLARGE = 0.1, 0.6
"""Within these a patch is kept from one click to the next."""
FIRST_SHARE = 0.4
"""Side of the patch as a share of the frame's, where nothing is known but clicks."""


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
        self.finish = OutlineRefinement(self.stream.decoder.channels)
        self.quality = QualityHead(LITE.width)

    def forward(self, patch: Tensor, maps: Tensor) -> ClickPrediction:
        """Segment patches.

        Args:
            patch: (N, 3, H, W) RGB of about -1 to 1, H and W multiples of 32.
            maps: (N, 4, H, W) in [0, 1], see `MAPS`.
        """
        return self.answer(self.encode(patch), patch, maps)

    def encode(self, patch: Tensor) -> ImageFeatures:
        """The part of `forward` that depends on the picture alone."""
        found: Features = self.stream.encode(patch)
        return ImageFeatures(found.coarse, self.stream.key(found.coarse), found.skips)

    def answer(self, features: ImageFeatures, patch: Tensor, maps: Tensor) -> ClickPrediction:
        """The part of `forward` that depends on the clicks."""
        stream = self.stream
        levels = stream.maps(maps)
        value = stream.value_of(Features(features.coarse, features.skips), levels)
        read = self.compare(features.keys, value, maps)
        return self.draw(features, value, read, levels, patch, maps)

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


def zoomed(
    present: SoftMask | None,
    clicks: Sequence[Click],
    box: Box | None,
    height: int,
    width: int,
    enlarge: float = ENLARGE,
) -> Box:
    """The crop for the network: around the present mask, the clicks and the box.

    Args:
        present: the mask that is there, or None.
        clicks: inside the frame.
        box: drawn by the person, or None.
        height, width: of the frame, in pixels.
        enlarge: growth on each side, as a share of the size.

    Returns:
        A box inside the frame; the whole frame without any of these.
    """
    around = [Box(int(c.x), int(c.y), int(c.x) + 1, int(c.y) + 1) for c in clicks]
    if box is not None:
        around.append(box)
    found = None if present is None else present.hard_box
    if found is None and box is None:
        # Clicks alone do not show how large the object is.
        wide, high = round(width * FIRST_SHARE / 2), round(height * FIRST_SHARE / 2)
        around = [Box(one.x0 - wide, one.y0 - high, one.x1 + wide, one.y1 + high) for one in around]
        enlarge = 0.0
    elif found is not None:
        around.append(found)
    if not around:
        return Box(0, 0, width, height)
    whole = around[0]
    for one in around[1:]:
        whole = whole.union(one)
    whole = whole.clip(height, width)
    return patch_box(whole, height, width, enlarge)


def local(click: Click, side: float, height: int, width: int) -> Box:
    """The part of the frame around one click: a square of `side` pixels, inside the frame."""
    wide, high = min(round(side), width), min(round(side), height)
    x0 = min(max(0, round(click.x - wide / 2)), width - wide)
    y0 = min(max(0, round(click.y - high / 2)), height - high)
    return Box(x0, y0, x0 + wide, y0 + high)


def paste_into(present: SoftMask | None, part: Box, probability: NDArray[np.float32]) -> SoftMask:
    """Replace the part of a mask that lies inside a box.

    Args:
        part: of the frame.
        probability: (part.height, part.width) float32 in [0, 1].
    """
    if present is None or present.box.intersect(part) == present.box:
        return SoftMask.from_dense(probability, (part.x0, part.y0))
    whole = part.union(present.box)
    values = present.inside(whole)
    values[part.shifted(-whole.x0, -whole.y0).slices] = probability
    return SoftMask.from_dense(values, (whole.x0, whole.y0))


def patch_still_fits(
    part: Box, present: SoftMask | None, clicks: Sequence[Click], box: Box | None, height: int, width: int
) -> bool:
    """Whether the patch of the last click also serves this one: it encloses all of it, and is not too large.

    Its features are cached, and the outline does not jump as it would with another patch.
    """
    least = zoomed(present, clicks, box, height, width, LEAST_ENLARGE)
    most = zoomed(present, clicks, box, height, width, MOST_ENLARGE)
    return least.intersect(part) == least and part.intersect(most) == part


def guiding_maps(
    present: SoftMask | None, clicks: Sequence[Click], box: Box | None, part: Box, size: int = PATCH
) -> NDArray[np.float32]:
    """The guiding maps of a part of the frame.

    Args:
        part: of the frame that the patch shows.
        size: side of the patch in pixels.

    Returns:
        (size, size, 4) float32 in [0, 1], see `nets.clicks.MAPS`.
    """
    maps = np.zeros((4, size, size), np.float32)
    if present is not None and present.box.intersect(part).area:
        maps[0] = fit(present.inside(part), size)
    scale = np.array([size / part.width, size / part.height])
    for click in clicks:
        x, y = (np.array([click.x + 0.5 - part.x0, click.y + 0.5 - part.y0]) * scale).astype(int)
        cv2.circle(maps[1 if click.adds else 2], (int(x), int(y)), RADIUS, 1.0, -1)
    if box is not None:
        corners = np.array([[box.x0 - part.x0, box.y0 - part.y0], [box.x1 - part.x0, box.y1 - part.y0]])
        (x0, y0), (x1, y1) = np.rint(corners * scale).astype(int).clip(0, size).tolist()
        maps[3, y0:y1, x0:x1] = 1.0
    return np.ascontiguousarray(maps.transpose(1, 2, 0))
