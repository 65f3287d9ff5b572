"""What a box holds, by colour alone: stands in where N_mp has no weights or is busy."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Box, Frame, SoftMask

MARGIN = 0.6
"""How much of the surroundings is looked at on each side, as a share of the box: the colours of not-it."""
ROUNDS = 4
LEAST_SIDE = 4
"""In pixels: with fewer there is nothing to learn colours from."""
MOST_SIDE = 400
"""In pixels: a larger part is looked at smaller, as GrabCut takes seconds for a megapixel."""


def cut(frame: Frame, box: Box) -> SoftMask:
    """Tell the object inside a box from what surrounds it.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: drawn around the object; what reaches outside the frame is ignored.

    Returns:
        A hard mask inside the box; empty where the box is too small, fills the frame or holds only what is
        around it, too.
    """
    height, width = frame.shape[:2]
    box = box.clip(height, width)
    around = box.enlarge(MARGIN).clip(height, width)
    if min(box.width, box.height) < LEAST_SIDE or around == box:
        return SoftMask.empty()
    scale = min(1.0, MOST_SIDE / max(around.width, around.height))
    size = max(2, round(around.width * scale)), max(2, round(around.height * scale))
    picture = cv2.resize(frame[around.slices], size, interpolation=cv2.INTER_AREA)
    inner = box.shifted(-around.x0, -around.y0)
    place = [round(value * scale) for value in (inner.x0, inner.y0, inner.width, inner.height)]
    labels = np.zeros(size[::-1], np.uint8)
    # The colours start from random clusters; a person who draws the same box expects the same mask.
    cv2.setRNGSeed(0)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
        labels,
        place,
        background,
        foreground,
        ROUNDS,
        cv2.GC_INIT_WITH_RECT,
    )
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    whole = cv2.resize(found, (around.width, around.height), interpolation=cv2.INTER_LINEAR) > 0.5
    inside = np.zeros_like(whole)
    inside[inner.slices] = whole[inner.slices]
    return SoftMask.from_dense(inside, (around.x0, around.y0))
