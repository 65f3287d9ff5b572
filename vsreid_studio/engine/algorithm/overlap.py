"""Overlaps of many boxes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def areas(boxes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pixels inside boxes (..., 4)."""
    found: NDArray[np.int64] = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return found


def shared(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pixels that boxes (..., 4), which broadcast against each other, have in common."""
    common = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    found: NDArray[np.int64] = np.prod(np.maximum(common, 0), axis=-1)
    return found


def iou(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float32]:
    """IoU of boxes (..., 4) that broadcast against each other; 0 where both are empty."""
    common = shared(a, b)
    ratio: NDArray[np.float32] = (common / np.maximum(areas(a) + areas(b) - common, 1)).astype(np.float32)
    return ratio
