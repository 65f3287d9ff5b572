"""Input of the click network: the part of the frame that it sees, and its guiding maps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import FlowField
from ..types import Box, Click, Frame, Probability, SoftMask
from .patches import crop, fit, patch_box

PATCH = 320
"""Side of the patches that the network was trained on, in pixels."""
RADIUS = 5
"""Of the disk that stands for a click, in pixels of the patch."""
MAPS = ("present", "added", "removed", "box", "others", "moving")
"""The guiding maps, in order: the mask that is there, positive clicks, negative clicks, the box, the greatest
of the other instances' masks, and what moves as the positive clicks do (see `motion_map`)."""

ENLARGE = 0.3
"""How much the patch is larger than what it is about, on each side, as a share of its size."""
LEAST_ENLARGE, MOST_ENLARGE = 0.1, 0.6
"""Within these a patch is kept from one click to the next."""
FIRST_SHARE = 0.4
"""Side of the patch as a share of the frame's, where nothing is known but clicks."""

LEAST_MOTION = 0.5
"""Flow that differs by this much is another motion, in 240ths of the frame's height."""
MOTION_SPREAD = 0.35
"""The same, as a share of how far what was clicked moves against the frame's median, if that is more."""
_COMMON = 24, 32
"""Rows and columns of places that the frame's median motion is taken of."""


def zoomed(
    present: SoftMask | None,
    clicks: Sequence[Click],
    box: Box | None,
    height: int,
    width: int,
    enlarge: float = ENLARGE,
) -> Box:
    """The crop for the network: around the present mask, the clicks and the box.

    Args:
        present: the mask that is there, or None.
        clicks: inside the frame.
        box: drawn by the person, or None.
        height, width: of the frame, in pixels.
        enlarge: growth on each side, as a share of the size.

    Returns:
        A box inside the frame; the whole frame without any of these.
    """
    around = [Box(int(c.x), int(c.y), int(c.x) + 1, int(c.y) + 1) for c in clicks]
    if box is not None:
        around.append(box)
    found = None if present is None else present.hard_box
    if found is None and box is None:
        # Clicks alone do not show how large the object is.
        wide, high = round(width * FIRST_SHARE / 2), round(height * FIRST_SHARE / 2)
        around = [Box(one.x0 - wide, one.y0 - high, one.x1 + wide, one.y1 + high) for one in around]
        enlarge = 0.0
    elif found is not None:
        around.append(found)
    if not around:
        return Box(0, 0, width, height)
    whole = around[0]
    for one in around[1:]:
        whole = whole.union(one)
    whole = whole.clip(height, width)
    return patch_box(whole, height, width, enlarge)


def local(click: Click, side: float, height: int, width: int) -> Box:
    """The part of the frame around one click: a square of `side` pixels, inside the frame."""
    wide, high = min(round(side), width), min(round(side), height)
    x0 = min(max(0, round(click.x - wide / 2)), width - wide)
    y0 = min(max(0, round(click.y - high / 2)), height - high)
    return Box(x0, y0, x0 + wide, y0 + high)


def paste_into(present: SoftMask | None, part: Box, probability: NDArray[np.float32]) -> SoftMask:
    """Replace the part of a mask that lies inside a box.

    Args:
        part: of the frame.
        probability: (part.height, part.width) float32 in [0, 1].
    """
    if present is None or present.box.intersect(part) == present.box:
        return SoftMask.from_dense(probability, (part.x0, part.y0))
    whole = part.union(present.box)
    values = present.inside(whole)
    values[part.shifted(-whole.x0, -whole.y0).slices] = probability
    return SoftMask.from_dense(values, (whole.x0, whole.y0))


def patch_still_fits(
    part: Box, present: SoftMask | None, clicks: Sequence[Click], box: Box | None, height: int, width: int
) -> bool:
    """Whether the patch of the last click also serves this one: it encloses all of it, and is not too large.

    Its features are cached, and the outline does not jump as it would with another patch.
    """
    least = zoomed(present, clicks, box, height, width, LEAST_ENLARGE)
    most = zoomed(present, clicks, box, height, width, MOST_ENLARGE)
    return least.intersect(part) == least and part.intersect(most) == part


def guiding_maps(
    present: SoftMask | None,
    clicks: Sequence[Click],
    box: Box | None,
    part: Box,
    size: int = PATCH,
    others: Sequence[SoftMask] = (),
    flow: FlowField | None = None,
) -> NDArray[np.float32]:
    """The guiding maps of a part of the frame.

    Args:
        part: of the frame that the patch shows.
        size: side of the patch in pixels.
        others: masks of other instances in the frame.
        flow: between the frame and a neighbour, in either direction, or None.

    Returns:
        (size, size, 6) float32 in [0, 1], see `nets.clicks.MAPS`.
    """
    maps = np.zeros((len(MAPS), size, size), np.float32)
    if present is not None and present.box.intersect(part).area:
        maps[0] = fit(present.inside(part), size)
    scale = np.array([size / part.width, size / part.height])
    for click in clicks:
        x, y = (np.array([click.x + 0.5 - part.x0, click.y + 0.5 - part.y0]) * scale).astype(int)
        cv2.circle(maps[1 if click.adds else 2], (int(x), int(y)), RADIUS, 1.0, -1)
    if box is not None:
        corners = np.array([[box.x0 - part.x0, box.y0 - part.y0], [box.x1 - part.x0, box.y1 - part.y0]])
        (x0, y0), (x1, y1) = np.rint(corners * scale).astype(int).clip(0, size).tolist()
        maps[3, y0:y1, x0:x1] = 1.0
    for other in others:
        if other.box.intersect(part).area:
            np.maximum(maps[4], fit(other.inside(part), size), out=maps[4])
    if flow is not None:
        maps[5] = motion_map(flow, clicks, part, size)
    return np.ascontiguousarray(maps.transpose(1, 2, 0))


def motion_map(flow: FlowField, clicks: Sequence[Click], part: Box, size: int) -> Probability:
    """How much each place moves as the positive clicks do, and the rest of the frame does not.

    Args:
        flow: of the whole frame.
        part: of the frame.
        size: of the result.

    Returns:
        (size, size) float32 in [0, 1]; zero everywhere where what was clicked moves as most of the frame.
    """
    height, width = flow.height, flow.width
    unit = np.float32(240 / height)
    common = np.median(flow.inside(Box(0, 0, width, height), _COMMON).reshape(-1, 2), axis=0) * unit
    inside = flow.inside(part, (size, size)) * unit
    found = np.zeros((size, size), np.float32)
    for click in clicks:
        if not click.adds:
            continue
        place = Box(int(click.x), int(click.y), int(click.x) + 1, int(click.y) + 1)
        own = flow.inside(place.enlarge(1.0).clip(height, width), (1, 1))[0, 0] * unit
        against = float(np.hypot(*(own - common)))
        spread = max(LEAST_MOTION, MOTION_SPREAD * against)
        like = np.exp(-((inside - own) ** 2).sum(axis=2) / spread**2)
        np.maximum(found, like * (against / (against + LEAST_MOTION)), out=found)
    return found


def trusted_patch(frame: Frame, mask: SoftMask, size: int = PATCH) -> tuple[Frame, NDArray[np.float32]]:
    """What is encoded of a trusted frame: the patch around a mask that is not empty, and its guiding maps.

    Returns:
        (size, size, 3) uint8 RGB, and (size, size, 6) float32 of which only the present mask is not zero.
    """
    part = zoomed(mask, (), None, *frame.shape[:2])
    return crop(frame, part, size).astype(np.uint8, copy=False), guiding_maps(mask, (), None, part, size)
