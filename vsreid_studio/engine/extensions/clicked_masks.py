"""Clicked masks: what the click network is told of the video, and what of its prediction is taken.

The network predicts a mask that is there anew. So a correction changes only the piece that was clicked, a box
bounds what it selects, and other instances keep their pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ..types import Box, Click, ClickContext, Frame, SoftMask

if TYPE_CHECKING:
    from ..video import Video

_HALF = 127
MOST_REMOVED = 0.5
"""The most that one click removes of a mask, as a share of its area."""
NEAR = 0.3
"""Radius around a click within which it may remove more, as a share of the square root of the area."""
APART = 0.2
"""How far a piece may lie from the clicked ones, as a share of the square root of their area."""
BOX_MARGIN = 0.05
"""How far an object may reach out of a person's box, on each side, as a share of the box's size."""


def context_in(
    video: Video,
    frame: int,
    others: Sequence[SoftMask] = (),
    trusted: tuple[int, SoftMask] | None = None,
) -> ClickContext:
    """The context of a frame of a video; without motion where the frame beside it cannot be read.

    Args:
        others: masks of other instances in the frame.
        trusted: another frame's number, and the instance's mask there, which is not empty.

    Raises:
        UserError: the trusted frame cannot be read.
    """
    beside = neighbour(frame, video.length)
    moved: Frame | None = None
    if beside is not None:
        # A damaged frame must not keep a person from the ones next to it.
        with suppress(UserError):
            moved = video.frame(beside)
    return ClickContext(
        tuple(others),
        moved,
        None if trusted is None else (video.frame(trusted[0]), trusted[1]),
    )


def neighbour(frame: int, length: int) -> int | None:
    """The frame to which the motion in a frame is measured: the next one, or the one before the last."""
    return frame + 1 if frame + 1 < length else frame - 1 if frame else None


def changed_at(before: SoftMask, after: SoftMask, clicks: Sequence[Click]) -> SoftMask:
    """Only what a click has changed where it was made: a mask that is there is not drawn again elsewhere.

    A part that was connected to the object by nothing but what a click removes goes with it, if it is
    smaller. A click never removes more than `MOST_REMOVED` of a mask, except close to where it was made.

    Args:
        before: the mask before the last click.
        after: the network's prediction.
        clicks: all so far; the last one is the one that changes the mask.

    Returns:
        `before`, with the connected piece that differs and holds the last click taken from `after`; all of
        `after` where nothing differs there.
    """
    region = before.box.union(after.box) if before.box.area and after.box.area else before.box
    old, new = before.stored(region), after.stored(region)
    differs = (old > _HALF) != (new > _HALF)
    places = [(int(click.x) - region.x0, int(click.y) - region.y0) for click in clicks]
    x, y = places[-1]
    if not (0 <= x < region.width and 0 <= y < region.height and differs[y, x]):
        return after
    _, pieces = cv2.connectedComponents(differs.astype(np.uint8))
    taken = pieces == pieces[y, x]
    if clicks[-1].adds or not old[y, x] > _HALF:
        return SoftMask.tight(np.where(taken, new, old), (region.x0, region.y0))
    held = [place for place, click in zip(places, clicks, strict=True) if click.adds]
    removed = taken & (old > _HALF)
    if np.count_nonzero(removed) <= MOST_REMOVED * before.area:
        cut_off = _cut_off(old > _HALF, removed, held)
        removed |= cut_off
        new, taken = np.where(cut_off, 0, new).astype(np.uint8), taken | cut_off
    if np.count_nonzero(removed) > MOST_REMOVED * before.area:
        near = np.zeros(taken.shape, np.uint8)
        cv2.circle(near, (x, y), int(NEAR * before.area**0.5), 1, -1)
        taken &= near > 0
    return SoftMask.tight(np.where(taken, new, old), (region.x0, region.y0))


def _cut_off(
    old: NDArray[np.bool_], removed: NDArray[np.bool_], held: Sequence[tuple[int, int]]
) -> NDArray[np.bool_]:
    """Parts that a removal separates from the object: none is larger than the removal or holds a click.

    Args:
        old: (H, W), the mask before.
        removed: (H, W), part of a connected part of it.
        held: (x, y) of the clicks that add; some may lie outside.
    """
    rest = (old & ~removed).astype(np.uint8)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(rest)
    areas = statistics[:, cv2.CC_STAT_AREA]
    around = cv2.dilate(removed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    beside = np.unique(parts[around])
    beside = beside[beside > 0]
    goes = np.zeros(len(areas), np.bool_)
    goes[beside] = areas[beside] <= np.count_nonzero(removed)
    if beside.size:
        # The largest part is the object.
        goes[beside[areas[beside].argmax()]] = False
    height, width = old.shape
    for x, y in held:
        if 0 <= x < width and 0 <= y < height:
            goes[parts[y, x]] = False
    found: NDArray[np.bool_] = goes[parts] if goes.any() else np.zeros_like(old)
    return found


def near_clicks(mask: SoftMask, clicks: Sequence[Click]) -> SoftMask:
    """A mask without the pieces far from the clicked ones: of a crowd, the network selects parts of many.

    A piece close to the clicked ones stays: something in front of an object may divide it.

    Returns:
        `mask` itself where nothing goes, or where no click that adds lies on it.
    """
    if not mask.area:
        return mask
    values = mask.stored(mask.box)
    selected = values > _HALF
    _, pieces = cv2.connectedComponents(selected.astype(np.uint8))
    places = [(int(one.x), int(one.y)) for one in clicks if one.adds]
    held = {int(pieces[y - mask.box.y0, x - mask.box.x0]) for x, y in places if mask.covers(x, y)} - {0}
    if not held:
        return mask
    clicked = np.isin(pieces, list(held))
    distances = cv2.distanceTransform((~clicked).astype(np.uint8), cv2.DIST_L2, 3)
    close = np.unique(pieces[selected & (distances <= APART * np.count_nonzero(clicked) ** 0.5)])
    gone = selected & ~np.isin(pieces, close)
    if not gone.any():
        return mask
    return SoftMask.tight(np.where(gone, np.uint8(0), values), (mask.box.x0, mask.box.y0))


def bounded(mask: SoftMask, box: Box, clicks: Sequence[Click]) -> SoftMask:
    """A mask without what lies outside the person's box, unless a click adds there."""
    bounds = box.enlarge(BOX_MARGIN)
    inside = [bounds.x0 <= one.x < bounds.x1 and bounds.y0 <= one.y < bounds.y1 for one in clicks if one.adds]
    part = mask.box.intersect(bounds)
    if part == mask.box or not all(inside):
        return mask
    return SoftMask.tight(mask.stored(part), (part.x0, part.y0)) if part.area else SoftMask.empty()


def beside_others(
    mask: SoftMask, before: SoftMask | None, others: Iterable[SoftMask], clicks: Sequence[Click]
) -> SoftMask:
    """What clicks or a box have selected, without the pixels of other instances.

    Where two touch the click network may select both, although it knows the masks of the others.

    Args:
        mask: what the clicks and the box have made.
        before: the mask before the first click, if any. Pixels that it shares with others stay.
        others: masks of other instances in the same frame that a person has drawn. One is ignored if a click
            adds on it, or if there is only a box and it covers more than half of `mask`: the person wants
            those pixels.
        clicks: all that were made.
    """
    values = mask.stored(mask.box)
    selected, adds = values > _HALF, [one for one in clicks if one.adds]
    taken = np.zeros_like(selected)
    for other in others:
        if not other.box.intersect(mask.box).area:
            continue
        there = other.stored(mask.box) > _HALF
        wanted = any(other.covers(int(one.x), int(one.y)) for one in adds)
        if not adds:
            wanted = bool(2 * np.count_nonzero(there & selected) > np.count_nonzero(selected))
        if not wanted:
            taken |= there
    if not taken.any():
        return mask
    # The rim of another instance is not wanted either: a piece goes that is mostly of others and not clicked.
    count, pieces = cv2.connectedComponents(selected.astype(np.uint8))
    areas, shares = (np.bincount(pieces[part], minlength=count) for part in (selected, taken & selected))
    goes = 2 * shares > areas
    for one in adds:
        if mask.covers(int(one.x), int(one.y)):
            goes[pieces[int(one.y) - mask.box.y0, int(one.x) - mask.box.x0]] = False
    taken |= goes[pieces]
    if before is not None:
        taken &= before.stored(mask.box) <= _HALF
    return SoftMask.tight(np.where(taken, np.uint8(0), values), (mask.box.x0, mask.box.y0))
