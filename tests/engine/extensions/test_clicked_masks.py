from __future__ import annotations

from typing import cast

import numpy as np

from vsreid_studio.engine.extensions.clicked_masks import (
    beside_others,
    changed_at,
    context_in,
    near_clicks,
)
from vsreid_studio.engine.types import Box, Click, Frame, SoftMask
from vsreid_studio.engine.video import Video
from vsreid_studio.errors import UserError


def area(*boxes: tuple[int, int, int, int]) -> SoftMask:
    dense = np.zeros((120, 200), np.bool_)
    for x0, y0, x1, y1 in boxes:
        dense[y0:y1, x0:x1] = True
    return SoftMask.from_dense(dense)


def joined(one: SoftMask, other: SoftMask) -> SoftMask:
    return SoftMask.from_dense(one.hard(120, 200) | other.hard(120, 200))


def test_pieces_far_from_all_clicks_go() -> None:
    clicked, close, far = area((20, 20, 60, 60)), area((64, 20, 70, 60)), area((120, 20, 160, 60))
    mask = joined(joined(clicked, close), far)
    one = Click(30, 30, True)
    assert near_clicks(mask, [one]).same(joined(clicked, close))
    # Each piece that is clicked stays, and a click that takes away holds none.
    assert near_clicks(mask, [one, Click(130, 30, True)]) is mask
    assert near_clicks(mask, [one, Click(130, 30, False)]).same(joined(clicked, close))
    # Beside the mask a click says nothing about its pieces.
    assert near_clicks(mask, [Click(100, 100, True)]) is mask
    assert near_clicks(SoftMask.empty(), [one]).area == 0


class Damaged:
    """A video of three frames, of which the last cannot be read."""

    length = 3

    def frame(self, index: int) -> Frame:
        if index == 2:
            raise UserError("Frame 2 is damaged.")
        return np.full((4, 4, 3), index, np.uint8)


def test_no_motion_is_told_where_the_next_frame_is_damaged() -> None:
    video = cast(Video, Damaged())
    neighbour = context_in(video, 0).neighbour
    assert neighbour is not None and neighbour[0, 0, 0] == 1
    mask = area((0, 0, 2, 2))
    context = context_in(video, 1, [mask], (0, mask))
    assert context.neighbour is None and context.others == (mask,) and context.trusted is not None


def test_a_correction_changes_only_what_is_clicked() -> None:
    before = area((20, 20, 60, 60), (100, 20, 120, 40))
    # The click adds on the right of the first piece; elsewhere a hole, and the second piece is gone.
    after = area((20, 20, 30, 60), (40, 20, 90, 60))
    found = changed_at(before, after, [Click(80, 40, True)]).hard(120, 200)
    assert found[40, 80] and found[40, 35] and found[30, 110]
    cut = changed_at(before, after, [Click(35, 40, False)]).hard(120, 200)
    assert not cut[40, 35] and not cut[40, 80] and cut[30, 110]


def test_a_correction_may_lie_outside() -> None:
    before = area((20, 20, 60, 60))
    after = area((20, 20, 60, 60), (150, 100, 160, 110))
    assert changed_at(before, after, [Click(155, 105, True)]).same(after)
    # Where the network does not follow the click, its mask is taken as it is.
    assert changed_at(before, after, [Click(100, 10, True)]).same(after)


def test_what_a_removal_cuts_off_goes_with_it() -> None:
    # From the left: the object, what is removed, and a smaller and a larger part behind it.
    after = area((10, 20, 60, 60), (85, 25, 95, 35), (85, 45, 125, 60))
    before = area((10, 20, 85, 60), (85, 25, 95, 35), (85, 45, 125, 60))
    click = Click(70, 40, False)
    found = changed_at(before, after, [click]).hard(120, 200)
    assert found[40, 30] and not found[40, 70] and not found[30, 90] and not found[50, 110]
    held = changed_at(before, after, [Click(90, 30, True), click]).hard(120, 200)
    assert held[30, 90] and not held[50, 110]
    large = area((85, 25, 95, 35), (85, 36, 125, 66))
    found = changed_at(joined(before, large), joined(after, large), [click]).hard(120, 200)
    assert found[50, 110] and not found[40, 70]


def test_a_click_never_removes_most_of_a_mask() -> None:
    before = area((20, 20, 120, 60))
    for after in (SoftMask.empty(), area((20, 20, 30, 60))):
        found = changed_at(before, after, [Click(70, 40, False)])
        assert not found.hard(120, 200)[40, 70]
        assert 0.5 * before.area < found.area < before.area
    # Less than half of it goes at once.
    less = area((20, 20, 80, 60))
    assert changed_at(before, less, [Click(110, 40, False)]).area == less.area


def _square(x0: int, x1: int, value: int = 250) -> SoftMask:
    return SoftMask(Box(x0, 0, x1, 4), np.full((4, x1 - x0), value, np.uint8))


def test_what_is_selected_leaves_other_instances() -> None:
    clicks = [Click(2, 2, True)]
    found = beside_others(_square(0, 10), None, [_square(6, 20), _square(30, 40)], clicks)
    assert found.same(_square(0, 6))
    # A mask that is no more than probable is not there.
    assert beside_others(_square(0, 10), None, [_square(6, 20, 100)], clicks).same(_square(0, 10))


def test_another_instance_is_taken_from_where_it_is_clicked() -> None:
    mask = _square(0, 10)
    assert beside_others(mask, None, [_square(6, 20)], [Click(2, 2, True), Click(8, 2, True)]) is mask
    taken_away = [Click(2, 2, True), Click(8, 2, False)]
    assert beside_others(mask, None, [_square(6, 20)], taken_away).same(_square(0, 6))
    # What was shared before the clicks is no affair of theirs.
    assert beside_others(mask, _square(0, 8), [_square(6, 20)], taken_away).same(_square(0, 8))


def test_the_rim_of_another_instance_goes_with_it() -> None:
    values = np.zeros((4, 40), np.uint8)
    values[:, :8] = values[:, 20:40] = 250
    mask, other = SoftMask.tight(values), _square(22, 38)
    assert beside_others(mask, None, [other], [Click(2, 2, True)]).same(_square(0, 8))
    # A piece that is clicked stays, and so does what was there before.
    clicked = beside_others(mask, None, [other], [Click(2, 2, True), Click(20, 2, True)])
    assert clicked.area == 4 * (8 + 4)
    assert beside_others(mask, _square(20, 22), [other], [Click(2, 2, True)]).area == 4 * (8 + 2)


def test_a_box_in_another_instance_takes_from_it() -> None:
    mask = _square(0, 10)
    assert beside_others(mask, None, [_square(4, 20)], []) is mask
    assert beside_others(mask, None, [_square(6, 20)], []).same(_square(0, 6))
