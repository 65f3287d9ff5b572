import numpy as np
import pytest

from vsreid_studio.engine.extensions.connected_components import without_small_components
from vsreid_studio.engine.types import Box, Probability


def _map(*boxes: Box) -> Probability:
    found = np.zeros((100, 200), np.float32)
    for box in boxes:
        found[box.slices] = 0.9
    return found


BODY = Box(10, 30, 50, 70)
NEAR, FAR, LARGE = Box(55, 30, 65, 40), Box(120, 30, 130, 40), Box(120, 30, 160, 60)


def test_far_piece_goes_with_its_soft_rim() -> None:
    stray = _map(BODY, FAR)
    stray[40:44, 120:130] = 0.4
    assert np.array_equal(without_small_components(stray, 0.25, 1600), _map(BODY))


def test_pieces_side_by_side_stay() -> None:
    split = _map(BODY, NEAR)
    assert np.array_equal(without_small_components(split, 0.25, 1600), split)


def test_large_piece_stays_wherever_it_is() -> None:
    pair = _map(BODY, LARGE)
    assert np.array_equal(without_small_components(pair, 0.25, 1600), pair)


def test_while_the_instance_is_being_hidden_nothing_goes() -> None:
    rest = _map(BODY, FAR)
    assert without_small_components(rest, 0.25, 2 * BODY.area + 1) is rest
    assert without_small_components(rest, 0.25, 2 * BODY.area - 1) is not rest


@pytest.mark.parametrize("scale", [4, 5])
def test_large_maps_are_looked_at_in_blocks(scale: int) -> None:
    """Down to the last, odd, row and column, and a stray of one pixel goes, too."""

    def large(*boxes: Box) -> Probability:
        return np.repeat(np.repeat(_map(*boxes), scale, 0), scale, 1)[:-1, :-1]

    expected = 1600 * scale**2
    stray = large(BODY, FAR, Box(199, 99, 200, 100))
    stray[1, 1] = 0.9
    assert np.array_equal(without_small_components(stray, 0.25, expected), large(BODY))
    for kept in (large(BODY, NEAR), large(BODY, LARGE)):
        assert np.array_equal(without_small_components(kept, 0.25, expected), kept)
    assert without_small_components(stray, 0.25, 2 * expected + 100 * scale) is stray


def test_empty_map() -> None:
    nothing = _map()
    assert without_small_components(nothing, 0.25, 0) is nothing
