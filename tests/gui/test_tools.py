from __future__ import annotations

import pytest

from vsreid_studio.engine.types import Box, Click
from vsreid_studio.gui.canvas.stroke import Point
from vsreid_studio.gui.canvas.tools import FEW_CORNERS, NO_AREA, NO_BOX, Gesture, Points, make_tool
from vsreid_studio.gui.canvas.types import (
    LARGEST_BRUSH,
    Abort,
    Area,
    AskPoints,
    Begin,
    DrawBox,
    Effects,
    End,
    PaintMode,
    Pointer,
    Refuse,
    Segment,
    TakePoints,
    Tool,
    ToolOptions,
)

TRIANGLE = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]
ERASING = ToolOptions(mode=PaintMode.REMOVE)


def tool(kind: Tool, options: ToolOptions | None = None) -> Gesture:
    return make_tool(kind, options or ToolOptions())


def drag(gesture: Gesture, points: list[Point], *, right: bool = False) -> Effects:
    effects = gesture.press(Pointer(points[0], right))
    for point in points[1:]:
        effects += gesture.move(Pointer(point, right))
    return effects + gesture.release(Pointer(points[-1], right))


def click(gesture: Gesture, at: Point) -> Effects:
    return gesture.press(Pointer(at)) + gesture.release(Pointer(at))


def test_a_brush_paints_along_the_way() -> None:
    a, b, c = TRIANGLE
    assert drag(tool(Tool.BRUSH), TRIANGLE) == (
        Begin("Paint", False),
        Segment(a, a),
        Segment(a, b),
        Segment(b, c),
        Segment(c, c),
        End(),
    )


@pytest.mark.parametrize(
    ("kind", "options", "right"),
    [(Tool.BRUSH, None, True), (Tool.ERASER, None, False), (Tool.BRUSH, ERASING, False)],
)
def test_what_erases(kind: Tool, options: ToolOptions | None, right: bool) -> None:
    assert drag(tool(kind, options), TRIANGLE, right=right)[0] == Begin("Erase", True)


def test_shift_draws_a_line_from_the_last_point() -> None:
    brush = tool(Tool.BRUSH)
    assert brush.press(Pointer((1, 1), straight=True))[1] == Segment((1, 1), (1, 1))
    brush.release(Pointer((5, 5)))
    brush.move(Pointer((30, 5), straight=True))
    assert brush.sketch == ((5, 5), (30, 5))
    assert brush.press(Pointer((40, 5), straight=True))[1] == Segment((5, 5), (40, 5))
    brush.finish()
    assert brush.press(Pointer((50, 9), straight=True))[1] == Segment((50, 9), (50, 9))


def test_a_stroke_ends_once_and_can_be_taken_back() -> None:
    brush = tool(Tool.BRUSH)
    brush.press(Pointer((1, 1)))
    assert brush.finish() == (End(),)
    assert brush.finish() == brush.cancel() == brush.release(Pointer((1, 1))) == ()
    brush.press(Pointer((1, 1)))
    assert brush.cancel() == (Abort(),)
    assert not brush.busy


def test_a_lasso_closes_when_let_go() -> None:
    lasso = tool(Tool.LASSO)
    assert drag(lasso, TRIANGLE) == (Begin("Paint lasso", False), Area(tuple(TRIANGLE)), End())
    assert drag(lasso, TRIANGLE, right=True)[0] == Begin("Remove lasso", True)
    assert drag(lasso, TRIANGLE[:2]) == (Refuse(NO_AREA),)
    assert lasso.sketch == ()


def test_a_lasso_drops_what_is_open_when_it_has_to_end() -> None:
    lasso = tool(Tool.LASSO)
    lasso.press(Pointer((0, 0)))
    lasso.move(Pointer((9, 0)))
    assert lasso.finish() == ()
    assert (lasso.sketch, lasso.busy) == ((), False)


def test_a_polygon_closes_on_enter_and_on_its_first_corner() -> None:
    whole = (Begin("Paint polygon", False), Area(tuple(TRIANGLE)), End())
    polygon = tool(Tool.POLYGON)
    for corner in TRIANGLE:
        assert click(polygon, corner) == ()
    assert polygon.confirm() == whole
    for corner in TRIANGLE:
        click(polygon, corner)
    assert click(polygon, (0.5, 0.5)) == whole
    assert not polygon.busy


def test_a_polygon_takes_corners_back() -> None:
    polygon = tool(Tool.POLYGON, ERASING)
    for corner in [*TRIANGLE, (3.0, 3.0)]:
        click(polygon, corner)
    polygon.back()
    assert polygon.confirm() == (Begin("Remove polygon", True), Area(tuple(TRIANGLE)), End())
    click(polygon, (1, 1))
    assert polygon.confirm() == (Refuse(FEW_CORNERS),)
    assert polygon.busy
    polygon.back()
    polygon.back()
    assert not polygon.busy


def test_a_polygon_leads_its_open_side_along() -> None:
    polygon = tool(Tool.POLYGON)
    polygon.move(Pointer((5, 5)))
    assert polygon.sketch == ()
    click(polygon, (0, 0))
    polygon.move(Pointer((5, 5)))
    assert polygon.sketch == ((0, 0), (5, 5))
    polygon.cancel()
    assert polygon.sketch == ()


def test_a_box_is_dragged_in_any_direction() -> None:
    box = tool(Tool.BOX)
    assert drag(box, [(20.6, 30.2), (10.4, 9.9)]) == (DrawBox(Box(10, 9, 21, 31)),)
    assert drag(box, [(5, 5), (6, 40)]) == (Refuse(NO_BOX),)
    assert drag(box, [(5, 5), (50, 40)], right=True) == ()


def test_grab_draws_nothing() -> None:
    assert drag(tool(Tool.GRAB), TRIANGLE) == ()


def test_brush_sizes_have_limits() -> None:
    assert ToolOptions(size=0).size == 1
    assert ToolOptions(size=1e9).size == LARGEST_BRUSH


def test_points_are_made_moved_deleted_and_kept() -> None:
    points = tool(Tool.CLICK)
    a, b = Click(5, 5, True), Click(20, 5, False)
    assert click(points, (5, 5)) == (AskPoints((a,)),)
    assert points.press(Pointer((20, 5), right=True)) == (AskPoints((a, b)),)
    # Close to a point the left button moves it; nothing is asked before it is let go of.
    assert points.press(Pointer((6, 5), reach=2)) == ()
    assert points.move(Pointer((8, 9))) == ()
    moved = Click(8, 9, True)
    assert points.release(Pointer((8, 9))) == (AskPoints((moved, b)),)
    assert points.press(Pointer((8, 9), right=True, reach=2)) == (AskPoints((b,)),)
    assert points.back() == (AskPoints(()),)
    assert not points.busy
    assert points.confirm() == ()
    click(points, (5, 5))
    assert points.finish() == (TakePoints(),)
    click(points, (5, 5))
    assert points.cancel() == (AskPoints(()),)


def test_steps_with_points_are_undone_and_redone() -> None:
    points = tool(Tool.CLICK)
    assert isinstance(points, Points)
    a, b, moved, box = Click(5, 5, True), Click(20, 5, True), Click(8, 9, True), Box(1, 2, 30, 40)
    points.begin(box)
    click(points, (5, 5))
    points.press(Pointer((5, 5), reach=2))
    points.release(Pointer((8, 9)))
    click(points, (20, 5))
    points.press(Pointer((8, 9), right=True, reach=2))
    states = [((), None), ((), box), ((a,), box), ((moved,), box), ((moved, b), box), ((b,), box)]
    for state in reversed(states[:-1]):
        assert points.undo() == (AskPoints(*state),)
    assert not points.busy and points.undo() == ()
    for state in states[1:]:
        assert points.undone
        assert points.redo() == (AskPoints(*state),)
    assert not points.undone and points.redo() == ()
    # A new step leaves nothing to redo, and neither does a mask that is kept.
    points.undo()
    click(points, (1, 1))
    assert not points.undone
    points.undo()
    assert points.finish() == (TakePoints(),)
    assert not points.undone


def test_points_that_are_pressed_but_not_moved_are_no_step() -> None:
    points = tool(Tool.CLICK)
    click(points, (5, 5))
    points.press(Pointer((5, 5), reach=2))
    assert points.release(Pointer((5, 5))) == ()
    assert points.undo() == (AskPoints(()),)


def test_a_box_begins_points_and_goes_last() -> None:
    points = tool(Tool.CLICK)
    box = Box(1, 2, 30, 40)
    assert points.begin(box) == (AskPoints((), box),)  # type: ignore[attr-defined]
    assert click(points, (5, 5)) == (AskPoints((Click(5, 5, True),), box),)
    assert points.back() == (AskPoints((), box),)
    assert points.back() == (AskPoints((), None),)
    assert not points.busy
