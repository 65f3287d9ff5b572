"""Optical flow F(I_i, I_j) and the warp W that it guides.

A flow is a (H, W, 2) float32 array of pixels (dx, dy): flow[y, x] is how far the source frame's pixel
(x, y) moves to in the target frame. `FlowField` holds that of a pair of frames in less space.
"""

from __future__ import annotations

from .estimators import (
    DisFlow,
    FineDisFlow,
    FlowEstimator,
    RaftFlow,
    careful_estimator,
    default_estimator,
)
from .field import FlowField
from .source import FlowSource, read_flo
from .warp import places, warp, warp_frame, warp_mask, warping_error

__all__ = [
    "DisFlow",
    "FineDisFlow",
    "FlowEstimator",
    "FlowField",
    "FlowSource",
    "RaftFlow",
    "careful_estimator",
    "default_estimator",
    "places",
    "read_flo",
    "warp",
    "warp_frame",
    "warp_mask",
    "warping_error",
]
