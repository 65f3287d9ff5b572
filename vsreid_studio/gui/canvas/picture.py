"""The masks of a frame, composed in parts to the pixels that lie over it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...engine.types import NOWHERE, Box, SoftMask
from .overlay import Argb, Style, compose, union
from .stroke import Stroke


class MaskPicture:
    """The masks over one frame, as pixels.

    Setting anything only notes what has changed; `settle` composes that part before the next drawing, so
    that many changes between two repaints cost one.

    Attributes:
        bounds: the whole frame.
        masks: the maps to show, by instance number; hidden ones are not among them.
        style: how; `invalidate` after a change.
        stroke: painting under way, shown as if it were done.
        pixels: (H, W) premultiplied ARGB, in part out of date until `settle`.
        shown: outside of this the pixels are transparent.
    """

    def __init__(self) -> None:
        self.bounds = NOWHERE
        self.masks: Mapping[int, SoftMask] = {}
        self.style = Style()
        self.stroke: Stroke | None = None
        self.pixels: Argb = np.zeros((0, 0), np.uint32)
        self.shown = NOWHERE
        self._dirty: list[Box] = []

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frame; (0, 0) without one."""
        return self.bounds.x1, self.bounds.y1

    def resize(self, width: int, height: int) -> bool:
        """Take the size of a frame; returns whether it is another one, for which all is composed anew."""
        bounds = Box(0, 0, width, height)
        if bounds == self.bounds:
            return False
        self.bounds, self.pixels = bounds, np.zeros((height, width), np.uint32)
        self.shown, self._dirty = NOWHERE, []
        self.invalidate()
        return True

    def set_masks(self, masks: Mapping[int, SoftMask]) -> Box:
        """Replace the masks; those that are the same objects as before cost nothing.

        Returns:
            The part of the frame that changes.
        """
        numbers = self.masks.keys() | masks.keys()
        pairs = [(self.masks.get(number), masks.get(number)) for number in numbers]
        changed = [union(mask.box for mask in pair if mask) for pair in pairs if pair[0] is not pair[1]]
        self.masks = masks
        # Each apart: small objects far from one another cover little of what lies around all of them.
        return union([self.invalidate(box) for box in changed if box.area])

    def invalidate(self, box: Box | None = None) -> Box:
        """Note that the overlay has changed in a box, or wherever it shows anything.

        Returns:
            The part of the frame that has to be drawn anew.
        """
        if box is None:
            box = union([self.shown, self._occupied()])
        box = self._around(box)
        if box.area:
            self._dirty.append(box)
        return box

    def settle(self) -> None:
        """Compose what has changed."""
        dirty, self._dirty = list(dict.fromkeys(self._dirty)), []
        if not dirty:
            return
        whole = union(dirty)
        if sum(box.area for box in dirty) >= whole.area / 2:
            dirty = [whole]
        for box in dirty:
            self._compose(box)
        self.shown = self._occupied()

    def _compose(self, box: Box) -> None:
        masks = self.masks
        if self.stroke:
            around = self._around(box)
            masks = {**masks, self.stroke.instance: SoftMask(around, self.stroke.part(around))}
        self.pixels[box.slices] = compose(masks, box, self.bounds, self.style)

    def _occupied(self) -> Box:
        """Outside of this the overlay is transparent."""
        boxes = [mask.box.intersect(self.bounds) for mask in self.masks.values()]
        return union([*boxes, *([self.stroke.touched] if self.stroke else [])])

    def _around(self, box: Box) -> Box:
        """What a change in a box can change in the overlay."""
        reach = self.style.reach
        grown = Box(box.x0 - reach, box.y0 - reach, box.x1 + reach, box.y1 + reach)
        return grown.intersect(self.bounds) if box.area else NOWHERE
