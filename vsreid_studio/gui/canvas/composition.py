"""What lies over a frame, worked out on the thread that decodes it, so that the window only has to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ...engine.types import Box, Frame, SoftMask
from .overlay import Argb, ComposedMasks, Style, compose_neighbour, union


def halved(frame: Frame, level: int) -> Frame:
    """A frame halved `level` times, as Qt would skip pixels of one that is shown much smaller.

    Args:
        frame: (H, W, 3) uint8.

    Returns:
        (max(1, H // 2**level), max(1, W // 2**level), 3) uint8, contiguous; the same array for level 0.
    """
    height, width = frame.shape[:2]
    size = max(1, width >> level), max(1, height >> level)
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if level else frame
    return np.ascontiguousarray(small, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class OnionSkin:
    """The onion skin: the masks of a neighbour frame as pixels.

    Attributes:
        masks: the maps by instance number.
        style: how they are shown.
        box: where in the frame; empty where there is nothing to show.
        pixels: (box.height, box.width) premultiplied ARGB.
    """

    masks: Mapping[int, SoftMask]
    style: Style
    box: Box
    pixels: Argb

    @classmethod
    def of(cls, masks: Mapping[int, SoftMask], height: int, width: int, style: Style) -> OnionSkin:
        """Compose the masks beside a frame of height x width pixels; from any thread."""
        bounds = Box(0, 0, width, height)
        box = union(mask.box.intersect(bounds) for mask in masks.values())
        pixels = compose_neighbour(masks, box, style) if box.area else np.zeros((0, 0), np.uint32)
        return cls(masks, style, box, pixels)

    def shows(self, masks: Mapping[int, SoftMask], style: Style) -> bool:
        """Whether these are the pixels of the very same masks."""
        same = self.masks.keys() == masks.keys() and all(self.masks[k] is masks[k] for k in masks)
        return same and self.style == style


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A frame ready to be drawn.

    Attributes:
        masks: over the frame.
        skin: the neighbour's masks, None where the onion skin is not shown.
        level: how often `small` is halved.
        small: the frame, halved.
    """

    masks: ComposedMasks
    skin: OnionSkin | None
    level: int
    small: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """What is to be composed over a frame; made on the window's thread and called on any.

    Attributes:
        masks: the frame's maps by instance number.
        neighbour: those of the onion skin, None for no skin.
        style: how they are shown.
        level: how often the frame is halved.
    """

    masks: Mapping[int, SoftMask]
    neighbour: Mapping[int, SoftMask] | None
    style: Style
    level: int

    def __call__(self, frame: Frame) -> Composed:
        """Compose a (H, W, 3) uint8 frame's picture."""
        height, width = frame.shape[:2]
        return Composed(
            ComposedMasks.of(self.masks, height, width, self.style),
            None if self.neighbour is None else OnionSkin.of(self.neighbour, height, width, self.style),
            self.level,
            halved(frame, self.level),
        )
