"""Connected components: small ones away from the instance are dropped after each patch.

They are false positives of propagation, which would grow with every further step. The paper keeps them. The
gain was not measured separately.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..algorithm.protocols import Patch, PatchMap, Scene
from ..types import Probability

_COARSE = 2**14
"""Pixels around the instance; from here on one more or less does not matter, and blocks of 2 x 2 pixels take
a quarter of the time."""


LATELY = 10
"""Frames over which an instance is seen well at least once, as a rule."""


@dataclass(frozen=True, slots=True)
class ConnectedComponents:
    """Drops components, see `without_small_components`.

    Attributes:
        gap: how far from the largest one a small one may lie.
    """

    gap: float

    def after_patch(self, scene: Scene, patch: Patch, found: PatchMap) -> PatchMap:
        """The map without what is dropped; `expected` is the greatest area in the last frames."""
        expected = 0
        if scene.source is not None:
            step = scene.source - scene.frame
            frames = range(scene.source, scene.source + LATELY * step, step)
            expected = max(scene.cells.mask(frame, patch.instance).area for frame in frames)
        share = found.probability.size / patch.box.area
        kept = without_small_components(found.probability, self.gap, expected * share)
        return replace(found, probability=kept)


def without_small_components(probability: Probability, gap: float, expected: float) -> Probability:
    """The map without small components far from its largest one.

    An instance that something thin hides in part falls into pieces, too, but they lie side by side.

    Args:
        probability: (h, w) float32 in [0, 1].
        gap: how far from the largest piece a smaller one may lie, as a share of the square root of the
            largest one's area. A piece of at least half that area stays wherever it is.
        expected: the instance's area when it was last seen well, in pixels. Where the largest piece has less
            than half of it, much of the instance is hidden: any piece may be what is left of it, so all stay.

    Returns:
        A map of the same shape; the same one where nothing is to be removed.
    """
    hard = (probability > 0.5).astype(np.uint8)
    *_, width, height = cv2.boundingRect(hard)
    # OpenCV crashes on maps without pixels.
    if not width:
        return probability
    step = 2 if width * height > _COARSE else 1
    kept = _kept(hard if step == 1 else _blocks(hard), gap, expected / step**2)
    if kept is None:
        return probability
    if step > 1:
        size = np.multiply(kept.shape[::-1], step)
        kept = cv2.resize(kept, size, interpolation=cv2.INTER_NEAREST)[: hard.shape[0], : hard.shape[1]]
    return np.asarray(cv2.copyTo(probability, kept), np.float32)


def _blocks(hard: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Which blocks of 2 x 2 pixels have one that is set."""
    height, width = hard.shape
    even = cv2.copyMakeBorder(hard, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)
    return (even[::2, ::2] | even[1::2, ::2]) | (even[::2, 1::2] | even[1::2, 1::2])


def _kept(hard: NDArray[np.uint8], gap: float, expected: float) -> NDArray[np.uint8] | None:
    """1 where the map may stay, None for everywhere; arguments as above, in pixels of `hard`."""
    x, y, width, height = cv2.boundingRect(hard)
    tight = np.s_[y : y + height, x : x + width]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard[tight], connectivity=8)
    if count <= 2:
        return None
    areas = stats[:, cv2.CC_STAT_AREA]
    largest = 1 + int(areas[1:].argmax())
    if areas[largest] < expected / 2:
        return None
    apart = np.ones_like(hard)
    apart[tight] = labels != largest
    # What is soft goes with the pieces: it would grow again from there.
    near = cv2.distanceTransform(apart, cv2.DIST_L2, 3) <= gap * float(np.sqrt(areas[largest]))
    kept = near.copy()
    for piece in range(1, count):
        left, top, wide, high, area = stats[piece]
        inside = np.s_[top : top + high, left : left + wide]
        own = labels[inside] == piece
        if area >= areas[largest] / 2 or (own & near[tight][inside]).any():
            kept[tight][inside] |= own
    return kept.view(np.uint8)
