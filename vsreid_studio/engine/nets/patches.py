"""Patches: which part of a frame N_mp sees, and how it gets there and back (Algorithm 1, line 6)."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, prod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import warping_error
from ..types import Box, Flow, Frame, Probability, SoftMask

LEAST_SIDE = 32
"""A patch covers at least this many pixels of the frame each way, so that a speck keeps some context."""
_ALIGNED = 64
"""Bytes."""
MOST_ASPECT = 2.0
"""A box longer than this is widened: a stretched patch looks like nothing the network was trained on."""


def patch_box(box: Box, height: int, width: int, enlarge: float) -> Box:
    """The part of the frame to crop for an instance.

    Args:
        box: Box(P > 0.5) of the guiding map.
        height, width: of the frame, in pixels.
        enlarge: growth on each side, as a share of the box's size.

    Returns:
        The enlarged box, no thinner than 1 : MOST_ASPECT where the frame allows, inside the frame.
    """
    wide, high = box.width * (1 + 2 * enlarge), box.height * (1 + 2 * enlarge)
    wide, high = max(wide, high / MOST_ASPECT, LEAST_SIDE), max(high, wide / MOST_ASPECT, LEAST_SIDE)
    middle_x, middle_y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return Box(
        round(middle_x - wide / 2),
        round(middle_y - high / 2),
        round(middle_x + wide / 2),
        round(middle_y + high / 2),
    ).clip(height, width)


def fit(image: NDArray[Any], size: int) -> NDArray[Any]:
    """A (H, W[, C]) image resized to (size, size[, C]): averaged when it shrinks, else bilinear."""
    if not image.any():
        return np.zeros((size, size, *image.shape[2:]), image.dtype)
    shrinks = image.shape[0] * image.shape[1] > size * size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=method)


def crop(image: NDArray[Any], box: Box, size: int) -> NDArray[Any]:
    """The box of a (H, W[, C]) image, resized to (size, size[, C])."""
    return fit(image[box.slices], size)


def reduced(box: Box, side: int) -> tuple[int, int]:
    """The (height, width) at which the maps in a box are worked on, where a patch of it has `side` pixels.

    It is that of the box, divided by the greatest whole number that leaves half as much again as the patch
    has each way. What is lost is lost in the patch anyway, and 4K costs little more than 480p.
    """
    factor = max(1, 2 * min(box.height, box.width) // (3 * side))
    return ceil(box.height / factor), ceil(box.width / factor)


def inside(mask: SoftMask, box: Box, size: tuple[int, int]) -> Probability:
    """A map inside a box, averaged down to (h, w): float32 in [0, 1]."""
    if size == (box.height, box.width):
        return mask.inside(box)
    small = cv2.resize(mask.stored(box), size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(1 / 255), np.float32)


def others_inside(
    maps: Mapping[int, SoftMask], instance: int, box: Box, size: tuple[int, int]
) -> Probability:
    """The greatest of the maps of all instances but one, inside a box, averaged down to (h, w): float32."""
    others = np.zeros(size, np.float32)
    for number, mask in maps.items():
        if number != instance and mask.box.intersect(box).area:
            np.maximum(others, inside(mask, box, size), out=others)
    return others


def paste(patch: Probability, box: Box, size: tuple[int, int] | None = None) -> Probability:
    """A (size, size) probability patch at the size of its box, or at (h, w): float32."""
    height, width = size or (box.height, box.width)
    return cv2.resize(patch, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def flow_patch(flow: Flow, box: Box, size: int) -> NDArray[np.float32]:
    """What the flow stream sees of a flow inside a box: (size, size, 3) float32 (dx, dy, length).

    The median motion of the patch is taken out (the camera moves, the instance differs), then a tenth of
    the box's side counts as 1 and everything is kept within 3.

    Args:
        flow: (h, w, 2) float32 in pixels of the frame, of the box only, one point a pixel or fewer.
    """
    unit = np.float32(10.0 / max(box.width, box.height))
    dx, dy = (
        (plane - np.median(plane)) * unit
        for plane in (np.ascontiguousarray(it) for it in cv2.split(fit(flow, size)))
    )
    length = cv2.magnitude(dx, dy, _aligned(dx.shape))
    return cv2.merge([dx, dy, length]).clip(-3, 3).astype(np.float32, copy=False)


def _aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array for `cv2.magnitude`: where IPP computes it, the last bit depends on where the result lies."""
    count = prod(shape)
    space = np.zeros(count + _ALIGNED // 4, np.float32)
    start = -space.ctypes.data % _ALIGNED // 4
    return space[start : start + count].reshape(shape)


def carried_patch(patch: Frame, before: Frame | None, near: float) -> NDArray[np.float32]:
    """Input of N_mp about the warp of its guiding map, see `MaskPropagationNet.forward`.

    Args:
        patch: (size, size, 3) uint8.
        before: likewise, the frame where the guiding map comes from, warped by the flow; None where no
            flow has carried it.
        near: see `nets.propagation.nearness`.

    Returns:
        (size, size, 2) float32 in [0, 1]; zeros where no flow has carried it.
    """
    found = np.zeros((*patch.shape[:2], 2), np.float32)
    if before is not None:
        found[..., 0] = warping_error(patch, before)
        found[..., 1] = near
    return found
