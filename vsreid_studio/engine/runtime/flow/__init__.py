"""Optical flow F(I_i, I_j) and the warp W that it guides.

A flow is a (H, W, 2) float32 array of pixels (dx, dy): flow[y, x] tells how far the source frame's pixel
(x, y) moves to in the target frame.
"""

from __future__ import annotations

from .cache import FlowCache
from .estimators import (
    DisFlow,
    FineDisFlow,
    FlowEstimator,
    RaftFlow,
    careful_estimator,
    default_estimator,
)
from .flo_files import read_flo, write_flo
from .source import FlowSource
from .warp import consistency, extremes, places, warp, warp_frame, warp_inside, warp_mask, warping_error

__all__ = [
    "DisFlow",
    "FineDisFlow",
    "FlowCache",
    "FlowEstimator",
    "FlowSource",
    "RaftFlow",
    "careful_estimator",
    "consistency",
    "default_estimator",
    "extremes",
    "places",
    "read_flo",
    "warp",
    "warp_frame",
    "warp_inside",
    "warp_mask",
    "warping_error",
    "write_flo",
]
