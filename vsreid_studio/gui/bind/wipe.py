"""Two states of the masks in one picture, with a line between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.store.annotation import Annotation
from ...engine.types import Box, SoftMask


@dataclass(frozen=True, slots=True, eq=False)
class Wipe:
    """Two states in one picture.

    Attributes:
        before, after: nobody changes them.
        share: of the width that shows `before`, from the left.
    """

    before: Annotation
    after: Annotation
    share: float

    def masks(self, frame: int, width: int) -> dict[int, SoftMask]:
        """The maps of a frame, by instance: of one state left of the wipe, of the other right of it."""
        column = round(self.share * width)
        left, right = self.before.frame_masks(frame), self.after.frame_masks(frame)
        if column in (0, width):
            return right if column == 0 else left
        return {k: _joined(left.get(k), right.get(k), column) for k in sorted({*left, *right})}


def _joined(left: SoftMask | None, right: SoftMask | None, column: int) -> SoftMask:
    none = SoftMask.empty()
    left, right = left or none, right or none
    parts = [
        (left, left.box.intersect(Box(0, left.box.y0, column, left.box.y1))),
        (right, right.box.intersect(Box(column, right.box.y0, right.box.x1, right.box.y1))),
    ]
    parts = [(mask, box) for mask, box in parts if box.area]
    if not parts:
        return none
    whole = parts[0][1]
    for _, box in parts[1:]:
        whole = whole.union(box)
    values = np.zeros((whole.height, whole.width), np.uint8)
    for mask, box in parts:
        place = box.shifted(-whole.x0, -whole.y0)
        values[place.slices] = mask.values[box.shifted(-mask.box.x0, -mask.box.y0).slices]
    return SoftMask(whole, values)
