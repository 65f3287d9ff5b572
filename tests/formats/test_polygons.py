from __future__ import annotations

import numpy as np
import pytest

from vsreid_studio.errors import UserError
from vsreid_studio.formats.polygons import MAX_POINTS, filled, points_of

coco = pytest.importorskip("pycocotools.mask")


def test_whole_pixels_are_exact() -> None:
    mask = filled([points_of([2, 1, 6, 1, 6, 4, 2, 4])], 6, 9)
    expected = np.zeros((6, 9), np.bool_)
    expected[1:4, 2:6] = True
    assert np.array_equal(mask, expected)


def test_union_and_holes() -> None:
    square, inner = [0, 0, 8, 0, 8, 8, 0, 8], [2, 2, 6, 2, 6, 6, 2, 6]
    assert filled([points_of(square), points_of(inner)], 8, 8).all()
    # One outline that crosses itself, by the even-odd rule.
    assert filled([points_of([*square, 0, 0, *inner, 2, 2])], 8, 8).sum() == 64 - 16


def test_parts_out_of_the_frame_are_cut() -> None:
    assert filled([points_of([-50, -50, 50, -50, 50, 50, -50, 50])], 4, 5).all()
    assert not filled([points_of([10, 10, 20, 10, 20, 20])], 4, 5).any()


# Of the bindings' own, under NumPy 2.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_agrees_with_coco_up_to_the_edge() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        angles, radii = np.sort(rng.random(12)) * 2 * np.pi, rng.uniform(20, 60, 12)
        points = np.stack([80 + radii * np.cos(angles), 70 + radii * np.sin(angles)], 1)
        theirs = coco.decode(coco.frPyObjects([points.ravel().tolist()], 140, 160))[..., 0] > 0
        ours = filled([points], 140, 160)
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.99


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], [float("nan")] * 6, [1e9] * 6, [0.0] * (2 * MAX_POINTS + 2)],
)
def test_what_is_no_polygon(numbers: list[float]) -> None:
    with pytest.raises(UserError, match="polygon"):
        points_of(numbers)
