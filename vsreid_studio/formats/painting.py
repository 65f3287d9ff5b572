"""Masks painted onto a frame: tinted inside, with an outline, as an overlay video shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, Frame, LabelMap

Rgb: TypeAlias = tuple[int, int, int]

_LINES = 240
"""Rows of a frame for each pixel of an outline's thickness."""


@dataclass(frozen=True, slots=True)
class Paint:
    """How masks are painted.

    Attributes:
        colours: of the instances; one without a colour is not painted.
        opacity: of the inside, in [0, 1].
        outline: whether each instance gets a line along its inner edge.
    """

    colours: Mapping[int, Rgb] = field(default_factory=dict)
    opacity: float = 0.45
    outline: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"an opacity lies between 0 and 1, not at {self.opacity}")


def rgb_of(colour: str) -> Rgb:
    """Of '#rrggbb'."""
    value = int(colour.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


def edges(labels: LabelMap, thickness: int) -> NDArray[np.bool_]:
    """The pixels of each region within `thickness` of another one; a frame's border is no edge."""
    shape = cv2.MORPH_RECT if thickness == 1 else cv2.MORPH_ELLIPSE
    kernel = cv2.getStructuringElement(shape, (2 * thickness + 1, 2 * thickness + 1))
    differs = cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)
    return differs & (labels > 0)


def painted(frame: Frame, labels: LabelMap, paint: Paint) -> Frame:
    """The frame with its masks over it.

    Args:
        frame: (H, W, 3) uint8 RGB; not changed.
        labels: (H, W) uint8.

    Returns:
        (H, W, 3) uint8 RGB, the same array when there is nothing to paint.
    """
    if frame.shape[:2] != labels.shape:
        raise ValueError(f"a frame of {frame.shape[:2]} and labels of {labels.shape}")
    visible = np.zeros(256, np.uint8)
    table = np.zeros((256, 3), np.uint8)
    for number, colour in paint.colours.items():
        visible[number], table[number] = number, colour
    shown = visible[labels]
    box = Box.around(shown > 0)
    if box is None:
        return frame
    height, width = labels.shape
    line = max(1, round(height / _LINES))
    # The outline needs what lies beside the box, or else its sides would look like a frame's border.
    part = Box(box.x0 - line, box.y0 - line, box.x1 + line, box.y1 + line).clip(height, width).slices
    picture = frame.copy()
    region, here = picture[part], shown[part]
    tint = table[here]
    mixed = cv2.addWeighted(region, 1 - paint.opacity, tint, paint.opacity, 0)
    np.copyto(region, mixed, where=(here > 0)[..., None])
    if paint.outline:
        np.copyto(region, tint, where=edges(here, line)[..., None])
    return picture
