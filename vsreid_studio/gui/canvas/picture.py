"""The frame with what lies over it: composed in parts, drawn in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from ...engine.types import NOWHERE, Box, Frame, SoftMask
from .overlay import Argb, Style, compose, union
from .stroke import Stroke

_LARGE_PIXELS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A picture in its place in the frame. The image looks at the array's memory and so holds the array too.

    Attributes:
        box: where it lies in the frame.
        array: the pixels, 4 bytes each.
        image: the same pixels for Qt.
    """

    box: Box
    array: NDArray[np.uint32] | NDArray[np.uint8]
    image: QImage

    @classmethod
    def over(cls, box: Box, array: Argb) -> Patch:
        """From (box.height, box.width) premultiplied ARGB, which may be written to later."""
        array = np.ascontiguousarray(array)
        return cls(box, array, _image(array, box, QImage.Format.Format_ARGB32_Premultiplied))

    @classmethod
    def opaque(cls, frame: Frame, box: Box) -> Patch:
        """From (H, W, 3) RGB, of any size, stretched over a box."""
        # Qt draws 32-bit pixels without a conversion at each repaint.
        array = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGRA)
        size = Box(0, 0, frame.shape[1], frame.shape[0])
        return cls(box, array, _image(array, size, QImage.Format.Format_RGB32))

    def draw(self, painter: QPainter) -> None:
        """Draw it; the painter's coordinates are the frame's."""
        box = self.box
        painter.drawImage(QRectF(box.x0, box.y0, box.width, box.height), self.image)


def _image(array: NDArray[np.generic], size: Box, form: QImage.Format) -> QImage:
    return QImage(array.data, size.width, size.height, size.width * 4, form)


class Picture:
    """One frame and the masks over it.

    Setting anything only notes what has changed; `settle` composes that part before the next drawing, so
    that many changes between two repaints cost one.

    Attributes:
        bounds: the whole frame.
        masks: the maps to show, by instance number; hidden ones are not among them.
        style: how; `invalidate` after a change.
        stroke: painting under way, shown as if it were done.
        under, over: more pictures below and above the masks.
    """

    def __init__(self) -> None:
        self.bounds = NOWHERE
        self.masks: Mapping[int, SoftMask] = {}
        self.style = Style()
        self.stroke: Stroke | None = None
        self.under: Patch | None = None
        self.over: Patch | None = None
        self._frame: Frame = np.zeros((0, 0, 3), np.uint8)
        self._levels: dict[int, Patch] = {}
        self._overlay: Patch | None = None
        self._shown = NOWHERE
        self._dirty = NOWHERE

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frame; (0, 0) without one."""
        return self.bounds.x1, self.bounds.y1

    def set_frame(self, frame: Frame) -> None:
        """Replace the picture, (H, W, 3) uint8 RGB. Another size drops the overlay."""
        bounds = Box(0, 0, frame.shape[1], frame.shape[0])
        if bounds != self.bounds:
            self.bounds = bounds
            self._overlay = Patch.over(bounds, np.zeros((bounds.height, bounds.width), np.uint32))
            self._shown = self._dirty = NOWHERE
            self.invalidate()
        self._frame = frame
        self._levels.clear()

    def set_masks(self, masks: Mapping[int, SoftMask]) -> Box:
        """Replace the masks; those that are the same objects as before cost nothing.

        Returns:
            The part of the frame that changes.
        """
        numbers = self.masks.keys() | masks.keys()
        pairs = [(self.masks.get(number), masks.get(number)) for number in numbers]
        changed = union(mask.box for pair in pairs if pair[0] is not pair[1] for mask in pair if mask)
        self.masks = masks
        return self.invalidate(changed)

    def invalidate(self, box: Box | None = None) -> Box:
        """Note that the overlay has changed in a box, or wherever it shows anything.

        Returns:
            The part of the frame that has to be drawn anew.
        """
        if box is None:
            box = union([self._shown, self._occupied()])
        box = self._around(box)
        self._dirty = union([self._dirty, box])
        return box

    def settle(self) -> None:
        """Compose what has changed."""
        dirty, self._dirty = self._dirty, NOWHERE
        if not dirty.area or self._overlay is None:
            return
        masks = self.masks
        if self.stroke:
            around = self._around(dirty)
            masks = {**masks, self.stroke.instance: SoftMask(around, self.stroke.part(around))}
        self._overlay.array[dirty.slices] = compose(masks, dirty, self.bounds, self.style)
        self._shown = self._occupied()

    def _occupied(self) -> Box:
        """Outside of this the overlay is transparent."""
        boxes = [mask.box.intersect(self.bounds) for mask in self.masks.values()]
        return union([*boxes, *([self.stroke.touched] if self.stroke else [])])

    def _around(self, box: Box) -> Box:
        """What a change in a box can change in the overlay."""
        reach = self.style.reach
        grown = Box(box.x0 - reach, box.y0 - reach, box.x1 + reach, box.y1 + reach)
        return grown.intersect(self.bounds) if box.area else NOWHERE

    def draw(self, painter: QPainter, scale: float) -> None:
        """Draw frame and overlay; the painter's coordinates are the frame's.

        Args:
            scale: pixels of the screen a pixel of the frame.
        """
        self.settle()
        # Far in, single pixels are what one wants to see.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < _LARGE_PIXELS)
        self._level(scale).draw(painter)
        if self.under:
            self.under.draw(painter)
        shown = self._shown
        if shown.area and self._overlay:
            source = QRectF(shown.x0, shown.y0, shown.width, shown.height)
            painter.drawImage(QPointF(shown.x0, shown.y0), self._overlay.image, source)
        if self.over:
            self.over.draw(painter)

    def _level(self, scale: float) -> Patch:
        """The frame, halved beforehand as often as it is shown smaller, since Qt would skip pixels."""
        level = 0
        while scale * 2 ** (level + 1) <= 1 and level < 3:
            level += 1
        if level not in self._levels:
            size = tuple(max(1, side >> level) for side in self.size)
            small = cv2.resize(self._frame, size, interpolation=cv2.INTER_AREA) if level else self._frame
            self._levels[level] = Patch.opaque(small, self.bounds)
        return self._levels[level]
