"""Training samples of N_det: a picture at another place, scale and light, with objects pasted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.types import Frame, LabelMap
from ..clips import degrade, relight
from ..public import Annotated
from .data import boxes_of

GREY = (127, 127, 127)
"""What the networks read as zero."""
LEAST_VISIBLE = 0.3
"""An object counts while this share of it can be seen."""
LEAST_SIDE = 8
"""And its box is this many pixels wide and high."""


@dataclass(frozen=True, eq=False)
class DetectionSample:
    """One training picture.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        boxes: (n, 4) float32, x0 y0 x1 y1 in pixels, half open.
        complete: whether other places are background for certain.
    """

    frame: Frame
    boxes: NDArray[np.float32]
    complete: bool


class DetectionSampleMaker:
    """Draws training pictures of one size.

    Attributes:
        groups: of pictures; one is drawn in proportion to the square root of its size, so that small varied
            sets are not drowned by long sequences.
        height, width: of the samples, in pixels.
    """

    def __init__(self, groups: Sequence[Sequence[Annotated]], height: int, width: int) -> None:
        self.groups = groups
        self.height = height
        self.width = width
        weights = np.sqrt([len(group) for group in groups])
        self._shares = weights / weights.sum()

    def sample(self, rng: Generator) -> DetectionSample:
        """One picture with up to three objects pasted in."""
        scene = self._draw(rng)
        frame, labels, zoom = self._place(rng, scene)
        # Area that each object would have here if all of it were seen.
        whole = np.bincount(scene.labels.ravel(), minlength=256).astype(np.float64) * zoom
        frame = relight(rng, frame)
        for _ in range(int(rng.choice(4, p=(0.4, 0.25, 0.2, 0.15)))):
            frame, labels = self._paste(rng, frame, labels, whole)
        boxes = visible_boxes(labels, whole)
        return DetectionSample(degrade(rng, frame), boxes, scene.complete)

    def _draw(self, rng: Generator) -> Annotated:
        group = self.groups[int(rng.choice(len(self.groups), p=self._shares))]
        return group[int(rng.integers(len(group)))]

    def _place(self, rng: Generator, scene: Annotated) -> tuple[Frame, LabelMap, float]:
        """The picture somewhere in the sample, its labels, and by how much areas grew."""
        height, width = scene.labels.shape
        scale = self.height / min(height, width) * np.exp(rng.uniform(-0.35, 0.6))
        aspect = np.exp(rng.uniform(-0.15, 0.15))
        across, down = scale * aspect, scale / aspect
        left = rng.uniform(*sorted((0.0, self.width - width * across)))
        top = rng.uniform(*sorted((0.0, self.height - height * down)))
        matrix = np.array([[across, 0, left], [0, down, top]])
        if rng.random() < 0.5:
            matrix[0] = [-across, 0, left + width * across]
        return self._warp(scene.frame, matrix, GREY), self._warp(scene.labels, matrix), float(across * down)

    def _warp(
        self, image: NDArray[np.uint8], matrix: NDArray[np.float64], border: tuple[int, ...] | None = None
    ) -> NDArray[np.uint8]:
        method = cv2.INTER_NEAREST if border is None else cv2.INTER_LINEAR
        size = self.width, self.height
        warped = cv2.warpAffine(image, matrix, size, flags=method, borderValue=border or (0,))
        return warped.astype(np.uint8, copy=False)

    def _paste(
        self, rng: Generator, frame: Frame, labels: LabelMap, whole: NDArray[np.float64]
    ) -> tuple[Frame, LabelMap]:
        donor = self._draw(rng)
        boxes = boxes_of(donor.labels)
        free = np.flatnonzero(whole[1:255] == 0)
        boxes = {number: box for number, box in boxes.items() if min(box.width, box.height) >= 16}
        if not boxes or not free.size:
            return frame, labels
        number = int(rng.choice(list(boxes)))
        box = boxes[number]
        side = np.exp(rng.uniform(np.log(self.height / 12), np.log(self.height * 0.85)))
        scale = side / max(box.width, box.height)
        left = rng.uniform(-0.3 * box.width * scale, self.width - 0.7 * box.width * scale) - box.x0 * scale
        top = rng.uniform(-0.3 * box.height * scale, self.height - 0.7 * box.height * scale) - box.y0 * scale
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        if rng.random() < 0.5:
            matrix[0] = [-scale, 0, left + (box.x0 + box.x1) * scale]
        mask = (donor.labels == number).astype(np.uint8) * np.uint8(255)
        soft = cv2.GaussianBlur(self._warp(mask, matrix, (0,)), (3, 3), 0)[..., None] / np.float32(255)
        picture = self._warp(relight(rng, donor.frame), matrix, GREY)
        mixed = np.rint(picture * soft + frame * (1 - soft)).astype(np.uint8)
        name = int(free[0]) + 1
        whole[name] = np.count_nonzero(mask) * scale * scale
        return mixed, np.where(soft[..., 0] > 0.5, np.uint8(name), labels)


def visible_boxes(labels: LabelMap, whole: NDArray[np.float64]) -> NDArray[np.float32]:
    """The boxes of objects of which enough is seen.

    Args:
        labels: (H, W) uint8 object numbers.
        whole: (256,) pixels of each object if nothing hid it.

    Returns:
        (n, 4) float32, x0 y0 x1 y1, half open.
    """
    seen = np.bincount(labels.ravel(), minlength=256)
    rows = [
        (box.x0, box.y0, box.x1, box.y1)
        for number, box in boxes_of(labels).items()
        if seen[number] >= LEAST_VISIBLE * whole[number] and min(box.width, box.height) >= LEAST_SIDE
    ]
    return np.array(rows, np.float32).reshape(-1, 4)
