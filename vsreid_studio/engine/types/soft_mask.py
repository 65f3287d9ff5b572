"""Probability maps: 8 bits a pixel, inside a box only."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import NOWHERE, Box, Probability, read_only


class StoredMap(Protocol):
    """The values of a map that are not in memory, see `engine.store.maps`."""

    def values(self, box: Box, /) -> NDArray[np.uint8]:
        """(box.height, box.width) uint8, probability x 255, read-only."""
        ...


class SoftMask:
    """The probability map P[i, k] of one instance in one frame, stored inside its box only.

    A map never changes. Its values may leave memory (`release`): then they are read again when they are asked
    for, while box, area and hard box stay at hand. Maps are compared by identity; `same` compares values.

    Attributes:
        box: where `values` lie in the frame; empty for an instance that is not in the frame.
    """

    __slots__ = ("__weakref__", "_area", "_content", "_hard_box", "box")
    box: Box
    _content: NDArray[np.uint8] | StoredMap
    _area: int
    _hard_box: Box | None

    def __init__(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Take (box.height, box.width) uint8 values, probability x 255, which become read-only.

        Raises:
            ValueError: another shape or dtype.
        """
        if values.shape != (box.height, box.width):
            raise ValueError(f"a map of shape {values.shape} does not fill {box}")
        if values.dtype != np.uint8:
            raise ValueError(f"a map is uint8, not {values.dtype}")
        self._fill(box, read_only(values), -1, None)

    def _fill(
        self, box: Box, content: NDArray[np.uint8] | StoredMap, area: int, hard_box: Box | None
    ) -> None:
        for name, value in (("box", box), ("_content", content), ("_area", area), ("_hard_box", hard_box)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a map does not change: cannot set {name}")

    def __reduce__(self) -> tuple[type[SoftMask], tuple[Box, NDArray[np.uint8]]]:
        return SoftMask, (self.box, self.values)

    def __repr__(self) -> str:
        return f"SoftMask({self.box})"

    @classmethod
    def from_stored(cls, stored: StoredMap, box: Box, area: int, hard_box: Box | None) -> SoftMask:
        """A map whose values are not in memory.

        Args:
            area, hard_box: as the properties of these names would compute them.
        """
        mask = cls.__new__(cls)
        mask._fill(box, stored, area, hard_box)
        return mask

    def release(self, stored: StoredMap) -> None:
        """Free the values, which are from now on read from `stored`; other threads may go on reading."""
        _ = self.area
        object.__setattr__(self, "_content", stored)

    @property
    def stored_map(self) -> StoredMap | None:
        """Where the values are read from; None while they are in memory."""
        content = self._content
        return None if isinstance(content, np.ndarray) else content

    @property
    def values(self) -> NDArray[np.uint8]:
        """(box.height, box.width) uint8, probability x 255, read-only. Outside the box it is zero.

        Raises:
            UserError: they are not in memory and cannot be read.
        """
        content = self._content
        return content if isinstance(content, np.ndarray) else content.values(self.box)

    @classmethod
    def empty(cls) -> SoftMask:
        """The map of an instance that is not in the frame."""
        return cls(NOWHERE, np.zeros((0, 0), np.uint8))

    @classmethod
    def from_dense(
        cls, probability: NDArray[np.float32] | NDArray[np.bool_], offset: tuple[int, int] = (0, 0)
    ) -> SoftMask:
        """Shrink a (H, W) map, float32 in [0, 1] or bool, to the box of what does not round to zero.

        Args:
            probability: the map, of a whole frame or of a part of it.
            offset: (x, y) of the part's top left pixel in the frame.
        """
        if not probability.size:
            return cls.empty()
        # OpenCV rounds and looks for what is not zero in a tenth of the time that NumPy takes.
        values = cv2.convertScaleAbs(probability.astype(np.float32, copy=False), alpha=255)
        return cls.tight(np.asarray(values, np.uint8), offset)

    @classmethod
    def enlarged(cls, probability: Probability, box: Box) -> SoftMask:
        """As `from_dense`, of a map that fills `box`: (h, w) float32, of the box's size or less."""
        if probability.shape == (box.height, box.width):
            return cls.from_dense(probability, (box.x0, box.y0))
        # Bytes are enlarged in a fraction of the time that floats take.
        stored = cv2.convertScaleAbs(probability, alpha=255)
        values = cv2.resize(stored, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
        return cls.tight(np.asarray(values, np.uint8), (box.x0, box.y0))

    @classmethod
    def tight(cls, values: NDArray[np.uint8], offset: tuple[int, int] = (0, 0)) -> SoftMask:
        """As `from_dense`, of a (H, W) uint8 map, probability x 255."""
        x, y, width, height = cv2.boundingRect(values)
        if not width:
            return cls.empty()
        box = Box(x, y, x + width, y + height)
        return cls(box.shifted(*offset), np.ascontiguousarray(values[box.slices]))

    def dense(self, height: int, width: int) -> Probability:
        """The whole frame's map: (height, width) float32 in [0, 1]."""
        full = np.zeros((height, width), np.float32)
        full[self.box.slices] = self.values * np.float32(1 / 255)
        return full

    def hard(self, height: int, width: int) -> NDArray[np.bool_]:
        """P > 0.5 of the whole frame: (height, width) bool."""
        full = np.zeros((height, width), np.bool_)
        full[self.box.slices] = self.values > 127
        return full

    def inside(self, box: Box) -> Probability:
        """The map inside any box, zero where it is not stored: (box.height, box.width) float32 in [0, 1]."""
        return self.stored(box) * np.float32(1 / 255)

    def stored(self, box: Box) -> NDArray[np.uint8]:
        """As `inside`, probability x 255."""
        part = np.zeros((box.height, box.width), np.uint8)
        common = self.box.intersect(box)
        if common.area:
            there = common.shifted(-box.x0, -box.y0)
            here = common.shifted(-self.box.x0, -self.box.y0)
            part[there.slices] = self.values[here.slices]
        return part

    def covers(self, x: int, y: int) -> bool:
        """Whether P > 0.5 at a pixel, inside the frame or not."""
        return bool(self.stored(Box(x, y, x + 1, y + 1))[0, 0] > 127)

    @property
    def area(self) -> int:
        """Pixels with P > 0.5."""
        if self._area < 0:
            self._measure()
        return self._area

    def _measure(self) -> None:
        above = self.values > 127
        area = int(np.count_nonzero(above))
        inner = Box.around(above) if area else None
        if inner is not None:
            object.__setattr__(self, "_hard_box", inner.shifted(self.box.x0, self.box.y0))
        # Last, as it tells other threads that the box is there.
        object.__setattr__(self, "_area", area)

    def shared(self, other: SoftMask) -> int:
        """Pixels in which both are above 0.5."""
        box = self.box.intersect(other.box)
        if not box.area:
            return 0
        return int(np.count_nonzero((self.stored(box) > 127) & (other.stored(box) > 127)))

    def iou(self, other: SoftMask) -> float:
        """Of the pixels above 0.5; two maps without any are alike."""
        areas = self.area + other.area
        if not areas:
            return 1.0
        shared = self.shared(other)
        return shared / (areas - shared)

    @property
    def hard_box(self) -> Box | None:
        """Box(P > 0.5), None when no pixel is above."""
        if self._area < 0:
            self._measure()
        return self._hard_box

    def same(self, other: SoftMask) -> bool:
        """Whether both hold the same map."""
        return self is other or (self.box == other.box and np.array_equal(self.values, other.values))
