from __future__ import annotations

import cv2
import numpy as np
import pytest

from vsreid_studio.engine.runtime.grabcut import cut
from vsreid_studio.engine.types import Box, Frame, SoftMask

DISK = Box(60, 40, 101, 81)


@pytest.fixture
def frame() -> Frame:
    frame = np.random.default_rng(0).integers(60, 90, (120, 160, 3), dtype=np.uint8)
    cv2.circle(frame, (80, 60), 20, (220, 60, 30), -1)
    return frame


def iou(mask: SoftMask) -> float:
    truth = np.zeros((120, 160), np.uint8)
    cv2.circle(truth, (80, 60), 20, 1, -1)
    hard = mask.hard(120, 160)
    return float((hard & (truth > 0)).sum() / (hard | (truth > 0)).sum())


def test_the_object_in_the_box_is_found(frame):
    assert iou(cut(frame, DISK.enlarge(0.15))) > 0.95


def test_the_same_box_gives_the_same_mask(frame):
    box = DISK.enlarge(0.1)
    assert cut(frame, box).same(cut(frame, box))


def test_nothing_lies_outside_the_box(frame):
    cv2.circle(frame, (118, 60), 10, (40, 220, 60), -1)
    box = Box(52, 34, 118, 88)
    hard = cut(frame, box).hard(120, 160)
    assert hard.sum() > 1000
    hard[box.slices] = False
    assert not hard.any()


def test_a_large_part_is_looked_at_smaller(frame):
    large = np.repeat(np.repeat(frame, 8, axis=0), 8, axis=1)
    found = cut(large, Box(440, 280, 850, 690))
    assert found.hard_box.iou(Box(480, 320, 808, 648)) > 0.9


@pytest.mark.parametrize(
    "box", [Box(0, 0, 160, 120), Box(10, 10, 12, 60), Box(500, 500, 600, 600), Box(-40, -40, 2, 2)]
)
def test_a_box_that_tells_nothing_gives_nothing(frame, box):
    assert not cut(frame, box).box.area


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 853, 480), Box(1, 0, 854, 480), Box(0, 0, 854, 479), Box(0, 1, 854, 480), Box(1, 1, 853, 479)],
)
def test_a_box_that_leaves_one_row_or_column(box):
    frame = np.random.default_rng(0).integers(60, 90, (480, 854, 3), dtype=np.uint8)
    frame[150:330, 250:600] = (220, 60, 30)
    assert cut(frame, box).hard_box.iou(Box(250, 150, 600, 330)) > 0.95


@pytest.mark.parametrize("box", [Box(700, 0, 704, 2000), Box(0, 900, 1400, 904), Box(0, 0, 1399, 2000)])
def test_a_box_that_is_less_than_a_pixel_when_reduced(box):
    frame = np.random.default_rng(0).integers(60, 90, (2000, 1400, 3), dtype=np.uint8)
    frame[box.slices] = (220, 60, 30)
    assert cut(frame, box).hard_box.iou(box) >= 0.5
