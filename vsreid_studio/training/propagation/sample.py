"""One patch of one instance with its guiding map, and how both are changed in training (Sec. 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.flow import warp
from ...engine.types import Box, Frame, Probability


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
PASSING_ANGLE, PASSING_SCALE = 20, 0.1
"""Limits of a passing object's rotation in degrees, and of the logarithm of its scale."""
FEATHER = 0.8
"""Sigma of the edges of what is pasted, in pixels."""
FOLLOWED = 0.6
"""Probability that the guiding map loses what a passing object covers."""
STIRRED, STIRRED_NOISE = 0.7, 0.05
"""Sigmas of a passing object's own flow, and of the noise in it."""
WHOLE, HALVES = 0.25, 0.6
"""Cumulative shares of random parts: the whole mask, one side of a line; the rest is inside an ellipse."""
PART_AXES = (0.25, 0.8)
"""Half axes of that ellipse, relative to the sides of the mask's box."""
LOST, DRAGGED, LEAST_LEFT = 0.25, 0.4, 0.2
"""Cumulative shares of degraded maps: a part is lost (where more than the last share of the area is left),
something beside it is added; the rest is unchanged."""
DRAGGED_FAR = (0.25, 0.9)
"""Distance of what is added, relative to the square root of the area of the map's box."""
CAUGHT, GIVEN = 0.75, 0.35
"""Probabilities that the guiding map has taken a part of the other object, and lost a part to it."""


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


@dataclass(frozen=True, eq=False)
class View:
    """One patch of one instance.

    Attributes:
        patch: (S, S, 3) uint8 RGB.
        flow: (S / 2, S / 2, 3) float32 as of `patches.flow_patch`; zero where `moves` is False.
        moves: whether there is flow.
        guide: (S, S) float32, the guiding map.
        others: (S, S) float32, the other instances' guiding maps.
        truth: (S, S) float32, the instance's mask.
        others_truth: (S, S) float32, the other instances' masks.
        before: (S, S, 3) uint8 RGB, the frame that the guiding map comes from, carried here by the flow; None
            where no flow has carried it.
        near: see `nets.nearness`; 0 where `before` is None.
        decoy: the guiding map lies on something else; the truth is empty.
    """

    patch: Frame
    flow: NDArray[np.float32]
    moves: bool
    guide: Probability
    others: Probability
    truth: Probability
    others_truth: Probability
    before: Frame | None = None
    near: float = 0.0
    decoy: bool = False


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object cut out of a picture: (h, w, 3) uint8 RGB and (h, w) float32 mask in [0, 1]."""

    frame: Frame
    mask: Probability


@dataclass(frozen=True)
class PassingObject:
    """Where another object is in one view.

    Attributes:
        in_front: of the instance, or behind it.
        covers: hides all of the instance.
        middle: (2,) its centre, x and y as shares of the patch.
        scale: its longer side, as a share of the patch's.
        in_others: whether its map goes into the other instances' channel.
    """

    in_front: bool
    covers: bool
    middle: NDArray[np.float64]
    scale: float
    in_others: bool

    @classmethod
    def anywhere(cls, rng: Generator, in_front: bool) -> PassingObject:
        """A random one, independent of those of other views."""
        near = in_front and rng.random() < 0.12
        scale = rng.uniform(1.2, 1.8) if near else rng.uniform(0.3, 0.9)
        middle = np.array([0.5, 0.5]) if near else rng.uniform(0.0, 1.0, 2)
        return cls(in_front, near and rng.random() < 0.6, middle, scale, rng.random() < 0.85)


def add_passing_object(rng: Generator, view: View, stranger: Cutout, way: PassingObject) -> View:
    """Paste another object over the instance, or behind it.

    Args:
        stranger: the object.
        way: where it is, and whether it hides all of the instance.
    """
    size = view.truth.shape[0]
    high, wide = stranger.mask.shape
    matrix = random_affine(rng, (wide / 2, high / 2), PASSING_ANGLE, PASSING_SCALE, 0)
    matrix *= size * way.scale / max(high, wide)
    matrix[:, 2] += way.middle * size - matrix @ np.array([wide / 2, high / 2, 1])
    mask = cv2.warpAffine(stranger.mask, matrix, (size, size))
    frame = cv2.warpAffine(stranger.frame, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    if way.covers:
        mask = np.maximum(mask, cv2.dilate(view.truth, np.ones((9, 9), np.uint8)))
    shown = mask if way.in_front else mask * (1 - view.truth)
    alpha = cv2.GaussianBlur(shown, (0, 0), FEATHER)[..., None]
    patch = (frame * alpha + view.patch * (1 - alpha)).astype(np.uint8)
    truth = view.truth * (1 - shown)
    guide = view.guide
    hint = deform(rng, shown, 1.0)
    if way.in_front and not way.covers and rng.random() < FOLLOWED:
        guide = guide * (1 - deform(rng, mask, 1.0))
    flow = view.flow
    if view.moves:
        half = flow.shape[0]
        small = cv2.resize(shown, (half, half), interpolation=cv2.INTER_AREA)[..., None]
        motion = rng.normal(0, STIRRED, 2)
        noise = rng.normal(0, STIRRED_NOISE, flow.shape)
        stirred = np.array([*motion, np.hypot(*motion)], np.float32) + noise
        flow = (flow * (1 - small) + stirred * small).astype(np.float32)
    return replace(
        view,
        patch=patch,
        flow=flow,
        truth=truth,
        guide=guide,
        others=np.maximum(view.others * (1 - shown), hint) if way.in_others else view.others,
        others_truth=np.maximum(view.others_truth * (1 - shown), shown)
        if way.in_others
        else view.others_truth,
    )


def crossing(rng: Generator, steps: int, in_others: bool) -> list[PassingObject]:
    """The path of an object across the patch, by step; near the middle it may hide everything.

    Args:
        steps: number of views.
        in_others: see `PassingObject`.
    """
    in_front = rng.random() < 0.7
    near = in_front and rng.random() < 0.25
    scale = rng.uniform(1.0, 1.7) if near else rng.uniform(0.35, 1.0)
    start, end = rng.uniform(-0.1, 1.1, (2, 2))
    if near:
        start, end = np.array([0.5, 0.5]) + rng.uniform(-0.8, 0.8, 2) * [[1], [0]]
        if rng.random() < 0.5:
            start, end = end, start
    ways = []
    for share in np.linspace(0, 1, steps):
        middle = start + (end - start) * share
        hides = near and float(np.abs(middle - 0.5).max()) < 0.1 and rng.random() < 0.6
        ways.append(PassingObject(in_front, hides, middle, scale, in_others))
    return ways


def leaked(rng: Generator, view: View) -> View:
    """Let the guiding maps leak: a part of the other object goes to the instance's, or the reverse.

    Each pixel belongs to one of the two maps only.
    """
    guide, others = view.guide, view.others
    if rng.random() < CAUGHT:
        leak = random_part(rng, view.others_truth)
        guide, others = np.maximum(guide, leak), others * (1 - leak)
    if rng.random() < GIVEN:
        lost = random_part(rng, view.truth)
        guide, others = guide * (1 - lost), np.maximum(others, lost)
    # What has leaked is not exact any more, wherever it came from.
    return replace(view, guide=guide, others=others, near=0.0)


def mirror(view: View) -> View:
    """Flip a view left to right; the flow's x changes its sign."""
    flow = view.flow[:, ::-1] * np.array([-1, 1, 1], np.float32)
    return replace(
        view,
        patch=view.patch[:, ::-1],
        flow=flow,
        guide=view.guide[:, ::-1],
        others=view.others[:, ::-1],
        truth=view.truth[:, ::-1],
        others_truth=view.others_truth[:, ::-1],
        before=None if view.before is None else view.before[:, ::-1],
    )


def blank(like: View) -> View:
    """An empty view of the same size."""
    nothing = np.zeros_like(like.truth)
    return View(
        np.zeros_like(like.patch), np.zeros_like(like.flow), False, nothing, nothing, nothing, nothing
    )
