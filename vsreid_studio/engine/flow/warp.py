"""W of the paper: images and maps warped by a flow."""

from __future__ import annotations

from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import NOWHERE, Box, Flow, Frame, Probability, SoftMask
from .field import FlowField

MOST_ERROR = 0.25
"""Of the brightness' range: a pixel that is off by more is wrong all the same."""
_MASK_SIDE = 256
"""Pixels: a mask whose box is at least twice as large each way is warped at a reduced size."""
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
        flow: from the other frame to i inside the region, (h, w, 2) float32 in pixels of the frame. Where
            (h, w) is less than the region, so is what is returned: the frame is averaged down first.
        region: what of the other frame is wanted.

    Returns:
        (h, w, 3) uint8, black where it comes from outside.
    """
    x, y = places(flow, region)
    if flow.shape[:2] != (region.height, region.width):
        frame, x, y = _reduced(frame, x, y, region)
    warped = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return warped.astype(np.uint8, copy=False)


def _reduced(
    frame: Frame, x: NDArray[np.float32], y: NDArray[np.float32], region: Box
) -> tuple[Frame, NDArray[np.float32], NDArray[np.float32]]:
    """The part of a frame in which the places lie, as much smaller as their grid is than its region."""
    height, width = frame.shape[:2]
    part = Box(floor(x.min()) - 1, floor(y.min()) - 1, ceil(x.max()) + 2, ceil(y.max()) + 2)
    part = part.clip(height, width)
    if not part.area:
        return frame, x, y
    down, across = y.shape[0] / region.height, x.shape[1] / region.width
    size = max(1, round(part.width * across)), max(1, round(part.height * down))
    small = cv2.resize(frame[part.slices], size, interpolation=cv2.INTER_AREA)
    x = (x - (part.x0 - 0.5)) * np.float32(size[0] / part.width) - np.float32(0.5)
    y = (y - (part.y0 - 0.5)) * np.float32(size[1] / part.height) - np.float32(0.5)
    return np.asarray(small, np.uint8), x, y


def warping_error(frame: Frame, warped: Frame) -> Probability:
    """How far a frame is off from what the flow makes of its neighbour: there the flow is wrong.

    Args:
        frame: (h, w, 3) uint8.
        warped: likewise, see `warp_frame`.

    Returns:
        (h, w) float32 in [0, 1]; 1 where the brightness is off by a quarter of its range.
    """
    weights = np.full((1, 3), 1 / (3 * 255 * MOST_ERROR), np.float32)
    off = cv2.transform(cv2.absdiff(frame, warped).astype(np.float32), weights)
    return np.minimum(off, 1).astype(np.float32, copy=False)


def warp_mask(mask: SoftMask, flow: FlowField) -> SoftMask:
    """W(P_i, f): the map of frame i warped to frame j.

    Each pixel of j samples P_i where it comes from, so the flow must be defined on j's pixels and point
    into i: `FlowSource.between(j, i)`, not between(i, j). The result is that of `warp` on the whole
    frame, but only the region that can receive something is computed; large maps at a reduced size.

    Args:
        mask: P_i.
        flow: from frame j to frame i.

    Returns:
        P_{i→j}; empty when all of it has left the frame.
    """
    region = _receivers(mask.box, flow)
    if not region.area:
        return SoftMask.empty()
    factor = max(1, min(mask.box.height, mask.box.width) // _MASK_SIDE)
    size = ceil(region.height / factor), ceil(region.width / factor)
    x, y = places(flow.inside(region, size), region)
    # Whole pixels, taken off last: the fractions stay those of the whole frame's warp, to the bit.
    x -= mask.box.x0
    y -= mask.box.y0
    values = mask.values
    if factor > 1:
        values, x, y = _smaller(values, x, y, factor)
    return SoftMask.enlarged(_sample(values * np.float32(1 / 255), x, y), region)


def _smaller(
    values: NDArray[np.uint8], x: NDArray[np.float32], y: NDArray[np.float32], factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """A map averaged down by a whole number, and places in it."""
    height, width = values.shape
    below, right = -height % factor, -width % factor
    whole = cv2.copyMakeBorder(values, 0, below, 0, right, cv2.BORDER_CONSTANT, value=0)
    size = (width + right) // factor, (height + below) // factor
    small = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    scale, half = np.float32(1 / factor), np.float32(0.5)
    return np.asarray(small, np.uint8), (x + half) * scale - half, (y + half) * scale - half


def places(flow: Flow, region: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where in the frame each point of a grid over `region` comes from.

    Args:
        flow: of the region only, (h, w, 2) float32; one point a pixel, or fewer.

    Returns:
        x and y, each (h, w) float32 in pixels.
    """
    columns = _points(region.x0, region.x1, flow.shape[1])
    rows = _points(region.y0, region.y1, flow.shape[0])
    return flow[..., 0] + columns, flow[..., 1] + rows[:, None]


def _points(start: int, stop: int, count: int) -> NDArray[np.float32]:
    """The centres of `count` parts of equal length; one part a pixel, these are whole numbers."""
    step = (stop - start) / count
    return (start + (np.arange(count) + 0.5) * step - 0.5).astype(np.float32)


def _sample(
    image: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The image at the places (x, y), bilinear, zero outside."""
    sampled = cv2.remap(
        image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)
    )
    return np.asarray(sampled, np.float32)


def _receivers(box: Box, flow: FlowField) -> Box:
    """A region of the frame outside of which no pixel samples `box`.

    A pixel at x that samples the box obeys x0 - 1 < x + dx < x1, so x lies above x0 - 1 - max(dx) and
    below x1 - min(dx). The bounds hold for any region that contains all such pixels: first for the whole
    frame, then again for what is left.
    """
    region = Box(0, 0, flow.width, flow.height)
    if not box.area:
        return NOWHERE
    for _ in range(_ROUNDS):
        (dx_min, dy_min), (dx_max, dy_max) = flow.extremes(region)
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
