"""Painting without a screen: the pixels of a gesture, and maps painted, filled and cleaned of specks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ...engine.types import NOWHERE, Box, SoftMask

Point: TypeAlias = tuple[float, float]
"""(x, y) in the frame, continuous: pixel i covers [i, i + 1)."""

_THIN = 3.0
_SUBPIXEL_BITS = 4


def capsule(start: Point, end: Point, radius: float, bounds: Box) -> tuple[Box, NDArray[np.bool_]] | None:
    """The pixels whose centre is at most `radius` away from a segment: a disc drawn along it.

    A capsule is convex, so each row is one run of pixels. Its ends come in closed form, which keeps a long
    line across a large frame as cheap as a short one.

    Args:
        start, end: of the segment; they may lie outside the frame.
        radius: in pixels, above 0.
        bounds: the pixels there are.

    Returns:
        A box inside `bounds` and (h, w) bool in it, None when no pixel is covered.
    """
    box = Box(
        int(np.floor(min(start[0], end[0]) - radius)),
        int(np.floor(min(start[1], end[1]) - radius)),
        int(np.ceil(max(start[0], end[0]) + radius)) + 1,
        int(np.ceil(max(start[1], end[1]) + radius)) + 1,
    ).intersect(bounds)
    if not box.area:
        return None
    rows = np.arange(box.y0, box.y1, dtype=np.float64) + 0.5
    runs = [
        _disc_runs(start, radius, rows),
        _disc_runs(end, radius, rows),
        _bar_runs(start, end, radius, rows),
    ]
    first = np.min([run[0] for run in runs], axis=0)
    last = np.max([run[1] for run in runs], axis=0)
    centres = np.arange(box.x0, box.x1) + 0.5
    covered = (centres >= first[:, None]) & (centres <= last[:, None])
    return (box, covered) if covered.any() else None


def _disc_runs(centre: Point, radius: float, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """First and last x of a disc in each row, (inf, -inf) where it has none."""
    rest = radius**2 - (rows - centre[1]) ** 2
    half = np.sqrt(np.maximum(rest, 0))
    return np.where(rest >= 0, centre[0] - half, np.inf), np.where(rest >= 0, centre[0] + half, -np.inf)


def _bar_runs(
    start: Point, end: Point, radius: float, rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """First and last x of the rectangle between the two discs in each row, (inf, -inf) where it has none."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    if length == 0:
        return np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    y = rows - start[1]
    # Along the segment: 0 <= x ux + y uy <= length. Across it: |y ux - x uy| <= radius.
    along = _between(ux, -y * uy, length - y * uy)
    across = _between(uy, y * ux - radius, y * ux + radius)
    first = np.maximum(along[0], across[0])
    last = np.minimum(along[1], across[1])
    there = first <= last
    return np.where(there, first + start[0], np.inf), np.where(there, last + start[0], -np.inf)


def _between(
    slope: float, least: NDArray[np.float64], most: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The x with least <= slope x <= most, as first and last."""
    if abs(slope) < 1e-9:
        there = (least <= 0) & (most >= 0)
        return np.where(there, -np.inf, np.inf), np.where(there, np.inf, -np.inf)
    first, last = least / slope, most / slope
    return (first, last) if slope > 0 else (last, first)


def polygon(points: Sequence[Point], bounds: Box) -> tuple[Box, NDArray[np.bool_]] | None:
    """The pixels inside a closed line. What the line encloses by crossing itself is inside too.

    Args:
        points: at least three corners, which may lie outside the frame.
        bounds: the pixels there are.

    Returns:
        A box inside `bounds` and (h, w) bool in it, None when no pixel is covered.
    """
    corners = np.asarray(points, np.float64)
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int) + 1
    whole = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    box = whole.intersect(bounds)
    if not box.area:
        return None
    # OpenCV counts from pixel centres and cuts what lies outside of the canvas, as is wanted here.
    steps = np.round((corners - (box.x0 + 0.5, box.y0 + 0.5)) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    drawn = np.zeros((box.height, box.width), np.uint8)
    cv2.fillPoly(drawn, [steps], 1, shift=_SUBPIXEL_BITS)
    return box, filled(drawn.view(np.bool_))


class Stroke:
    """A change of one instance's map under way: pixels collected while the mouse moves.

    The map it started from is not copied, so it may be replaced when the engine delivers a newer one.

    Attributes:
        instance: whose map it is.
        label: names the step in the undo menu.
        base: the map without the stroke.
        touched: encloses the pixels painted so far, empty at first.
        removes: whether it sets the probability to 0 and not to 1.
    """

    def __init__(
        self, instance: int, base: SoftMask, size: tuple[int, int], label: str, *, removes: bool
    ) -> None:
        """Begin without a pixel.

        Args:
            size: (width, height) of the frame.
            removes: sets the probability to 0 and not to 1.
        """
        self.instance = instance
        self.label = label
        self.base = base
        self.touched = NOWHERE
        self.removes = removes
        self._value = np.uint8(0 if removes else 255)
        self._bounds = Box(0, 0, *size)
        self._painted = np.zeros((size[1], size[0]), np.bool_)

    def line(self, start: Point, end: Point, diameter: float) -> Box:
        """Paint a disc along a segment.

        Returns:
            What has to be shown again, empty when nothing of it lies in the frame.
        """
        if diameter < _THIN:
            # A thin brush between pixel centres would miss all of them.
            start, end = _centred(start), _centred(end)
        return self._add(capsule(start, end, max(diameter, 1.0) / 2, self._bounds))

    def area(self, points: Sequence[Point]) -> Box:
        """Paint what a closed line encloses; returns what has to be shown again."""
        return self._add(polygon(points, self._bounds) if len(points) >= 3 else None)

    def part(self, box: Box) -> NDArray[np.uint8]:
        """The map with the stroke in any box inside the frame: (box.height, box.width) uint8."""
        values = part_of(self.base, box)
        values[self._painted[box.slices]] = self._value
        return values

    @property
    def changes(self) -> bool:
        """Whether the map with the stroke is another one."""
        return not np.array_equal(self.part(self.touched), part_of(self.base, self.touched))

    def result(self) -> SoftMask:
        """The whole map with the stroke."""
        reach = self.base.box.clip(self._bounds.y1, self._bounds.x1)
        if self.touched.area:
            reach = reach.union(self.touched) if reach.area else self.touched
        values = self.part(reach)
        inner = Box.around(values > 0)
        if inner is None:
            return SoftMask.empty()
        return SoftMask(inner.shifted(reach.x0, reach.y0), values[inner.slices].copy())

    def _add(self, shape: tuple[Box, NDArray[np.bool_]] | None) -> Box:
        if shape is None:
            return NOWHERE
        box, covered = shape
        self._painted[box.slices] |= covered
        self.touched = self.touched.union(box) if self.touched.area else box
        return box


def _centred(point: Point) -> Point:
    return float(np.floor(point[0])) + 0.5, float(np.floor(point[1])) + 0.5


def part_of(mask: SoftMask, box: Box) -> NDArray[np.uint8]:
    """A copy of a map inside any box, zero where it is not stored: (box.height, box.width) uint8."""
    part = np.zeros((box.height, box.width), np.uint8)
    common = mask.box.intersect(box)
    if common.area:
        here = common.shifted(-mask.box.x0, -mask.box.y0)
        part[common.shifted(-box.x0, -box.y0).slices] = mask.values[here.slices]
    return part


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A (H, W) mask with all that it encloses."""
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
    return whole.view(np.bool_)


def without_holes(mask: SoftMask) -> SoftMask:
    """The map with probability 1 wherever P > 0.5 encloses a pixel that is not."""
    hard = mask.values > 127
    if not hard.any():
        return mask
    return SoftMask(mask.box, np.where(filled(hard) & ~hard, np.uint8(255), mask.values))


def without_specks(mask: SoftMask, least_area: int) -> SoftMask:
    """The map without the small pieces of P > 0.5 and the faint pixels around them.

    The largest piece always stays: a small instance is not a speck of itself.

    Args:
        least_area: in pixels; smaller pieces go.
    """
    hard = (mask.values > 127).view(np.uint8)
    # OpenCV crashes on a picture without pixels.
    if not hard.any():
        return mask
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= least_area
    kept[areas.argmax()] = True
    kept[0] = False
    stays = kept[pieces]
    # Faint pixels belong to the pieces that they touch.
    rest = (mask.values > 0) & (stays | (pieces == 0))
    count, groups = cv2.connectedComponents(rest.view(np.uint8), connectivity=8)
    belongs = np.zeros(count, np.bool_)
    belongs[groups[stays]] = True
    values = np.where(belongs[groups] & rest, mask.values, np.uint8(0))
    if np.array_equal(values, mask.values):
        return mask
    inner = Box.around(values > 0)
    assert inner is not None  # the largest piece stayed
    return SoftMask(inner.shifted(mask.box.x0, mask.box.y0), values[inner.slices].copy())
