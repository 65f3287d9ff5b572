"""Frames as Qt's images."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from ..engine.types import Frame


def to_image(frame: Frame) -> QImage:
    """A copy of a (H, W, 3) uint8 RGB frame or a part of one, which may be empty."""
    height, width = frame.shape[:2]
    if not (height and width):
        return QImage()
    whole = np.ascontiguousarray(frame)
    # Copied, as the image would not keep the array alive.
    return QImage(whole.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
