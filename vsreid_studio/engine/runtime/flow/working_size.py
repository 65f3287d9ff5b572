"""The size that flow is computed and stored at: large frames cost much and gain little."""

from __future__ import annotations

import cv2
import numpy as np

from ...types import Flow, Frame


def working_size(height: int, width: int, most: int) -> tuple[int, int]:
    """The (height, width) of a frame whose short side is brought down to `most`; smaller ones stay."""
    short = min(height, width)
    if short <= most:
        return height, width
    return round(height * most / short), round(width * most / short)


def shrink(frame: Frame, most: int) -> Frame:
    """A frame brought to its working size."""
    height, width = working_size(frame.shape[0], frame.shape[1], most)
    if (height, width) == frame.shape[:2]:
        return frame
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def enlarge(flow: Flow, height: int, width: int) -> Flow:
    """A flow brought to another size: its grid is resized, and its displacements with it."""
    old_height, old_width = flow.shape[:2]
    if (old_height, old_width) == (height, width):
        return flow
    # OpenCV scales the two channels in a fifth of the time that NumPy takes.
    scaled = cv2.multiply(flow, (width / old_width, height / old_height, 0, 0))
    return np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
