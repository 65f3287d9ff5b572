"""Clips of crossing pairs: the object of one sequence goes across another sequence and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, Frame, LabelMap
from .hidden import (
    BenchmarkClip,
    UnfitError,
    averaged,
    box_centres,
)

MAX_WIDTH, MAX_HEIGHT = 0.4, 0.75
"""The guest's greatest size, as shares of the frame."""
MIN_FRAMES = 24
"""Fewer leave no time to cross twice."""
MIN_SEEN = 0.75
"""Share of each instance that is seen in frame 0, for it is there that a person draws them."""


@dataclass(frozen=True, eq=False)
class PlacedObject:
    """The guest placed in one frame.

    Attributes:
        colour: (H, W, 3) float32, the guest's colours times `alpha`.
        alpha: (H, W) float32 in [0, 1], soft at the edge.
    """

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the guest makes up most of the pixel."""
        return np.asarray(self.alpha > 0.5)


def pair(
    frames_a: Sequence[Frame],
    masks_a: Sequence[NDArray[np.bool_]],
    frames_b: Sequence[Frame],
    masks_b: Sequence[NDArray[np.bool_]],
    seed: int = 0,
) -> BenchmarkClip:
    """Send the object of sequence B across sequence A and back: first in front of A's object, then behind it.

    Args:
        frames_a, frames_b: (H, W, 3) uint8 RGB each; the two sizes may differ.
        masks_a, masks_b: (H, W) bool each, the objects' visible pixels.
        seed: fixes side, heights and size.

    Returns:
        A clip as long as the shorter sequence. Instance 1 is A's object, 2 is B's, each without the pixels
        that the other one covers.

    Raises:
        UnfitError: a sequence is too short or starts without its object, or the two objects cannot stand
            apart in frame 0.
    """
    length = min(len(frames_a), len(frames_b))
    if length < MIN_FRAMES:
        raise UnfitError(f"{length} frames are too few for two objects to cross twice")
    if not masks_a[0].any() or not masks_b[0].any():
        raise UnfitError("an object is not in the first frame")
    rng = np.random.default_rng(seed)
    scale = _scale(masks_a, masks_b, length, rng)
    path = _path(masks_a, masks_b, scale, length, rng)
    layers = [place_object(frames_b[i], masks_b[i], masks_a[i].shape, scale, path[i]) for i in range(length)]
    _check_start(masks_a[0], layers[0].mask)
    turn = _turn(masks_a, layers)
    made = [_compose(frames_a[i], masks_a[i], layers[i], in_front=i < turn) for i in range(length)]
    return BenchmarkClip(tuple(frame for frame, _ in made), tuple(labels for _, labels in made))


def _scale(
    masks_a: Sequence[NDArray[np.bool_]],
    masks_b: Sequence[NDArray[np.bool_]],
    length: int,
    rng: np.random.Generator,
) -> float:
    """Gives B's object about the area of A's, within what the frame allows."""
    height, width = masks_a[0].shape
    areas = [np.median([int(mask.sum()) for mask in masks[:length]]) for masks in (masks_a, masks_b)]
    boxes = [box for mask in masks_b[:length] if (box := Box.around(mask))]
    widest, tallest = max(box.width for box in boxes), max(box.height for box in boxes)
    wanted = np.sqrt(areas[0] / max(1.0, float(areas[1]))) * rng.uniform(0.85, 1.15)
    return float(min(wanted, MAX_WIDTH * width / widest, MAX_HEIGHT * height / tallest))


def _path(
    masks_a: Sequence[NDArray[np.bool_]],
    masks_b: Sequence[NDArray[np.bool_]],
    scale: float,
    length: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(length, 2) x, y of the centre of B's box: from one side of the frame to the other and back.

    The height follows A's object, so that the two do meet.
    """
    height, width = masks_a[0].shape
    boxes = [box for mask in masks_b[:length] if (box := Box.around(mask))]
    half_w = scale * float(np.median([box.width for box in boxes])) / 2
    half_h = scale * float(np.median([box.height for box in boxes])) / 2
    first = Box.around(masks_a[0])
    assert first is not None
    side = 1.0 if first.x0 + first.x1 < width else -1.0
    reach = max(0.0, width / 2 - half_w - 4)
    swing = np.cos(2 * np.pi * np.arange(length) / length)
    track = averaged(box_centres(masks_a[:length]), reach=6)[:, 1] + rng.uniform(-0.25, 0.25) * half_h
    # Heights in which the guest is wholly in the frame.
    y = track.clip(min(half_h, height / 2), max(height - half_h, height / 2))
    return np.stack([width / 2 + side * reach * swing, y], axis=1)


def place_object(
    frame: Frame,
    mask: NDArray[np.bool_],
    shape: tuple[int, ...],
    scale: float,
    centre: NDArray[np.float64],
) -> PlacedObject:
    """Place an object in a frame.

    Args:
        frame: (h, w, 3) uint8 RGB, the picture that shows it.
        mask: (h, w) bool, the object.
        shape: (H, W) of the other frame.
        scale: size there by size here.
        centre: (2,) float64, where the centre of its box goes, x and y in pixels.
    """
    height, width = shape
    box = Box.around(mask)
    if box is None:
        return PlacedObject(np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32))
    # The outermost pixels hold some of B's background; leave them out, then soften.
    core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) if box.area > 900 else mask
    alpha = cv2.GaussianBlur(core.astype(np.float32), (0, 0), 0.8 / min(scale, 1.0))
    alpha *= mask
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    matrix = np.array([[scale, 0, centre[0] - scale * x], [0, scale, centre[1] - scale * y]])
    # Colours are warped times alpha, lest the background bleed in from outside the mask.
    stack = np.dstack([frame * alpha[..., None], alpha])
    moved = cv2.warpAffine(stack, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return PlacedObject(np.ascontiguousarray(moved[..., :3]), np.ascontiguousarray(moved[..., 3]))


def _check_start(mask: NDArray[np.bool_], guest: NDArray[np.bool_]) -> None:
    """Frame 0 must show most of both."""
    common = int((mask & guest).sum())
    if not guest.any() or common > (1 - MIN_SEEN) * min(int(mask.sum()), int(guest.sum())):
        raise UnfitError("the two objects cannot stand apart in the first frame")


def _turn(masks: Sequence[NDArray[np.bool_]], layers: Sequence[PlacedObject]) -> int:
    """The frame from which the guest is behind: where, halfway, the two overlap least, so that none jumps."""
    length = len(layers)
    middle = range(length // 3, 2 * length // 3)
    common = [int((masks[i] & layers[i].mask).sum()) for i in middle]
    least = min(common)
    ties = [i for i, overlap in zip(middle, common, strict=True) if overlap == least]
    return min(ties, key=lambda i: abs(i - length // 2))


def _compose(
    frame: Frame, mask: NDArray[np.bool_], layer: PlacedObject, *, in_front: bool
) -> tuple[Frame, LabelMap]:
    """The frame with the guest in front of A's object or behind it, and its label map."""
    labels = mask.astype(np.uint8)
    if in_front:
        cover = np.ones(mask.shape, np.float32)
        labels[layer.mask] = 2
    else:
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
        cover = np.where(mask, np.float32(0), np.float32(1) - soft)
        labels[layer.mask & ~mask] = 2
    alpha = (layer.alpha * cover)[..., None]
    picture = frame * (1 - alpha) + layer.colour * cover[..., None]
    return picture.round().clip(0, 255).astype(np.uint8), labels
