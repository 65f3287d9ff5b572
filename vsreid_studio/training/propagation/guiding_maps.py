"""Random guiding maps: exact masks deformed as propagation does, boxes, templates, parts (Sec. 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from ...engine.flow import warp
from ...engine.types import Box, Probability


@dataclass(frozen=True)
class Deformation:
    """Probabilities and limits of `deform` at strength 1.

    Lengths are relative to the square root of the area of the map's box.

    Attributes:
        angle, scale, shift: limits of the affine part: degrees, logarithm of the factor, relative length.
        warped, cells, field: probability of a smooth displacement field, its grid, and half of the limit of
            its strength.
        morphed, radius: probability of dilation or erosion, and the limit of its radius.
        pieces, axes, holes: probability of one to three ellipses, limits of their half axes, and the share
            of them that are holes.
        blurred, blur: probability of a Gaussian blur, and the limit of its sigma.
    """

    angle: float = 8
    scale: float = 0.1
    shift: float = 0.06
    warped: float = 0.7
    cells: int = 5
    field: float = 0.03
    morphed: float = 0.5
    radius: float = 0.05
    pieces: float = 0.35
    axes: tuple[float, float] = (0.04, 0.22)
    holes: float = 0.6
    blurred: float = 0.5
    blur: float = 0.02


DEFORMATION = Deformation()
COARSE, TEMPLATE, MILD = 0.07, 0.14, 0.75
"""Cumulative shares of guiding maps: boxes and ellipses, the template's mask, deformed with strength 1; the
rest is deformed with strength 2."""
COARSE_OFF, COARSE_BOXES = 0.06, 0.6
"""Largest error of a coarse guiding map's box, relative to its sides, and the share of boxes."""
NEAR_CELLS, NEAR_FIELD = 6, 0.012
"""Grid of the displacement field of a map that is nearly exact, and the limit of its relative strength."""
WHOLE, HALVES = 0.25, 0.6
"""Cumulative shares of random parts: the whole mask, one side of a line; the rest is inside an ellipse."""
PART_AXES = (0.25, 0.8)
"""Half axes of that ellipse, relative to the sides of the mask's box."""
LOST, DRAGGED, LEAST_LEFT = 0.25, 0.4, 0.2
"""Cumulative shares of degraded maps: a part is lost (where more than the last share of the area is left),
something beside it is added; the rest is unchanged."""
DRAGGED_FAR = (0.25, 0.9)
"""Distance of what is added, relative to the square root of the area of the map's box."""


def smooth_field(rng: Generator, height: int, width: int, cells: int, strength: float) -> Probability:
    """A smooth random displacement field.

    Args:
        height, width: in pixels.
        cells: random values along each side; between them the field is interpolated.
        strength: typical length, in pixels.

    Returns:
        (height, width, 2) float32, in pixels.
    """
    coarse = rng.normal(0, strength, (cells + 2, cells + 2, 2)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def random_affine(
    rng: Generator, centre: tuple[float, float], angle: float, scale: float, shift: float, shear: float = 0.0
) -> np.ndarray:
    """A random affine matrix about a centre.

    Args:
        centre: x and y, in pixels.
        angle: greatest rotation, in degrees.
        scale, shear: greatest change of either, 0 for none.
        shift: greatest translation along each axis, in pixels.

    Returns:
        (2, 3) float64.
    """
    turn = np.deg2rad(rng.uniform(-angle, angle))
    factor = np.exp(rng.uniform(-scale, scale))
    slant = rng.uniform(-shear, shear)
    matrix = factor * np.array([[np.cos(turn), -np.sin(turn) + slant], [np.sin(turn), np.cos(turn)]])
    middle = np.array(centre)
    return np.column_stack([matrix, middle - matrix @ middle + rng.uniform(-shift, shift, 2)])


def deform(rng: Generator, mask: Probability, strength: float = 1.0) -> Probability:
    """Deform a map as propagation does: shifted, warped, eroded or dilated, blurred.

    Args:
        mask: (H, W) float32 in [0, 1].
        strength: scales every deformation.

    Returns:
        (H, W) float32 in [0, 1]; a copy where nothing exceeds 0.5.
    """
    box = Box.around(mask > 0.5)
    if box is None:
        return mask.copy()
    height, width = mask.shape
    side = float(np.sqrt(box.area))
    centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    by = DEFORMATION
    matrix = random_affine(rng, centre, by.angle * strength, by.scale * strength, by.shift * side * strength)
    found = cv2.warpAffine(mask, matrix, (width, height))
    if rng.random() < by.warped:
        field = smooth_field(rng, height, width, by.cells, by.field * side * strength * rng.random() * 2)
        found = warp(found.astype(np.float32, copy=False), field)
    if rng.random() < by.morphed:
        radius = max(1, round(side * by.radius * strength * rng.random()))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        found = cv2.dilate(found, kernel) if rng.random() < 0.5 else cv2.erode(found, kernel)
    if rng.random() < by.pieces:
        found = _blobs(rng, found, box, side, strength)
    if rng.random() < by.blurred:
        found = cv2.GaussianBlur(found, (0, 0), max(0.5, side * by.blur * rng.random()))
    return np.clip(found, 0, 1).astype(np.float32, copy=False)


def near_exact(rng: Generator, mask: Probability) -> Probability:
    """Deform an exact map as a warp by the flow does: it stays sharp, and is off by little.

    Args:
        mask: (H, W) float32 in [0, 1].

    Returns:
        (H, W) float32 in [0, 1].
    """
    box = Box.around(mask > 0.5)
    if box is None:
        return mask.copy()
    height, width = mask.shape
    most = NEAR_FIELD * float(np.sqrt(box.area))
    field = smooth_field(rng, height, width, NEAR_CELLS, most * rng.random())
    return warp(mask, field)


def _blobs(rng: Generator, mask: Probability, box: Box, side: float, strength: float) -> Probability:
    """Add holes, and pieces of background."""
    for _ in range(rng.integers(1, 4)):
        place = (int(rng.integers(box.x0, box.x1)), int(rng.integers(box.y0, box.y1)))
        axes = tuple(max(1, int(side * strength * rng.uniform(*DEFORMATION.axes))) for _ in range(2))
        value = 0.0 if rng.random() < DEFORMATION.holes else 1.0
        mask = cv2.ellipse(mask, place, axes, float(rng.uniform(0, 180)), 0, 360, value, -1)
    return mask


def coarse_guide(rng: Generator, mask: Probability) -> Probability:
    """A guiding map that is only a box or an ellipse around the instance, about in place: (H, W) float32."""
    box = Box.around(mask > 0.5)
    found = np.zeros_like(mask)
    if box is None:
        return found
    off = rng.uniform(-COARSE_OFF, COARSE_OFF, 4) * (box.width, box.height, box.width, box.height)
    x0, y0, x1, y1 = (round(v) for v in np.array([box.x0, box.y0, box.x1, box.y1]) + off)
    if rng.random() < COARSE_BOXES:
        found[max(0, y0) : y1, max(0, x0) : x1] = 1
    else:
        axes = (max(1, (x1 - x0) // 2), max(1, (y1 - y0) // 2))
        found = cv2.ellipse(found, ((x0 + x1) // 2, (y0 + y1) // 2), axes, 0, 0, 360, 1.0, -1)
    return found


def template_guide(mask: Probability, other: Probability) -> Probability:
    """The guiding map of a recovery (Algorithm 3, line 22): the template's mask in the instance's box.

    Args:
        mask: (H, W) float32 in [0, 1], of the instance.
        other: (H', W') float32 in [0, 1], of the template.

    Returns:
        (H, W) float32; zeros where either is empty.
    """
    box, source = Box.around(mask > 0.5), Box.around(other > 0.5)
    found = np.zeros_like(mask)
    if box is not None and source is not None:
        part = np.ascontiguousarray(other[source.slices])
        found[box.slices] = cv2.resize(part, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    return found


def guide(rng: Generator, mask: Probability, template: Probability) -> Probability:
    """A random guiding map of the kinds that N_mp meets: (H, W) float32 in [0, 1].

    Args:
        mask: (H, W) float32 in [0, 1], the exact one.
        template: (H', W') float32 in [0, 1], of the template.
    """
    kind = rng.random()
    if kind < COARSE:
        return coarse_guide(rng, mask)
    if kind < TEMPLATE:
        return template_guide(mask, template)
    return deform(rng, mask, 1.0 if kind < MILD else 2.0)


def random_part(rng: Generator, mask: Probability) -> Probability:
    """A random part of a mask: all of it, or what lies inside an ellipse or on one side of a line."""
    box = Box.around(mask > 0.5)
    kind = rng.random()
    if box is None or kind < WHOLE:
        return mask
    middle = rng.uniform((box.x0, box.y0), (box.x1, box.y1))
    rows, columns = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]].astype(np.float32)
    across, down = columns - middle[0], rows - middle[1]
    if kind < HALVES:
        angle = rng.uniform(0, 2 * np.pi)
        inside = across * np.cos(angle) + down * np.sin(angle) > 0
    else:
        axes = rng.uniform(*PART_AXES, 2) * (box.width, box.height)
        inside = (across / axes[0]) ** 2 + (down / axes[1]) ** 2 < 1
    return (mask * inside).astype(np.float32)


def degraded(rng: Generator, mask: Probability) -> Probability:
    """A map with errors that only the memory can mend, in 4 of 10 cases: parts are missing or too many.

    Args:
        mask: (H, W) float32 in [0, 1].

    Returns:
        (H, W) float32 in [0, 1].
    """
    kind = rng.random()
    box = Box.around(mask > 0.5)
    if box is None or kind > DRAGGED:
        return mask
    if kind < LOST:
        left = (mask * (1 - random_part(rng, mask))).astype(np.float32)
        return left if left.sum() > LEAST_LEFT * mask.sum() else mask
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(*DRAGGED_FAR) * np.sqrt(box.area)
    shift = np.array([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]])
    dragged = cv2.warpAffine(mask, shift, mask.shape[::-1])
    return np.maximum(mask, random_part(rng, dragged.astype(np.float32, copy=False)))
