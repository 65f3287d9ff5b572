"""Parts of maps, and mending them: holes filled, specks removed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...engine.types import Box, SoftMask


def part_of(mask: SoftMask, box: Box) -> NDArray[np.uint8]:
    """A copy of a map inside any box, zero where it is not stored: (box.height, box.width) uint8."""
    part = np.zeros((box.height, box.width), np.uint8)
    common = mask.box.intersect(box)
    if common.area:
        here = common.shifted(-mask.box.x0, -mask.box.y0)
        part[common.shifted(-box.x0, -box.y0).slices] = mask.values[here.slices]
    return part


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A (H, W) mask with all that it encloses."""
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
    return whole.view(np.bool_)


def without_holes(mask: SoftMask) -> SoftMask:
    """The map with probability 1 wherever P > 0.5 encloses a pixel that is not."""
    hard = mask.values > 127
    if not hard.any():
        return mask
    return SoftMask(mask.box, np.where(filled(hard) & ~hard, np.uint8(255), mask.values))


def without_specks(mask: SoftMask, least_area: int) -> SoftMask:
    """The map without the small pieces of P > 0.5 and the faint pixels around them.

    The largest piece always stays: a small instance is not a speck of itself.

    Args:
        least_area: in pixels; smaller pieces go.
    """
    hard = (mask.values > 127).view(np.uint8)
    # OpenCV crashes on a picture without pixels.
    if not hard.any():
        return mask
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= least_area
    kept[areas.argmax()] = True
    kept[0] = False
    stays = kept[pieces]
    # Faint pixels belong to the pieces that they touch.
    rest = (mask.values > 0) & (stays | (pieces == 0))
    count, groups = cv2.connectedComponents(rest.view(np.uint8), connectivity=8)
    belongs = np.zeros(count, np.bool_)
    belongs[np.unique(groups[stays])] = True
    values = np.where(belongs[groups] & rest, mask.values, np.uint8(0))
    if np.array_equal(values, mask.values):
        return mask
    inner = Box.around(values > 0)
    assert inner is not None  # the largest piece stayed
    return SoftMask(inner.shifted(mask.box.x0, mask.box.y0), values[inner.slices].copy())
