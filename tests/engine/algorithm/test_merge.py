import numpy as np
import pytest

from vsreid_studio.engine.algorithm.merge import merge, split
from vsreid_studio.engine.types import Box, SoftMask


def flat(box: Box, value: int) -> SoftMask:
    return SoftMask(box, np.full((box.height, box.width), value, np.uint8))


def by_definition(masks: dict[int, SoftMask], height: int, width: int) -> np.ndarray:
    dense = {k: m.dense(height, width).astype(np.float64) for k, m in masks.items()}
    background = np.prod([1 - p for p in dense.values()], axis=0)
    stacked = np.stack([background, *(dense[k] for k in sorted(dense))])
    return np.array([0, *sorted(dense)], np.uint8)[stacked.argmax(0)]


def test_no_masks_are_all_background() -> None:
    assert not merge({}, 3, 4).any()
    assert not merge({7: SoftMask.empty()}, 3, 4).any()


def test_one_instance_must_exceed_half() -> None:
    labels = merge({3: flat(Box(0, 0, 1, 1), 127), 5: flat(Box(1, 0, 2, 1), 128)}, 1, 3)
    assert labels.tolist() == [[0, 5, 0]]


def test_two_doubtful_instances_outweigh_the_background() -> None:
    box = Box(0, 0, 1, 1)
    # (1 - .45)² = .30 < .45
    assert merge({1: flat(box, 114), 2: flat(box, 115)}, 1, 1).item() == 2


def test_of_equal_instances_the_lower_number_wins() -> None:
    box = Box(0, 0, 1, 1)
    assert merge({9: flat(box, 200), 4: flat(box, 200)}, 1, 1).item() == 4


@pytest.mark.parametrize("seed", range(5))
def test_follows_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = {}
    for number in random.choice(np.arange(1, 255), 4, replace=False):
        x, y = random.integers(0, 12, 2)
        values = random.integers(0, 256, (random.integers(1, 9), random.integers(1, 9))).astype(np.uint8)
        masks[int(number)] = SoftMask(Box(x, y, x + values.shape[1], y + values.shape[0]), values)
    labels = merge(masks, 20, 21)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, by_definition(masks, 20, 21))


def test_split_is_the_inverse() -> None:
    labels = np.zeros((6, 9), np.uint8)
    labels[1:3, 2:5], labels[4, :] = 7, 2
    found = split(labels)
    assert list(found) == [2, 7] and found[7].box == Box(2, 1, 5, 3)
    assert (merge(found, 6, 9) == labels).all()
    assert split(np.zeros((6, 9), np.uint8)) == {}


@pytest.mark.parametrize("number", [0, 255])
def test_refuses_what_is_no_instance(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 254"):
        merge({number: flat(Box(0, 0, 1, 1), 255)}, 2, 2)


@pytest.mark.parametrize("box", [Box(1, 0, 3, 1), Box(-1, 0, 1, 1)])
def test_refuses_a_box_outside_the_frame(box: Box) -> None:
    with pytest.raises(ValueError, match="outside a frame of 2 x 2"):
        merge({1: flat(box, 255)}, 2, 2)
