"""Crops that N_reid is trained on: boxes as a detector draws them, half hidden, lit otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.types import Frame
from ..clips import degrade, relight
from .data import Crops, ObjectView, draw


class CropMaker:
    """Draws the crops of a step.

    Attributes:
        identities: views of each.
        size: side of the crops, in pixels.
        count: identities a step, each with two crops and up to one stranger.
        jitter: how far an edge of the box is off at most, as a share of the box's side.
    """

    def __init__(
        self, identities: Sequence[Sequence[ObjectView]], size: int, count: int, jitter: float = 0.12
    ) -> None:
        self.identities = identities
        self.size = size
        self.count = count
        self.jitter = jitter

    def crops(self, rng: Generator) -> Crops:
        """Two crops of each of `count` identities, and a stranger from the picture of each."""
        pictures: list[Frame] = []
        names: list[int] = []
        for number in draw(rng, self.identities, self.count, 0.4):
            views = self.identities[number]
            pair = [views[int(n)] for n in rng.choice(len(views), 2, replace=len(views) < 2)]
            pictures += [self.changed(rng, view) for view in pair]
            names += [number, number]
            if pair[0].strangers:
                pictures.append(degrade(rng, relight(rng, self._stranger(rng, pair[0]))))
                names.append(-1)
        return Crops(np.stack(pictures), np.array(names, np.int64))

    def plain(self, view: ObjectView) -> Frame:
        """(size, size, 3): the box as it is, as the trained network will see it."""
        part = np.ascontiguousarray(view.frame[view.box.slices])
        return self._square(part)

    def changed(self, rng: Generator, view: ObjectView) -> Frame:
        """(size, size, 3): the box, jittered, under another light, perhaps before another background."""
        matrix = self._matrix(rng, view)
        place = (self.size, self.size)
        border = cv2.BORDER_REPLICATE
        warped = cv2.warpAffine(view.frame, matrix, place, flags=cv2.INTER_LINEAR, borderMode=border)
        frame: Frame = warped.astype(np.uint8, copy=False)
        if rng.random() < 0.3:
            mask = cv2.warpAffine(view.mask.astype(np.uint8), matrix, place, flags=cv2.INTER_LINEAR)
            soft = cv2.GaussianBlur(mask.astype(np.float32), (5, 5), 0)[..., None]
            ground = self._stranger(rng, self._anyone(rng))
            frame = np.rint(frame * soft + ground * (1 - soft)).astype(np.uint8)
        if rng.random() < 0.35:
            frame = self._hidden(rng, frame)
        if rng.random() < 0.25:
            small = int(self.size * rng.uniform(0.2, 0.7))
            frame = self._square(
                cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA).astype(np.uint8)
            )
        return degrade(rng, relight(rng, frame))

    def _matrix(self, rng: Generator, view: ObjectView) -> NDArray[np.float64]:
        """From pixels of the view to pixels of the crop: jitter, flip, a little rotation."""
        box = view.box
        left, right = rng.uniform(-self.jitter, self.jitter, 2) * box.width
        top, bottom = rng.uniform(-self.jitter, self.jitter, 2) * box.height
        across = self.size / max(8.0, box.width - left + right)
        down = self.size / max(8.0, box.height - top + bottom)
        matrix = np.array(
            [[across, 0, -(box.x0 + left) * across], [0, down, -(box.y0 + top) * down], [0, 0, 1]]
        )
        if rng.random() < 0.5:
            matrix = np.array([[-1, 0, self.size], [0, 1, 0], [0, 0, 1]]) @ matrix
        if rng.random() < 0.4:
            middle = (self.size / 2, self.size / 2)
            turn = cv2.getRotationMatrix2D(middle, rng.uniform(-12, 12), 1.0)
            matrix = np.vstack([turn, [0, 0, 1]]) @ matrix
        result: NDArray[np.float64] = matrix[:2]
        return result

    def _hidden(self, rng: Generator, frame: Frame) -> Frame:
        """Something else covers a part, from a side or in the middle."""
        cover = self._stranger(rng, self._anyone(rng))
        wide, high = (int(v) for v in rng.uniform(0.25, 0.65, 2) * self.size)
        if rng.random() < 0.4:
            high = self.size
        x, y = int(rng.integers(self.size - wide + 1)), int(rng.integers(self.size - high + 1))
        frame = frame.copy()
        frame[y : y + high, x : x + wide] = cover[y : y + high, x : x + wide]
        return frame

    def _anyone(self, rng: Generator) -> ObjectView:
        views = self.identities[int(rng.integers(len(self.identities)))]
        return views[int(rng.integers(len(views)))]

    def _stranger(self, rng: Generator, view: ObjectView) -> Frame:
        if not view.strangers:
            return np.full((self.size, self.size, 3), rng.integers(40, 200, 3), np.uint8)
        return self._square(view.strangers[int(rng.integers(len(view.strangers)))])

    def _square(self, picture: NDArray[np.uint8]) -> Frame:
        shrinks = picture.shape[0] * picture.shape[1] > self.size * self.size
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(picture, (self.size, self.size), interpolation=method).astype(np.uint8, copy=False)
