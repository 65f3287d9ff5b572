"""J and F of one object in one frame, figures of a series, and a robot that clicks into the largest error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.types import Box, Click, read_only

_TOLERANCE = 0.008
"""How far off a boundary may be, as a share of the frame's diagonal."""


@dataclass(frozen=True)
class Statistics:
    """What a series of per-frame values in [0, 1] comes to.

    Attributes:
        mean: of all frames.
        recall: the share of frames above 0.5.
        decay: mean of the first quarter minus mean of the last; negative for a result that gets better.
    """

    mean: float
    recall: float
    decay: float


def statistics(values: Sequence[float] | NDArray[np.float64]) -> Statistics:
    """Mean, recall and decay of a series of one value or more.

    Raises:
        ValueError: the series is empty.
    """
    series = np.asarray(values, np.float64)
    if not series.size:
        raise ValueError("statistics of an empty series")
    # The quarters share their edge frames. The official program keeps these indices in 8 bits, which breaks
    # its decay from 256 frames on; here they stay whole.
    edges = np.round(np.linspace(1, series.size, 5) + 1e-10).astype(int) - 1
    first, last = series[edges[0] : edges[1] + 1], series[edges[3] : edges[4] + 1]
    return Statistics(
        float(series.mean()), float((series > 0.5).mean()), float(first.mean()) - float(last.mean())
    )


def jaccard(truth: NDArray[np.bool_], result: NDArray[np.bool_]) -> float:
    """Region similarity J: intersection over union.

    Args:
        truth, result: (H, W) bool.

    Returns:
        A value in [0, 1]; 1 when both are empty.
    """
    _same_shape(truth, result)
    union = np.count_nonzero(truth | result)
    return np.count_nonzero(truth & result) / union if union else 1.0


def boundary_f(truth: NDArray[np.bool_], result: NDArray[np.bool_]) -> float:
    """Boundary accuracy F: harmonic mean of the boundaries' precision and recall.

    A boundary pixel counts as met when the other boundary has one within 0.8 % of the frame's diagonal.

    Args:
        truth, result: (H, W) bool.

    Returns:
        A value in [0, 1]; 1 when neither has a boundary, 0 when only one has.
    """
    _same_shape(truth, result)
    height, width = truth.shape
    radius = math.ceil(_TOLERANCE * math.hypot(height, width))
    true_edge, found_edge = _boundary(truth), _boundary(result)
    true_box, found_box = Box.around(true_edge), Box.around(found_edge)
    if true_box is None and found_box is None:
        return 1.0
    if true_box is None or found_box is None:
        return 0.0
    # Nothing outside the boundaries, grown by the radius, can take part in a match.
    both = true_box.union(found_box)
    part = Box(both.x0 - radius, both.y0 - radius, both.x1 + radius, both.y1 + radius)
    inside = part.clip(height, width).slices
    true_edge, found_edge = true_edge[inside], found_edge[inside]
    precision = _met(found_edge, true_edge, radius)
    recall = _met(true_edge, found_edge, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that differ from their east, south or south-east neighbour: (H, W) bool.

    The last row is compared eastwards only, the last column southwards only; the frame's edge is no boundary.
    """
    edge = np.zeros(mask.shape, np.bool_)
    edge[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def _met(edge: NDArray[np.bool_], other: NDArray[np.bool_], radius: int) -> float:
    """The share of an edge's pixels with a pixel of the other within the radius."""
    near = cv2.dilate(np.ascontiguousarray(other).view(np.uint8), _disk(radius))
    return np.count_nonzero(edge & near.view(np.bool_)) / np.count_nonzero(edge)


@lru_cache(maxsize=16)
def _disk(radius: int) -> NDArray[np.uint8]:
    """(2 r + 1, 2 r + 1) uint8, 1 where x^2 + y^2 <= r^2: rounder than OpenCV's own ellipse."""
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return read_only((x * x + y * y <= radius * radius).astype(np.uint8))


def _same_shape(truth: NDArray[np.bool_], result: NDArray[np.bool_]) -> None:
    if truth.shape != result.shape:
        raise ValueError(f"a truth of shape {truth.shape} and a result of shape {result.shape}")
    if truth.dtype != np.bool_ or result.dtype != np.bool_:
        raise ValueError(f"maps are bool, not {truth.dtype} and {result.dtype}")


def next_click(
    found: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    before: Sequence[Click] = (),
    ignored: NDArray[np.bool_] | None = None,
    random: Generator | None = None,
) -> Click | None:
    """The next click of a person who wants `truth` and sees `found`.

    Args:
        found: (H, W) bool, the mask that is there.
        truth: (H, W) bool.
        before: earlier clicks; none is made again.
        ignored: (H, W) bool, pixels that do not count, or None.
        random: for training: the click falls somewhere near the middle instead of into it.

    Returns:
        A click at the centre of a pixel; None where nothing is wrong.
    """
    counted = np.ones_like(truth) if ignored is None else ~ignored
    missing = _depth(truth & ~found & counted, before)
    excess = _depth(~truth & found & counted, before)
    adds = bool(missing.max() >= excess.max())
    depth = missing if adds else excess
    deepest = float(depth.max())
    if deepest <= 0:
        return None
    if random is None:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    else:
        rows, columns = np.nonzero(depth >= deepest * random.uniform(0.3, 1.0))
        chosen = int(random.integers(len(rows)))
        y, x = rows[chosen], columns[chosen]
    return Click(float(x), float(y), adds)


def _depth(error: NDArray[np.bool_], before: Sequence[Click]) -> NDArray[np.float32]:
    """(H, W) float32: each wrong pixel's distance to the next right one; the frame's edge counts as right."""
    depth = np.zeros(error.shape, np.float32)
    x, y, width, height = cv2.boundingRect(error.view(np.uint8))
    if not width:
        return depth
    part = np.pad(error[y : y + height, x : x + width].astype(np.uint8), 1)
    depth[y : y + height, x : x + width] = cv2.distanceTransform(part, cv2.DIST_L2, 5)[1:-1, 1:-1]
    for click in before:
        depth[int(click.y), int(click.x)] = 0
    return depth
