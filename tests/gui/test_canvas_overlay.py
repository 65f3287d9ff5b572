from __future__ import annotations

import cv2
import numpy as np
import pytest

from vsreid_studio.engine.types import Box, SoftMask
from vsreid_studio.gui.canvas.overlay import (  # type: ignore[attr-defined]
    Argb,
    MaskPicture,
    Style,
    colour_table,
    compose,
    compose_neighbour,
    compose_preview,
    edges,
    heat_table,
    label_part,
    union,
)
from vsreid_studio.gui.theme import default_colour

BOUNDS = Box(0, 0, 64, 48)
RED, BLUE = (255, 0, 0), (0, 0, 255)
STYLE = Style({1: RED, 2: BLUE}, selected=None, opacity=0.5)


def disc(x: int, y: int, radius: int) -> SoftMask:
    values = np.zeros((48, 64), np.uint8)
    cv2.circle(values, (x, y), radius, 255, -1)
    return SoftMask.from_dense(cv2.GaussianBlur(values, (5, 5), 0).astype(np.float32) / 255)


MASKS = {1: disc(22, 24, 14), 2: disc(38, 22, 12)}


@pytest.mark.parametrize(
    "style",
    [
        STYLE,
        Style(STYLE.colours, selected=1, line=2),
        Style(STYLE.colours, selected=2, outline_only=True),
        Style(STYLE.colours, selected=1, probability=True, line=3),
    ],
)
def test_parts_equal_the_whole(style: Style) -> None:
    picture = compose(MASKS, BOUNDS, BOUNDS, style)
    for box in (Box(0, 0, 20, 20), Box(17, 11, 40, 31), Box(30, 30, 64, 48), Box(25, 20, 26, 21)):
        assert np.array_equal(compose(MASKS, box, BOUNDS, style), picture[box.slices])


def test_fill_has_the_colour_and_the_opacity() -> None:
    picture = compose(MASKS, BOUNDS, BOUNDS, STYLE)
    assert picture[24, 15] == 0x80800000
    assert picture[22, 44] == 0x80000080
    assert picture[2, 2] == 0


def test_outline_only_has_no_fill() -> None:
    picture = compose(MASKS, BOUNDS, BOUNDS, Style(STYLE.colours, outline_only=True))
    assert picture[24, 15] == 0
    assert picture[24, 7:11].any()


def test_heat_follows_the_probability() -> None:
    style = Style(STYLE.colours, selected=1, probability=True)
    picture = compose(
        {1: SoftMask(Box(4, 4, 8, 5), np.array([[0, 20, 60, 100]], np.uint8))}, BOUNDS, BOUNDS, style
    )
    assert list(picture[4, 4:8]) == list(heat_table(0.65)[[0, 20, 60, 100]])
    assert len(set(picture[4, 4:8])) == 4


def test_what_was_painted_shows_where_another_instance_wins() -> None:
    above = {1: disc(30, 24, 16), 2: disc(30, 24, 8)}
    chosen = compose(above, BOUNDS, BOUNDS, Style(STYLE.colours, selected=2))
    assert (chosen == 0xFF0000FF).any()
    assert not (compose(above, BOUNDS, BOUNDS, STYLE) == 0xFF0000FF).any()


def test_a_mask_that_reaches_outside_of_the_frame_is_cut() -> None:
    mask = SoftMask(Box(-5, -5, 10, 10), np.full((15, 15), 255, np.uint8))
    assert np.count_nonzero(compose({1: mask}, BOUNDS, BOUNDS, STYLE)) == 100


def test_the_border_of_the_frame_is_no_edge() -> None:
    labels = np.ones((10, 10), np.uint8)
    assert not edges(labels, 2).any()
    labels[:, 5:] = 2
    assert edges(labels, 1).sum() == 20


def test_colours_are_premultiplied() -> None:
    for table in (colour_table({3: (250, 130, 7)}, 0.3), heat_table(0.8)):
        alpha = table >> 24
        for shift in (0, 8, 16):
            assert (table >> shift & 255 <= alpha).all()
    assert colour_table({3: RED}, 1)[4] == 0


def test_neighbour_and_preview_differ_from_masks() -> None:
    skin = compose_neighbour(MASKS, BOUNDS, STYLE)
    assert 0 < skin[24, 20] >> 24 < 0x80
    preview = compose_preview(MASKS[1], RED, STYLE)
    assert preview.shape == MASKS[1].values.shape
    assert len(np.unique(preview[preview > 0])) == 3


def test_labels_of_a_part() -> None:
    assert np.array_equal(label_part(MASKS, Box(10, 10, 30, 30)), label_part(MASKS, BOUNDS)[10:30, 10:30])


def test_union_of_nothing_is_empty() -> None:
    assert union([]).area == 0
    assert union([Box(0, 0, 0, 0), Box(3, 4, 5, 6)]) == Box(3, 4, 5, 6)


def test_default_colours_differ() -> None:
    assert len({default_colour(number).rgb() for number in range(1, 22)}) == 21
    assert default_colour(22) == default_colour(1)


@pytest.mark.parametrize("style", [STYLE, Style(STYLE.colours, selected=2, line=2)])
def test_a_picture_composed_in_parts_is_the_whole_one(style: Style) -> None:
    picture = MaskPicture()
    picture.resize(64, 48)
    picture.style = style
    small = [{1: disc(6 + n, 8, 4), 2: disc(55, 38 - n, 5), 3: disc(30, 24, 3)} for n in range(4)]
    for masks in (*small, MASKS, small[0], {}):
        changed = picture.set_masks(masks)
        picture.compose_changes()
        assert (picture.pixels == compose(masks, BOUNDS, BOUNDS, style)).all()
        assert changed.area
    assert picture.set_masks({}).area == 0


def test_small_objects_far_apart_are_composed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Box] = []

    def noted(masks: dict[int, SoftMask], box: Box, bounds: Box, style: Style) -> Argb:
        seen.append(box)
        return compose(masks, box, bounds, style)

    monkeypatch.setattr("vsreid_studio.gui.canvas.overlay.compose", noted)
    picture = MaskPicture()
    picture.resize(64, 48)
    picture.compose_changes()
    picture.set_masks({1: disc(6, 8, 4), 2: disc(55, 38, 5)})
    picture.compose_changes()
    assert len(seen) == 2
    assert not seen[0].intersect(seen[1]).area
