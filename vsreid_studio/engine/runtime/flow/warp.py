"""W of the paper: images and maps carried along by a flow."""

from __future__ import annotations

from math import floor
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ...types import NOWHERE, Box, Flow, Frame, Probability, SoftMask

Extremes: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""The least and the greatest (dx, dy)."""

_MOST_ERROR = 0.25
"""Of the brightness' range: a pixel that is off by more is wrong all the same."""
_ROUNDS = 3
"""How often the region is narrowed: outliers far off are gone after one, those near by after two."""


def warp(image: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """Backward bilinear warp: out(x) = image(x + flow(x)), and zero where that lies outside.

    To carry frame i's picture to frame j, `flow` is the one from j to i: it says, for each pixel of j,
    where in i it comes from.

    Args:
        image: (H, W) or (H, W, C) float32, C up to 4.
        flow: (H, W, 2) float32, (dx, dy) in pixels.

    Returns:
        float32 of the image's shape.
    """
    if image.shape[:2] != flow.shape[:2]:
        raise ValueError(f"an image of shape {image.shape} and a flow of shape {flow.shape} do not fit")
    height, width = flow.shape[:2]
    return _sample(image, *places(flow, Box(0, 0, width, height))).reshape(image.shape)


def warp_frame(frame: Frame, flow: Flow, region: Box) -> Frame:
    """A region of a frame as it would look if all of it came from another: W(I_i, f), inside the region.

    Args:
        frame: I_i, (H, W, 3) uint8.
        flow: (H, W, 2) float32 from the other frame to i.
        region: what of the other frame is wanted.

    Returns:
        (region.height, region.width, 3) uint8, black where it comes from outside.
    """
    x, y = places(flow[region.slices], region)
    warped = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return warped.astype(np.uint8, copy=False)


def warping_error(frame: Frame, warped: Frame) -> Probability:
    """How far a frame is off from what the flow makes of its neighbour: there the flow is wrong.

    Args:
        frame: (h, w, 3) uint8.
        warped: likewise, see `warp_frame`.

    Returns:
        (h, w) float32 in [0, 1]; 1 where the brightness is off by a quarter of its range.
    """
    weights = np.full((1, 3), 1 / (3 * 255 * _MOST_ERROR), np.float32)
    off = cv2.transform(cv2.absdiff(frame, warped).astype(np.float32), weights)
    return np.minimum(off, 1).astype(np.float32, copy=False)


def consistency(forward: Flow, backward: Flow, tolerance: float) -> NDArray[np.bool_]:
    """Forward-backward check: which pixels of i return to where they came from by way of j.

    Args:
        forward: (H, W, 2) float32 flow from i to j.
        backward: (H, W, 2) float32 flow from j to i.
        tolerance: pixels that a round trip may miss its start by.

    Returns:
        (H, W) bool; False also where `forward` leads out of the frame.
    """
    height, width = forward.shape[:2]
    x, y = places(forward, Box(0, 0, width, height))
    missed = _sample(backward, x, y) + forward
    inside: NDArray[np.bool_] = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    inside &= (missed * missed).sum(axis=2) <= tolerance * tolerance
    return inside


def warp_mask(mask: SoftMask, flow: Flow, reach: Extremes | None = None) -> SoftMask:
    """W(P_i, f): the map of frame i carried to frame j.

    Each pixel of j samples P_i where it comes from, so the flow must be defined on j's pixels and point
    into i: `FlowSource.between(j, i)`, not between(i, j). The result is that of `warp` on the whole
    frame, but only the region that can receive something is computed.

    Args:
        mask: P_i.
        flow: (H, W, 2) float32 from frame j to frame i, (dx, dy) in pixels, finite.
        reach: `extremes` of it, where they are known.

    Returns:
        P_{i→j}; empty when all of it has left the frame.
    """
    region = _receivers(mask.box, flow, reach)
    if not region.area:
        return SoftMask.empty()
    return SoftMask.from_dense(warp_inside(mask, flow[region.slices], region), (region.x0, region.y0))


def warp_inside(mask: SoftMask, flow: Flow, region: Box) -> Probability:
    """What `warp_mask` makes of a region of frame j: (region.height, region.width) float32 in [0, 1].

    Args:
        flow: of the region only.
    """
    if not mask.box.area:
        return np.zeros((region.height, region.width), np.float32)
    x, y = places(flow, region)
    # Whole pixels, taken off last: the fractions stay those of the whole frame's warp, to the bit.
    x -= mask.box.x0
    y -= mask.box.y0
    return _sample(mask.values * np.float32(1 / 255), x, y)


def places(flow: Flow, region: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where in the frame each pixel of `region` comes from: x and y, each (h, w) float32 in pixels.

    Args:
        flow: of the region only.
    """
    columns = np.arange(region.x0, region.x1, dtype=np.float32)
    rows = np.arange(region.y0, region.y1, dtype=np.float32)
    return flow[..., 0] + columns, flow[..., 1] + rows[:, None]


def _sample(
    image: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The image at the places (x, y), bilinear, zero outside."""
    sampled = cv2.remap(
        image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)
    )
    return np.asarray(sampled, np.float32)


def _receivers(box: Box, flow: Flow, reach: Extremes | None) -> Box:
    """A region of the frame outside of which no pixel samples `box`.

    A pixel at x that samples the box obeys x0 - 1 < x + dx < x1, so x lies above x0 - 1 - max(dx) and
    below x1 - min(dx). The bounds hold for any region that contains all such pixels: first for the whole
    frame, then again for what is left.
    """
    height, width = flow.shape[:2]
    region = Box(0, 0, width, height)
    if not box.area:
        return NOWHERE
    for _ in range(_ROUNDS):
        (dx_min, dy_min), (dx_max, dy_max) = reach or extremes(flow[region.slices])
        reach = None
        narrowed = region.intersect(
            Box(
                floor(box.x0 - 1 - dx_max),
                floor(box.y0 - 1 - dy_max),
                floor(box.x1 - dx_min) + 1,
                floor(box.y1 - dy_min) + 1,
            )
        )
        if not narrowed.area or narrowed == region:
            return narrowed
        region = narrowed
    return region


def extremes(flow: Flow) -> Extremes:
    """Of a flow. By rows first: numpy is slow at reducing to so few numbers at once."""
    rows = flow.reshape(len(flow), -1)
    least = rows.min(axis=0).reshape(-1, 2).min(axis=0)
    greatest = rows.max(axis=0).reshape(-1, 2).max(axis=0)
    return (float(least[0]), float(least[1])), (float(greatest[0]), float(greatest[1]))
