"""The flow of one pair of frames, kept at the size at which it was computed."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from math import ceil, floor
from typing import NamedTuple, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Box, Flow, Frame, read_only

Extremes: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""The least and the greatest (dx, dy)."""
SMALL_FRAME = 2**20
"""Pixels up to which a frame's flow is enlarged as a whole, once for all that ask for parts of it."""


class FlowField:
    """F(I_i, I_j): how far each pixel of frame i moves to in frame j.

    Flow of large frames is computed on smaller ones (`working_size`) and kept so: it is enlarged where it is
    asked for, and only there. Any thread may ask.

    Attributes:
        height, width: of the frames, in pixels.
    """

    def __init__(self, flow: NDArray[np.float16] | Flow, height: int, width: int) -> None:
        """`flow`: (h, w, 2), (dx, dy) in pixels of its own size, finite; no larger than the frames."""
        self.height, self.width = height, width
        self._flow = flow
        self._negative = False

    @property
    def nbytes(self) -> int:
        """Bytes that this may hold."""
        single = self._flow.size * 4
        return single + (self.height * self.width * 8 if self._is_small else single)

    def inside(self, box: Box, size: tuple[int, int] | None = None) -> Flow:
        """The flow in a part of the frame.

        Args:
            box: inside the frame.
            size: (h, w) of the grid that is laid over the box; None for one point a pixel.

        Returns:
            (h, w, 2) float32, (dx, dy) in pixels of the frame. One point a pixel, these are the numbers that
            enlarging the whole flow by OpenCV (`INTER_LINEAR`) gives.
        """
        size = size or (box.height, box.width)
        if self._is_small and size == (box.height, box.width):
            found = self.whole[box.slices]
        else:
            found = _sampled(self._scaled, (self.height, self.width), box, size)
        return -found if self._negative else found

    def resized(self, height: int, width: int) -> Flow:
        """The whole flow at another size, (height, width, 2) float32, in pixels of that size."""
        found = resize_flow(_single(self._flow), height, width)
        return -found if self._negative else found

    def extremes(self, box: Box) -> Extremes:
        """The least and the greatest (dx, dy) in a part of the frame, or somewhat beyond these."""
        height, width = self._flow.shape[:2]
        down, across = height / self.height, width / self.width
        rows = slice(max(0, floor((box.y0 + 0.5) * down - 0.5)), ceil((box.y1 - 0.5) * down - 0.5) + 1)
        columns = slice(max(0, floor((box.x0 + 0.5) * across - 0.5)), ceil((box.x1 - 0.5) * across - 0.5) + 1)
        part = self._scaled[rows, columns]
        # By rows first: NumPy is slow at reducing to so few numbers at once.
        flat = part.reshape(len(part), -1)
        least, greatest = (
            flat.min(axis=0).reshape(-1, 2).min(axis=0),
            flat.max(axis=0).reshape(-1, 2).max(axis=0),
        )
        if self._negative:
            least, greatest = -greatest, -least
        return (float(least[0]), float(least[1])), (float(greatest[0]), float(greatest[1]))

    def __neg__(self) -> Self:
        found = copy(self)
        found._negative = not self._negative
        return found

    @cached_property
    def whole(self) -> Flow:
        """In pixels of the frame, whatever the sign; of small frames kept, once it was asked for."""
        return read_only(resize_flow(_single(self._flow), self.height, self.width))

    @cached_property
    def _scaled(self) -> Flow:
        """At its own size, but in pixels of the frame."""
        height, width = self._flow.shape[:2]
        return _in_pixels_of(_single(self._flow), self.height / height, self.width / width)

    @property
    def _is_small(self) -> bool:
        return self.height * self.width <= SMALL_FRAME


def working_size(height: int, width: int, most: int) -> tuple[int, int]:
    """The (height, width) of a frame whose short side is brought down to `most`; smaller ones stay."""
    short = min(height, width)
    if short <= most:
        return height, width
    return round(height * most / short), round(width * most / short)


def shrink(frame: Frame, most: int) -> Frame:
    """A frame brought to its working size."""
    height, width = working_size(frame.shape[0], frame.shape[1], most)
    if (height, width) == frame.shape[:2]:
        return frame
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def resize_flow(flow: Flow, height: int, width: int) -> Flow:
    """A flow brought to another size: its grid is resized, and its displacements with it."""
    old_height, old_width = flow.shape[:2]
    if (old_height, old_width) == (height, width):
        return flow
    scaled = _in_pixels_of(flow, height / old_height, width / old_width)
    return np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _in_pixels_of(flow: Flow, down: float, across: float) -> Flow:
    # OpenCV scales the two channels in a fifth of the time that NumPy takes.
    return np.asarray(cv2.multiply(flow, (across, down, 0, 0)), np.float32)


def _single(flow: NDArray[np.float16] | Flow) -> Flow:
    """As float32."""
    if flow.dtype == np.float32:
        return np.asarray(flow, np.float32)
    # torch converts in a twentieth of the time that NumPy takes; a window without flow need not wait for it.
    import torch  # noqa: PLC0415

    found: Flow = torch.from_numpy(flow).float().numpy()
    return found


class _Axis(NamedTuple):
    """How points along one side lie between the pixels of a smaller array.

    Attributes:
        first, second: (n,) intp, the pixels before and after each point.
        near, far: (n,) float32, their weights.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    near: NDArray[np.float32]
    far: NDArray[np.float32]


def _axis(small: int, large: int, start: int, stop: int, count: int, clamp: bool) -> _Axis:
    """`count` points from `start` to `stop` on a side of `large` pixels, which an array has in `small`.

    In OpenCV's order of computing. Beyond the outermost pixels it sets the weights of columns to 1 and 0
    (`clamp`), while the weights of rows stay and both meet the same row.
    """
    points = start + (np.arange(count) + 0.5) * ((stop - start) / count) - 0.5
    place = ((points + 0.5) * (1 / (large / small)) - 0.5).astype(np.float32)
    first = np.floor(place)
    far = place - first
    if clamp:
        far[(first < 0) | (first >= small - 1)] = 0
    number = first.astype(np.intp)
    return _Axis(number.clip(0, small - 1), (number + 1).clip(0, small - 1), 1 - far, far)


def _sampled(flow: Flow, frame: tuple[int, int], box: Box, size: tuple[int, int]) -> Flow:
    """A small flow of a frame of that (height, width), bilinear at a grid of points over a box."""
    rows = _axis(flow.shape[0], frame[0], box.y0, box.y1, size[0], clamp=False)
    columns = _axis(flow.shape[1], frame[1], box.x0, box.x1, size[1], clamp=True)
    top = int(rows.first[0])
    part = np.ascontiguousarray(flow[top : int(rows.second[-1]) + 1])
    # Both components of a place at once.
    places = part.view(np.complex64)[..., 0]
    wide = _mixed(places, columns.first, columns.second, columns.near, columns.far, 1)
    found = _mixed(wide, rows.first - top, rows.second - top, rows.near[:, None], rows.far[:, None], 0)
    return np.ascontiguousarray(found).view(np.float32).reshape(*size, 2)


def _mixed(
    values: NDArray[np.complex64],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    near: NDArray[np.float32],
    far: NDArray[np.float32],
    axis: int,
) -> NDArray[np.complex64]:
    found = values.take(first, axis=axis)
    found *= near
    beside = values.take(second, axis=axis)
    beside *= far
    found += beside
    return found
