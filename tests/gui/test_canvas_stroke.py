from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vsreid_studio.engine.types import NOWHERE, Box, SoftMask
from vsreid_studio.gui.canvas.stroke import (
    Point,
    Stroke,
    capsule,
    part_of,
    polygon,
    without_holes,
    without_specks,
)

BOUNDS = Box(0, 0, 80, 50)


def whole(shape: tuple[Box, NDArray[np.bool_]] | None) -> NDArray[np.bool_]:
    full = np.zeros((BOUNDS.height, BOUNDS.width), np.bool_)
    if shape:
        full[shape[0].slices] = shape[1]
    return full


def near(start: Point, end: Point, radius: float) -> NDArray[np.bool_]:
    """The same by definition: the distance of each pixel's centre to the segment."""
    y, x = np.mgrid[: BOUNDS.height, : BOUNDS.width] + 0.5
    way = np.subtract(end, start)
    length = float(way @ way)
    t = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / length if length else np.zeros_like(x)
    t = t.clip(0, 1)
    away = np.hypot(x - start[0] - t * way[0], y - start[1] - t * way[1])
    return away <= radius


def test_capsule_is_what_is_near_the_segment() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        ends = random.uniform(-30, 100, 4)
        radius = random.uniform(0.5, 30)
        start, end = (ends[0], ends[1]), (ends[2], ends[3])
        assert np.array_equal(whole(capsule(start, end, radius, BOUNDS)), near(start, end, radius))


@pytest.mark.parametrize("end", [(20.0, 20.0), (60.0, 20.0), (20.0, 45.0), (-40.0, 20.0)])
def test_capsule_of_level_and_upright_segments_and_dots(end: Point) -> None:
    start = (20.0, 20.0)
    assert np.array_equal(whole(capsule(start, end, 6.5, BOUNDS)), near(start, end, 6.5))


def test_capsule_equals_discs_along_the_line() -> None:
    start, end = (10.3, 8.0), (60.1, 39.7)
    discs = np.zeros((BOUNDS.height, BOUNDS.width), np.bool_)
    for t in np.linspace(0, 1, 2000):
        centre = (start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1]))
        discs |= whole(capsule(centre, centre, 5, BOUNDS))
    assert np.count_nonzero(discs != whole(capsule(start, end, 5, BOUNDS))) <= 2


def test_nothing_is_painted_outside_of_the_frame() -> None:
    assert capsule((-30, 10), (-20, 40), 5, BOUNDS) is None
    assert polygon([(90, 10), (120, 10), (100, 40)], BOUNDS) is None


def test_polygon_fills_its_inside() -> None:
    filled = whole(polygon([(10, 10), (30, 10), (30, 25), (10, 25)], BOUNDS))
    assert filled[10:25, 10:30].all()
    assert not filled[:9].any()
    assert not filled[:, 32:].any()


def test_polygon_that_leaves_the_frame_is_cut() -> None:
    filled = whole(polygon([(-50, 10), (40, -60), (200, 30), (40, 200)], BOUNDS))
    assert filled[20:, 20:60].all()


def test_a_line_that_overlaps_itself_leaves_no_hole() -> None:
    around = [(20, 10), (60, 10), (60, 40), (20, 40), (20, 8), (40, 8), (40, 20), (22, 20)]
    assert whole(polygon(around, BOUNDS))[10:40, 20:60].all()


def soft(values: NDArray[np.uint8], x: int = 0, y: int = 0) -> SoftMask:
    return SoftMask(Box(x, y, x + values.shape[1], y + values.shape[0]), values)


def test_stroke_sets_one_and_keeps_the_rest_soft() -> None:
    base = soft(np.full((10, 10), 100, np.uint8), 20, 20)
    stroke = Stroke(3, base, (80, 50), "Paint", removes=False)
    dirty = stroke.line((30, 25), (40, 25), 6)
    assert dirty == stroke.touched
    result = stroke.result()
    assert result.values[25 - result.box.y0, 35 - result.box.x0] == 255
    assert result.values[20 - result.box.y0, 20 - result.box.x0] == 100
    assert np.array_equal(part_of(result, BOUNDS), stroke.part(BOUNDS))
    assert base.box == Box(20, 20, 30, 30)


def test_erasing_all_leaves_an_empty_map() -> None:
    stroke = Stroke(1, soft(np.full((5, 5), 255, np.uint8), 10, 10), (80, 50), "Erase", removes=True)
    stroke.line((0, 12), (40, 12), 30)
    assert stroke.result().same(SoftMask.empty())


def test_erasing_shrinks_the_box() -> None:
    stroke = Stroke(1, soft(np.full((10, 20), 255, np.uint8), 10, 10), (80, 50), "Erase", removes=True)
    stroke.area([(9, 9), (20, 9), (20, 21), (9, 21)])
    assert stroke.result().box.x0 > 19
    assert stroke.result().box.x1 == 30


def test_an_untouched_stroke_is_no_change() -> None:
    base = soft(np.full((5, 5), 200, np.uint8), 10, 10)
    stroke = Stroke(1, base, (80, 50), "Paint", removes=False)
    assert stroke.line((-90, -90), (-80, -90), 10) == NOWHERE
    assert stroke.area([(1, 1), (2, 2)]) == NOWHERE
    assert stroke.result().same(base)


def test_a_newer_map_goes_below_the_stroke() -> None:
    stroke = Stroke(1, SoftMask.empty(), (80, 50), "Paint", removes=False)
    stroke.line((10, 10), (10, 10), 6)
    stroke.base = soft(np.full((5, 5), 77, np.uint8), 60, 40)
    values = part_of(stroke.result(), BOUNDS)
    assert (values[42, 62], values[10, 10]) == (77, 255)


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_a_thin_brush_leaves_a_line_without_gaps(size: float) -> None:
    stroke = Stroke(1, SoftMask.empty(), (80, 50), "Paint", removes=False)
    stroke.line((10, 10), (50, 23), size)
    painted = stroke.part(BOUNDS) > 0
    assert painted.any(axis=0)[10:51].all()  # type: ignore[index]
    dot = Stroke(1, SoftMask.empty(), (80, 50), "Paint", removes=False)
    dot.line((10, 10), (10, 10), 1.0)
    assert np.count_nonzero(dot.part(BOUNDS)) == 1


def test_holes_are_filled_and_bays_are_not() -> None:
    values = np.full((20, 20), 255, np.uint8)
    values[5:8, 5:8] = 40
    values[12:15, 12:] = 0
    mended = without_holes(soft(values, 7, 9))
    assert (mended.values[5:8, 5:8] == 255).all()
    assert (mended.values[12:15, 12:] == 0).all()
    assert without_holes(SoftMask.empty()).same(SoftMask.empty())


def test_specks_go_with_their_faint_rim_and_the_largest_piece_stays() -> None:
    values = np.zeros((20, 40), np.uint8)
    values[2:12, 2:12] = 255
    values[2:12, 12] = 60
    values[4:8, 29:34] = 60
    values[5:7, 30:33] = 255
    mended = without_specks(soft(values, 3, 4), 10)
    assert mended.box == Box(5, 6, 16, 16)
    assert (mended.values[:, -1] == 60).all()
    assert without_specks(mended, 10_000).same(mended)
    assert without_specks(SoftMask.empty(), 5).same(SoftMask.empty())
