"""What the click network is shown: which part of the frame, and its guiding maps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nets.clicks import PATCH, RADIUS
from ..nets.patches import fit, patch_box
from ..types import Box, Click, SoftMask

ENLARGE = 0.3
"""How much the patch is larger than what it is about, on each side, as a share of its size."""
LEAST_ENLARGE, MOST_ENLARGE = 0.1, 0.6
"""Within these a patch is kept from one click to the next."""
_HALF = 127
FIRST_SHARE = 0.4
"""Side of the patch as a share of the frame's, where nothing is known but clicks."""


def zoomed(
    present: SoftMask | None,
    clicks: Sequence[Click],
    box: Box | None,
    height: int,
    width: int,
    enlarge: float = ENLARGE,
) -> Box:
    """The part of the frame to look at: around the mask that is there, the clicks and the box.

    Args:
        present: the mask that is there, or None.
        clicks: inside the frame.
        box: drawn by the person, or None.
        height, width: of the frame, in pixels.
        enlarge: growth on each side, as a share of the size.

    Returns:
        A box inside the frame; the whole frame where there is nothing to look at.
    """
    around = [Box(int(c.x), int(c.y), int(c.x) + 1, int(c.y) + 1) for c in clicks]
    if box is not None:
        around.append(box)
    found = None if present is None else present.hard_box
    if found is None and box is None:
        # Clicks alone do not tell how large the object is.
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


def laid_over(present: SoftMask | None, part: Box, probability: NDArray[np.float32]) -> SoftMask:
    """The mask that is there, with what was found in a part of the frame in its place.

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


def changed_at(before: SoftMask, after: SoftMask, click: Click) -> SoftMask:
    """Only what a click has changed where it was made: a mask that is there is not drawn anew elsewhere.

    Args:
        before: the mask before the click.
        after: what the network makes of it.
        click: the last one.

    Returns:
        `before`, with the piece that differs and holds the click taken from `after`; all of `after` where
        nothing differs there.
    """
    region = before.box.union(after.box) if before.box.area and after.box.area else before.box
    x, y = int(click.x) - region.x0, int(click.y) - region.y0
    old, new = before.stored(region), after.stored(region)
    differs = (old > _HALF) != (new > _HALF)
    if not (0 <= x < region.width and 0 <= y < region.height and differs[y, x]):
        return after
    _, pieces = cv2.connectedComponents(differs.astype(np.uint8))
    values = np.where(pieces == pieces[y, x], new, old)
    return SoftMask.tight(values, (region.x0, region.y0))


def still_good(
    part: Box, present: SoftMask | None, clicks: Sequence[Click], box: Box | None, height: int, width: int
) -> bool:
    """Whether a part that was looked at serves once more: all lies inside, and not too small.

    What the network has seen of it is known already, and the outline does not jump with it.
    """
    least = zoomed(present, clicks, box, height, width, LEAST_ENLARGE)
    most = zoomed(present, clicks, box, height, width, MOST_ENLARGE)
    return least.intersect(part) == least and part.intersect(most) == part


def guiding_maps(
    present: SoftMask | None, clicks: Sequence[Click], box: Box | None, part: Box, size: int = PATCH
) -> NDArray[np.float32]:
    """The guiding maps of a part of the frame.

    Args:
        part: of the frame that the patch shows.
        size: side of the patch in pixels.

    Returns:
        (size, size, 4) float32 in [0, 1], see `nets.clicks.MAPS`.
    """
    maps = np.zeros((4, size, size), np.float32)
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
    return np.ascontiguousarray(maps.transpose(1, 2, 0))
