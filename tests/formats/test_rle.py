from __future__ import annotations

import numpy as np
import pytest
from grids import awkward_maps

from vsreid_studio.engine.types import LabelMap
from vsreid_studio.errors import UserError
from vsreid_studio.formats.marks import box_of
from vsreid_studio.formats.rle import (
    MAX_POINTS,
    compressed,
    expanded,
    filled,
    label_map,
    mask_of,
    points_of,
    run_lengths,
)


def disk() -> np.ndarray:
    y, x = np.mgrid[:24, :32]
    return ((y - 12) ** 2 + (x - 15) ** 2 <= 49).astype(np.uint8)


def corner(y: int, x: int) -> np.ndarray:
    labels = np.zeros((480, 854), np.uint8)
    labels[y, x] = 1
    return labels


def chequers() -> np.ndarray:
    labels = np.zeros((6, 9), np.uint8)
    labels[::2, ::2] = 1
    return labels


# What pycocotools 2.0.11 makes of these.
KNOWN = [
    (disk(), r"\61d06L2N2N2O000O20N10001N2N2N4J_6"),
    (corner(479, 853), "oY`<1"),
    (corner(0, 0), "01oY`<"),
    (np.ones((480, 854), np.uint8), "0PZ`<"),
    (chequers(), "01100060J00060J00060J00060J0000"),
]


@pytest.mark.parametrize(("labels", "text"), KNOWN)
def test_strings_are_those_of_coco(labels: LabelMap, text: str) -> None:
    lengths = run_lengths(labels)[1]
    assert compressed(lengths) == text
    assert expanded(text) == lengths
    assert np.array_equal(mask_of(expanded(text), *labels.shape), labels == 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("labels", [labels for labels, _ in KNOWN] + awkward_maps())
def test_agrees_with_pycocotools(labels: LabelMap) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    for number, lengths in run_lengths(labels).items():
        theirs = coco.encode(np.asfortranarray(labels == number).astype(np.uint8, order="F"))
        assert compressed(lengths) == theirs["counts"].decode()
        assert coco.area(theirs) == sum(lengths[1::2])
        assert coco.toBbox(theirs).tolist() == box_of(lengths, labels.shape[0])
        assert np.array_equal(coco.decode({**theirs, "counts": compressed(lengths)}), labels == number)


@pytest.mark.parametrize("text", ["o" * 1_000_000, "oooooooooooooo0"])
def test_endless_lengths(text: str) -> None:
    with pytest.raises(UserError, match="longer than any frame"):
        expanded(text)


def test_a_mask_without_pixels() -> None:
    assert run_lengths(np.zeros((480, 854), np.uint8)) == {}
    assert compressed([480 * 854]) == "PZ`<"
    assert not mask_of(expanded("PZ`<"), 480, 854).any()


@pytest.mark.parametrize("labels", awkward_maps())
def test_round_trips_and_boxes(labels: LabelMap) -> None:
    found = run_lengths(labels)
    assert list(found) == [n for n in np.unique(labels) if n]
    again = [(number, expanded(compressed(lengths))) for number, lengths in found.items()]
    assert np.array_equal(label_map(again, *labels.shape), labels)
    for number, lengths in found.items():
        rows, columns = np.nonzero(labels == number)
        sides = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert box_of(lengths, labels.shape[0]) == sides
        assert sum(lengths[1::2]) == len(rows)


def test_long_and_shrinking_runs() -> None:
    lengths = [0, 1, 1_000_000, 3, 17, 2_000_000, 1, 1]
    assert expanded(compressed(lengths)) == lengths


@pytest.mark.parametrize(
    ("text", "sentence"), [("~1", "'~' does not belong"), ("é", "does not belong"), ("PP", "end midway")]
)
def test_broken_strings(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        expanded(text)


@pytest.mark.parametrize("lengths", [[3], [2, -1, 11], [13], []])
def test_lengths_that_fit_no_frame(lengths: list[int]) -> None:
    with pytest.raises(UserError, match="do not fill a frame of 4 x 3"):
        mask_of(lengths, 3, 4)


def test_overlapping_masks() -> None:
    with pytest.raises(UserError, match="instance 2 overlaps"):
        label_map([(1, [0, 6]), (2, [5, 1])], 2, 3)


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
