"""Guiding maps as propagation really meets them: drifted, broken, coarse, or from another pose (Sec. 3.4)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from ...engine.flow import warp
from ...engine.types import Box, Probability


def smooth_field(rng: Generator, height: int, width: int, cells: int, strength: float) -> Probability:
    """A smooth random displacement: (height, width, 2) float32 pixels, of about `strength` pixels."""
    coarse = rng.normal(0, strength, (cells + 2, cells + 2, 2)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def random_affine(
    rng: Generator, centre: tuple[float, float], angle: float, scale: float, shift: float, shear: float = 0.0
) -> np.ndarray:
    """A (2, 3) affine matrix about a centre: at most so many degrees, scale steps and pixels."""
    turn = np.deg2rad(rng.uniform(-angle, angle))
    factor = np.exp(rng.uniform(-scale, scale))
    slant = rng.uniform(-shear, shear)
    matrix = factor * np.array([[np.cos(turn), -np.sin(turn) + slant], [np.sin(turn), np.cos(turn)]])
    middle = np.array(centre)
    return np.column_stack([matrix, middle - matrix @ middle + rng.uniform(-shift, shift, 2)])


def deform(rng: Generator, mask: Probability, strength: float = 1.0) -> Probability:
    """A (H, W) map in [0, 1] as a propagated one looks: shifted, warped, eaten or grown, blurred."""
    box = Box.around(mask > 0.5)
    if box is None:
        return mask.copy()
    height, width = mask.shape
    side = float(np.sqrt(box.area))
    centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    matrix = random_affine(rng, centre, 8 * strength, 0.1 * strength, 0.06 * side * strength)
    found = cv2.warpAffine(mask, matrix, (width, height))
    if rng.random() < 0.7:
        field = smooth_field(rng, height, width, 5, 0.03 * side * strength * rng.random() * 2)
        found = warp(found.astype(np.float32, copy=False), field)
    if rng.random() < 0.5:
        radius = max(1, round(side * 0.05 * strength * rng.random()))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        found = cv2.dilate(found, kernel) if rng.random() < 0.5 else cv2.erode(found, kernel)
    if rng.random() < 0.35:
        found = _blobs(rng, found, box, side, strength)
    if rng.random() < 0.5:
        found = cv2.GaussianBlur(found, (0, 0), max(0.5, side * 0.02 * rng.random()))
    return np.clip(found, 0, 1).astype(np.float32, copy=False)


def nearly(rng: Generator, mask: Probability) -> Probability:
    """A (H, W) map in [0, 1] as the flow carries an exact one over: sharp, and off by little."""
    box = Box.around(mask > 0.5)
    if box is None:
        return mask.copy()
    height, width = mask.shape
    field = smooth_field(rng, height, width, 6, 0.012 * float(np.sqrt(box.area)) * rng.random())
    return warp(mask, field)


def _blobs(rng: Generator, mask: Probability, box: Box, side: float, strength: float) -> Probability:
    """Holes in the map, and pieces of background that it has caught."""
    for _ in range(rng.integers(1, 4)):
        place = (int(rng.integers(box.x0, box.x1)), int(rng.integers(box.y0, box.y1)))
        axes = tuple(max(1, int(side * strength * rng.uniform(0.04, 0.22))) for _ in range(2))
        value = 0.0 if rng.random() < 0.6 else 1.0
        mask = cv2.ellipse(mask, place, axes, float(rng.uniform(0, 180)), 0, 360, value, -1)
    return mask


def coarse_guide(rng: Generator, mask: Probability) -> Probability:
    """A guiding map that is only a box or an ellipse around the instance, a little off."""
    box = Box.around(mask > 0.5)
    found = np.zeros_like(mask)
    if box is None:
        return found
    off = rng.uniform(-0.06, 0.06, 4) * (box.width, box.height, box.width, box.height)
    x0, y0, x1, y1 = (round(v) for v in np.array([box.x0, box.y0, box.x1, box.y1]) + off)
    if rng.random() < 0.6:
        found[max(0, y0) : y1, max(0, x0) : x1] = 1
    else:
        axes = (max(1, (x1 - x0) // 2), max(1, (y1 - y0) // 2))
        found = cv2.ellipse(found, ((x0 + x1) // 2, (y0 + y1) // 2), axes, 0, 0, 360, 1.0, -1)
    return found


def foreign_guide(mask: Probability, other: Probability) -> Probability:
    """Recovery (Algorithm 3, line 22): the template's mask, in its own pose, laid into the instance's box."""
    box, source = Box.around(mask > 0.5), Box.around(other > 0.5)
    found = np.zeros_like(mask)
    if box is not None and source is not None:
        part = np.ascontiguousarray(other[source.slices])
        found[box.slices] = cv2.resize(part, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    return found


def guide(rng: Generator, mask: Probability, template: Probability) -> Probability:
    """Any of the guiding maps N_mp must cope with, for a target mask and a template's mask."""
    kind = rng.random()
    if kind < 0.07:
        return coarse_guide(rng, mask)
    if kind < 0.14:
        return foreign_guide(mask, template)
    return deform(rng, mask, 1.0 if kind < 0.75 else 2.0)


def part(rng: Generator, mask: Probability) -> Probability:
    """All of a mask, or what of it lies in some ellipse, or on one side of a line."""
    box = Box.around(mask > 0.5)
    kind = rng.random()
    if box is None or kind < 0.25:
        return mask
    middle = rng.uniform((box.x0, box.y0), (box.x1, box.y1))
    rows, columns = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]].astype(np.float32)
    across, down = columns - middle[0], rows - middle[1]
    if kind < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        inside = across * np.cos(angle) + down * np.sin(angle) > 0
    else:
        axes = rng.uniform(0.25, 0.8, 2) * (box.width, box.height)
        inside = (across / axes[0]) ** 2 + (down / axes[1]) ** 2 < 1
    return (mask * inside).astype(np.float32)


def worn(rng: Generator, mask: Probability) -> Probability:
    """Mostly the map as it is; else one that has lost a limb, or is dragged along by what is beside it.

    What was lost can be found only by how it looks in the memory, and so can what does not belong.
    """
    kind = rng.random()
    box = Box.around(mask > 0.5)
    if box is None or kind > 0.4:
        return mask
    if kind < 0.25:
        left = (mask * (1 - part(rng, mask))).astype(np.float32)
        return left if left.sum() > 0.2 * mask.sum() else mask
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.9) * np.sqrt(box.area)
    shift = np.array([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]])
    dragged = cv2.warpAffine(mask, shift, mask.shape[::-1])
    return np.maximum(mask, part(rng, dragged.astype(np.float32, copy=False)))
