"""What two maps have in common, wherever each of them is stored."""

import numpy as np
import pytest

from vsreid_studio.engine.types import SoftMask


def square(x: int, y: int, probability: float = 1.0) -> SoftMask:
    return SoftMask.from_dense(np.full((4, 4), probability, np.float32), (x, y))


def test_what_two_maps_share_counts_where_both_are_above_half() -> None:
    assert square(0, 0).shared(square(2, 1)) == 2 * 3
    assert square(0, 0).shared(square(4, 0)) == 0
    assert square(0, 0).shared(square(0, 0, 0.4)) == 0
    assert square(0, 0).shared(SoftMask.empty()) == 0


def test_iou_of_maps() -> None:
    assert square(0, 0).iou(square(2, 0)) == pytest.approx(8 / 24)
    assert square(0, 0).iou(square(0, 0, 0.6)) == 1
    assert square(0, 0).iou(SoftMask.empty()) == 0
    assert SoftMask.empty().iou(square(0, 0, 0.4)) == 1
