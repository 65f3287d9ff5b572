"""Patches: which part of a frame N_mp sees, and how it gets there and back (Algorithm 1, line 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Box, Frame, Probability, SoftMask
from .flow import warping_error

LEAST_SIDE = 32
"""A patch covers at least this many pixels of the frame each way, so that a speck keeps some context."""
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


def others_inside(maps: Mapping[int, SoftMask], instance: int, box: Box) -> Probability:
    """The greatest of the maps of all instances but one, inside a box: (box.height, box.width) float32."""
    others = np.zeros((box.height, box.width), np.float32)
    for number, mask in maps.items():
        if number != instance and mask.box.intersect(box).area:
            np.maximum(others, mask.inside(box), out=others)
    return others


def paste(patch: Probability, box: Box) -> Probability:
    """A (size, size) probability patch at the size of its box: (box.height, box.width) float32."""
    return cv2.resize(patch, (box.width, box.height), interpolation=cv2.INTER_LINEAR).astype(
        np.float32, copy=False
    )


def flow_patch(flow: NDArray[np.float32], box: Box, size: int) -> NDArray[np.float32]:
    """What the flow stream sees of a (H, W, 2) flow: (size, size, 3) float32 (dx, dy, length).

    The median motion of the patch is taken out (the camera moves, the instance differs), then a tenth of
    the box's side counts as 1 and everything is kept within 3.
    """
    unit = np.float32(10.0 / max(box.width, box.height))
    dx, dy = (
        (plane - np.median(plane)) * unit
        for plane in (np.ascontiguousarray(it) for it in cv2.split(crop(flow, box, size)))
    )
    return cv2.merge([dx, dy, cv2.magnitude(dx, dy)]).clip(-3, 3).astype(np.float32, copy=False)


def carried_patch(patch: Frame, before: Frame | None, near: float) -> NDArray[np.float32]:
    """What N_mp is told of how its guiding map came here, see `MaskPropagationNet.forward`.

    Args:
        patch: (size, size, 3) uint8.
        before: likewise, the frame where the guiding map comes from, carried along by the flow; None where no
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
