"""A clip of two coloured disks, one of which is out of sight for a while."""

from __future__ import annotations

import cv2
import numpy as np
from fake_engine import COLOURS, seen
from numpy.typing import NDArray

from vsreid_studio.engine.types import SoftMask

HEIGHT, WIDTH, LENGTH = 48, 80, 12
HIDDEN = range(4, 7)
"""Frames in which instance 1 is out of sight."""


def picture(index: int) -> NDArray[np.uint8]:
    frame = np.random.default_rng(index).integers(90, 110, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    if index not in HIDDEN:
        cv2.circle(frame, (12 + 4 * index, 16), 7, COLOURS[1], -1)
    cv2.circle(frame, (66 - 3 * index, 36), 6, COLOURS[2], -1)
    return frame


def true_mask(index: int, number: int) -> SoftMask:
    return SoftMask.from_dense(seen(picture(index), number))
