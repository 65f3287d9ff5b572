"""A simulated person who clicks: always into the middle of the largest error (as in RITM)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.types import Click


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
