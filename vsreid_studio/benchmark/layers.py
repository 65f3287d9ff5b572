"""A scene as flat layers: cut out of pictures, moved, and laid over each other with exact visibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Frame

Matrix = NDArray[np.float64]
"""(2, 3) float64, from a layer's pixels to those of the frame."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture with transparency.

    Attributes:
        colour: (h, w, 3) float32 RGB in [0, 255], times `alpha`.
        alpha: (h, w) float32 in [0, 1].
        instance: the number of the object that it shows, 0 for scenery.
    """

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]
    instance: int = 0

    @classmethod
    def opaque(cls, picture: NDArray[np.float32]) -> Layer:
        """Scenery without transparency, of a (h, w, 3) float32 picture."""
        return cls(picture, np.ones(picture.shape[:2], np.float32))

    def moved(self, matrix: Matrix, height: int, width: int) -> Layer:
        """The layer in a frame of height x width; what lies outside it is transparent."""
        stack = np.dstack([self.colour, self.alpha])
        moved = cv2.warpAffine(stack, matrix, (width, height), flags=cv2.INTER_LINEAR)
        placed = np.asarray(moved, np.float32)
        return Layer(placed[..., :3], placed[..., 3], self.instance)


def place(
    centre: tuple[float, float], at: tuple[float, float], scale: float = 1.0, degrees: float = 0.0
) -> Matrix:
    """The move that brings the layer's point `centre` to `at` (x, y), scaled and turned around it."""
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, degrees, scale), np.float64)
    matrix[:, 2] += np.subtract(at, centre)
    return matrix


def cut_out(picture: Frame, outline: Sequence[tuple[int, int]], band: int, instance: int) -> Layer:
    """Cut an object along a hand-drawn outline, which GrabCut refines within a band around it.

    Args:
        picture: (h, w, 3) uint8 RGB.
        outline: x, y corners of a polygon.
        band: pixels on either side of the outline that are left to GrabCut.
        instance: the object's number.
    """
    drawn = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.array(outline, np.int32)], (1,))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    # An object may run out of the picture: its border there is not to be eroded.
    inner = cv2.erode(drawn, disk, borderType=cv2.BORDER_REPLICATE)
    trimap = np.where(drawn == 1, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[inner == 1] = cv2.GC_FGD
    trimap[cv2.dilate(drawn, disk) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        np.ascontiguousarray(picture[..., ::-1]), trimap, (0, 0, 1, 1), *models, 4, cv2.GC_INIT_WITH_MASK
    )
    mask = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    # Median and erosion take away GrabCut's frayed edge and the rim of old background.
    clean = cv2.medianBlur((mask * 255).astype(np.uint8), 7)
    clean = cv2.erode(clean, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    alpha = np.asarray(cv2.GaussianBlur(clean.astype(np.float32) / 255, (0, 0), 1.0), np.float32)
    return Layer(picture * alpha[..., None], alpha, instance)


def render(
    layers: Sequence[tuple[Layer, Matrix]], height: int, width: int
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
    """Lay the layers over each other, the farthest first.

    Returns:
        The picture, (height, width, 3) float32 in [0, 255], and for each instance the share of every pixel
        in which it is seen, (height, width) float32 in [0, 1].
    """
    picture = np.zeros((height, width, 3), np.float32)
    seen: dict[int, NDArray[np.float32]] = {}
    for layer, matrix in layers:
        placed = layer.moved(matrix, height, width)
        through = 1 - placed.alpha
        picture = picture * through[..., None] + placed.colour
        seen = {number: share * through for number, share in seen.items()}
        if placed.instance:
            seen[placed.instance] = placed.alpha
    return picture, seen
