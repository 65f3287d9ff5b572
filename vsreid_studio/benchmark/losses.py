"""Other ways to lose an object: behind a picture, at the edge of the frame, or beside a look-alike."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, Frame
from .hidden import (
    CONTEXT,
    USUAL_GAP,
    BenchmarkClip,
    GapPlan,
    UnfitError,
    box_centres,
    gap_begin,
    hide,
)
from .pairs import place_object

ROOM = 0.25
"""How far the picture on a distractor panel reaches beyond the other object, as a share of its box."""
WINDOW = (0.62, 0.5, 0.42)
"""Sides of the window that `leave` shows, as shares of the frame's: the first that fits beside the object."""
APART = 1.15
"""Distance of the two centres of `lookalike`, in widths of the object."""
LEAST_COPY = 0.5
"""Share of the object that its copy shows in frame 0, where a person draws both."""


def distract(
    frames: Sequence[Frame],
    masks: Sequence[NDArray[np.bool_]],
    other_frames: Sequence[Frame],
    other_masks: Sequence[NDArray[np.bool_]],
    plan: GapPlan = USUAL_GAP,
) -> BenchmarkClip:
    """Hide the object behind a panel that shows the object of another sequence, still or moving.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        masks: (H, W) bool each.
        other_frames, other_masks: of the sequence that the panel shows.
        plan: of the gap.

    Raises:
        UnfitError: see `hidden.hide`; or the other sequence does not show its object.
    """
    rng = np.random.default_rng([plan.seed, 1])
    seen = [number for number, mask in enumerate(other_masks) if mask.any()]
    if not seen:
        raise UnfitError("the object of the other sequence is never seen")
    first = seen[int(rng.integers(len(seen)))]
    box = Box.around(other_masks[first])
    assert box is not None
    part = box.enlarge(ROOM).clip(*other_masks[first].shape)
    moving = rng.random() < 0.5
    shown = (
        [frame[part.slices] for frame in other_frames[first:]]
        if moving
        else [other_frames[first][part.slices]]
    )
    return hide(frames, masks, plan=plan, shown=shown)


def leave(
    frames: Sequence[Frame],
    masks: Sequence[NDArray[np.bool_]],
    plan: GapPlan = USUAL_GAP,
) -> BenchmarkClip:
    """Let the object leave at the frame's edge and come back elsewhere in the frame.

    The clip shows a window of the frames, enlarged to their size, that pans off the object and back on to it.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        masks: (H, W) bool each.
        plan: of the gap; each pan takes `plan.slide` frames.

    Raises:
        UnfitError: the sequence is too short, or no window passes the object.
    """
    rng = np.random.default_rng([plan.seed, 2])
    gap_length, slide = plan.length, plan.slide
    height, width = masks[0].shape
    total = len(frames)
    if total < gap_length + 2 * (CONTEXT + slide):
        raise UnfitError(f"{total} frames leave no {CONTEXT} before and after a gap of {gap_length}")
    if not masks[0].any():
        raise UnfitError("the object is not in the first frame")
    start = int(rng.integers(CONTEXT + slide, total - gap_length - CONTEXT - slide + 1))
    for share in WINDOW:
        size = np.array([round(share * width), round(share * height)])
        aside = _beside(masks[start - slide : start + gap_length + slide], size, rng)
        if aside is not None:
            break
    else:
        raise UnfitError("the object leaves no room beside it")
    limit = np.array([width, height]) - size
    # On the object before and after, each time with the object in another part of the window.
    offsets = rng.uniform(0.3, 0.7, (2, 2)) * size
    follow = [(box_centres(masks) - offset).clip(0, limit) for offset in offsets]
    path = np.concatenate(
        [
            follow[0][: start - slide],
            _pan(follow[0][start - slide], aside[0], slide),
            aside[slide:-slide],
            _pan(follow[1][start + gap_length + slide - 1], aside[-1], slide)[::-1],
            follow[1][start + gap_length + slide :],
        ]
    )
    shown, labels = [], []
    for frame, mask, (x, y) in zip(frames, masks, path.round().astype(int), strict=True):
        window = np.s_[y : y + size[1], x : x + size[0]]
        shown.append(_enlarged(frame[window], width, height))
        labels.append((_enlarged(mask[window].astype(np.uint8) * 255, width, height) > 127).astype(np.uint8))
    if any(label.any() for label in labels[start : start + gap_length]):
        raise UnfitError("the object reaches into the window throughout")
    return BenchmarkClip(tuple(shown), tuple(labels))


def lookalike(
    frames: Sequence[Frame],
    masks: Sequence[NDArray[np.bool_]],
    plan: GapPlan = USUAL_GAP,
) -> BenchmarkClip:
    """Put a mirrored copy of the object beside it, hide both, and let only the object (instance 1) come back.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        masks: (H, W) bool each.
        plan: of the gap.

    Returns:
        A clip of instances 1, the object, and 2, its copy, which is not seen any more from the gap on.

    Raises:
        UnfitError: see `hidden.hide`; or there is no room beside the object.
    """
    rng = np.random.default_rng([plan.seed, 3])
    start = gap_begin(masks, None, plan, rng)
    height, width = masks[0].shape
    centres = box_centres(masks)
    boxes = [box for mask in masks if (box := Box.around(mask)) is not None]
    wide = float(np.median([box.width for box in boxes]))
    sides = [side for side in (-1, 1) if _fits(centres[:start, 0] + side * APART * wide, wide, width)]
    if not sides:
        raise UnfitError("there is no room for a look-alike beside the object")
    apart = np.array([sides[int(rng.integers(len(sides)))] * APART * wide, 0])
    # The copy is some frames behind, so that the two do not move in step, and its light differs a little.
    behind = int(rng.integers(4, 9))
    tint = rng.uniform(0.92, 1.08, 3).astype(np.float32)
    pictures, hidden, labels = list(frames), list(masks), [mask.astype(np.uint8) for mask in masks]
    for number in range(start + plan.length):
        source = max(0, number - behind)
        frame, mask = (
            np.ascontiguousarray(frames[source][:, ::-1]),
            np.ascontiguousarray(masks[source][:, ::-1]),
        )
        copy = place_object(frame, mask, (height, width), 1.0, centres[number] + apart)
        free = ~masks[number]
        alpha, colour = copy.alpha * free, copy.colour * tint * free[..., None]
        pictures[number] = (frames[number] * (1 - alpha[..., None]) + colour).clip(0, 255).astype(np.uint8)
        hidden[number] = masks[number] | copy.mask
        labels[number][copy.mask & free] = 2
    if (labels[0] == 2).sum() < LEAST_COPY * masks[0].sum():
        raise UnfitError("there is no room for a look-alike beside the object")
    return hide(pictures, hidden, start, plan=plan, labels=labels)


def _beside(
    masks: Sequence[NDArray[np.bool_]], size: NDArray[np.int_], rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """(n, 2) corners of windows that do not touch the objects, all on one side of them; None without room."""
    height, width = masks[0].shape
    gone = Box(0, 0, 0, 0)
    boxes = [Box.around(mask) or gone for mask in masks]
    edges = np.array([[box.x0, box.y0, box.x1, box.y1] for box in boxes], np.float64)
    limit = np.array([width, height], np.float64) - size
    middle = ((edges[:, :2] + edges[:, 2:] - size) / 2).clip(0, limit)
    found = []
    for axis in (0, 1):
        for corner in (edges[:, axis] - size[axis] - 2, edges[:, axis + 2] + 2):
            if (corner >= 0).all() and (corner <= limit[axis]).all():
                path = middle.copy()
                path[:, axis] = corner
                found.append(path)
    return found[int(rng.integers(len(found)))] if found else None


def _pan(start: NDArray[np.float64], end: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """(steps, 2) corners from `start` on, which are not yet at `end`."""
    ways = np.linspace(0, 1, steps, endpoint=False)[:, None]
    return np.asarray(start + ways * (end - start), np.float64)


def _enlarged(part: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    enlarged = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, np.uint8)


def _fits(centres: NDArray[np.float64], size: float, limit: int) -> bool:
    return bool((centres - size / 2 >= 0).all() and (centres + size / 2 <= limit).all())
