"""Arrays as the engine passes them, and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Frame: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Flow: TypeAlias = NDArray[np.float32]
"""(H, W, 2) float32 displacement in pixels, (dx, dy)."""
Probability: TypeAlias = NDArray[np.float32]
"""(H, W) float32 in [0, 1]."""
LabelMap: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8 instance numbers, 0 for background."""

MAX_INSTANCE = 254
"""Instances are numbered 1 to 254: 0 is background and 255 is void in DAVIS masks."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels, half open: columns x0..x1-1, rows y0..y1-1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @classmethod
    def around(cls, mask: NDArray[np.bool_]) -> Box | None:
        """The tight box of a (H, W) bool mask, None when no pixel is set."""
        rows = np.flatnonzero(mask.any(axis=1))
        if rows.size == 0:
            return None
        columns = np.flatnonzero(mask.any(axis=0))
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    @property
    def width(self) -> int:
        """Columns, in pixels; never negative."""
        return max(0, self.x1 - self.x0)

    @property
    def height(self) -> int:
        """Rows, in pixels; never negative."""
        return max(0, self.y1 - self.y0)

    @property
    def area(self) -> int:
        """Pixels inside."""
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """The (rows, columns) index of this box into an image that contains it."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def intersect(self, other: Box) -> Box:
        """The common rectangle; its area is 0 when there is none."""
        return Box(
            max(self.x0, other.x0), max(self.y0, other.y0), min(self.x1, other.x1), min(self.y1, other.y1)
        )

    def union(self, other: Box) -> Box:
        """The smallest box that encloses both."""
        return Box(
            min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1)
        )

    def iou(self, other: Box) -> float:
        """Intersection over union, in [0, 1]; 0 when both are empty."""
        common = self.intersect(other).area
        union = self.area + other.area - common
        return common / union if union else 0.0

    def clip(self, height: int, width: int) -> Box:
        """The part inside a frame of height x width pixels."""
        return self.intersect(Box(0, 0, width, height))

    def shifted(self, x: int, y: int) -> Box:
        """The box moved by whole pixels."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def enlarge(self, fraction: float) -> Box:
        """Grown by `fraction` of its size on each side; may reach outside the frame."""
        dx, dy = round(self.width * fraction), round(self.height * fraction)
        return Box(self.x0 - dx, self.y0 - dy, self.x1 + dx, self.y1 + dy)


NOWHERE = Box(0, 0, 0, 0)


S = TypeVar("S", bound=np.generic)


def read_only(array: NDArray[S]) -> NDArray[S]:
    """The same array, closed for writing."""
    array.flags.writeable = False
    return array
