from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor

from vsreid_studio.engine.types import Box
from vsreid_studio.gui.canvas.candidate_item import HANDLES, CandidateItem, Grip
from vsreid_studio.gui.canvas.navigation import LARGEST_SCALE, Viewport

BOUNDS = Box(0, 0, 100, 80)
SIZE, ROOM = (100, 80), (524, 424)


def test_a_fitted_frame_is_whole_and_centred() -> None:
    viewport = Viewport.fitted(SIZE, ROOM)
    assert viewport == Viewport(5.0, 12.0, 12.0)
    assert viewport.covered(BOUNDS) == (12, 12, 500, 400)
    assert Viewport.fitted((1000, 10), (10, 10)).scale > 0


def test_zooming_keeps_the_point_under_the_mouse() -> None:
    viewport = Viewport.fitted(SIZE, ROOM)
    for factor in (1.25, 0.8, 3.0):
        before = viewport.to_frame(333, 77)
        viewport = viewport.zoomed(factor, (333, 77), SIZE)
        assert viewport.to_frame(333, 77) == pytest.approx(before)
        assert viewport.to_view(*before) == pytest.approx((333, 77))


def test_zooming_has_limits() -> None:
    viewport = Viewport()
    assert viewport.zoomed(1e9, (0, 0), SIZE).scale == LARGEST_SCALE
    assert 0 < viewport.zoomed(1e-9, (0, 0), SIZE).scale <= 1


def test_the_frame_cannot_be_lost() -> None:
    far = Viewport(1.0).moved(9999, -9999).kept_in_sight(SIZE, ROOM)
    assert (far.x, far.y) == (ROOM[0] - 32, 32 - SIZE[1])


def test_snapping_moves_by_less_than_a_pixel() -> None:
    assert Viewport(1.0, 10.3, 4.6).snapped(1) == Viewport(1.0, 10, 5)
    assert Viewport(1.0, 10.3, 4.6).snapped(2) == Viewport(1.0, 10.5, 4.5)


def item() -> CandidateItem:
    return CandidateItem(Box(20, 20, 60, 50), QColor("red"), BOUNDS)


@pytest.mark.parametrize(
    ("grip", "to", "box"),
    [
        (Grip(-1, -1), (-5, -3), Box(15, 17, 60, 50)),
        (Grip(1, 0), (7.4, 90), Box(20, 20, 67, 50)),
        (Grip(0, 1), (90, 500), Box(20, 20, 60, 80)),
        (Grip(-1, 0), (500, 0), Box(56, 20, 60, 50)),
        (Grip(1, 1), (-500, -500), Box(20, 20, 24, 24)),
        (Grip(0, 0), (5, -4), Box(25, 16, 65, 46)),
        (Grip(0, 0), (-500, 500), Box(0, 50, 40, 80)),
    ],
)
def test_a_grip_pulls_its_sides(grip: Grip, to: tuple[float, float], box: Box) -> None:
    candidate = item()
    candidate.press(grip, (40, 40))
    candidate.drag((40 + to[0], 40 + to[1]))
    assert candidate.box == box
    assert candidate.release()


def test_a_candidate_is_put_back() -> None:
    candidate = item()
    candidate.press(Grip(0, 0), (40, 40))
    candidate.drag((50, 50))
    candidate.cancel()
    assert candidate.box == Box(20, 20, 60, 50)
    assert not candidate.dragged
    candidate.drag((90, 90))
    assert not candidate.release()


def test_grips_are_found_at_any_scale() -> None:
    candidate = item()
    for viewport in (Viewport(1.0), Viewport(9.0, -50, 30)):
        found = set()
        for grip in HANDLES:
            at = viewport.to_view(40 + 20 * grip.x, 35 + 15 * grip.y)
            found.add(candidate.grip_at(QPointF(*at), viewport, sides=False))
        assert found == set(HANDLES)
    side = QPointF(*Viewport(9.0).to_view(60, 43))
    assert candidate.grip_at(side, Viewport(9.0), sides=True) == Grip(0, 0)
    assert candidate.grip_at(side, Viewport(9.0), sides=False) is None
    assert candidate.grip_at(QPointF(40, 40), Viewport(1.0), sides=True) is None
    assert len({grip.cursor for grip in (*HANDLES, Grip(0, 0))}) == 5
