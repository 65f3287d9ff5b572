"""M: the maps of one frame, merged into a label map, and a label map split into masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np

from ..store.annotation import Annotation
from ..types import MAX_INSTANCE, Box, LabelMap, SoftMask


def merge(masks: Mapping[int, SoftMask], height: int, width: int) -> LabelMap:
    """Merge the maps P[i, k] of one frame into a label map.

    The background is as probable as Π(1 - P[k]), an instance as P[k]; the normaliser Z divides all of them
    alike, so it does not move the maximum and is left out. The background wins a tie, as a single instance
    has to exceed 0.5; between instances the lower number wins.

    Args:
        masks: the frame's soft masks by instance number, 1 to 254; their boxes lie inside the frame.
        height, width: frame size in pixels.

    Returns:
        (height, width) uint8: the instance with the greatest normalised probability, 0 for background
        (Sec. 3.3, last equation).

    Raises:
        ValueError: a number is not that of an instance, or a box reaches outside the frame.
    """
    labels = np.zeros((height, width), np.uint8)
    present = {number: masks[number] for number in sorted(masks) if masks[number].box.area}
    if not present:
        return labels
    for number, mask in present.items():
        if not 1 <= number <= MAX_INSTANCE:
            raise ValueError(f"instances are numbered 1 to {MAX_INSTANCE}, not {number}")
        if mask.box.clip(height, width) != mask.box:
            raise ValueError(f"{mask.box} reaches outside a frame of {height} x {width}")
    # Outside the union of the boxes every P is zero, so there is only background.
    region = reduce(Box.union, (mask.box for mask in present.values()))
    best = np.zeros((region.height, region.width), np.uint8)
    background = np.full(best.shape, 255, np.float32)
    winner = labels[region.slices]
    for number, mask in present.items():
        box, values = mask.box, mask.values
        place = Box(box.x0 - region.x0, box.y0 - region.y0, box.x1 - region.x0, box.y1 - region.y0).slices
        winner[place] = np.where(values > best[place], np.uint8(number), winner[place])
        np.maximum(best[place], values, out=best[place])
        background[place] *= (255 - values) * np.float32(1 / 255)
    winner *= background < best
    return labels


def split(labels: LabelMap) -> dict[int, SoftMask]:
    """The masks of a label map by instance number, ascending; `merge` makes it of them again.

    Args:
        labels: (H, W) uint8, 0 for background.
    """
    return {int(number): SoftMask.from_dense(labels == number) for number in np.unique(labels[labels > 0])}


def label_maps(annotation: Annotation, height: int, width: int) -> Iterator[LabelMap]:
    """M of every frame of an annotation, in order: (height, width) uint8."""
    for frame in range(annotation.length):
        yield merge(annotation.frame_masks(frame), height, width)
