"""An instance of which hardly anything is left is lost; what counts is the first mask that is pinned."""

import numpy as np
import pytest
from fakes import grid, patch

from vsreid_studio.engine.algorithm.protocols import Scene
from vsreid_studio.engine.extensions.lost_area import LostArea
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, Maker, Prediction, SoftMask


def flat(width: int, height: int) -> SoftMask:
    return SoftMask(Box(0, 0, width, height), np.full((height, width), 255, np.uint8))


def pinned(frame: int, mask: SoftMask) -> Cell:
    return Cell(mask, frame, pinned=True, made_by=Maker.PERSON)


def left(annotation: Annotation, share: float, mask: SoftMask) -> Prediction:
    nothing = np.zeros((8, 8, 2), np.float32)
    scene = Scene(annotation, 1, 0, np.zeros((8, 8, 3), np.uint8), nothing, nothing, {1: mask})  # type: ignore[arg-type]
    return LostArea(share).after_prediction(scene, [], {1: Prediction(mask, 0.7)})[1]


@pytest.mark.parametrize(("share", "area"), [(0.03, 2), (0.04, 0)])
def test_it_is_lost_below_a_share_of_its_first_mask(share: float, area: int) -> None:
    found = left(grid(3, (0, 1, pinned(0, flat(8, 8)))), share, patch(0, 0, 1))
    assert (found.mask.area, found.confidence) == (area, 0.7)


def test_a_recovery_in_an_earlier_frame_is_no_measure() -> None:
    recovery = Cell(flat(8, 8), 1, made_by=Maker.RECOVERY)
    annotation = grid(5, (1, 1, recovery), (4, 1, pinned(4, flat(4, 2))))
    assert left(annotation, 0.1, patch(0, 0, 1)).mask.area == 2


def test_without_a_pinned_mask_nothing_is_lost() -> None:
    annotation = grid(5, (1, 1, Cell(flat(8, 8), 1, made_by=Maker.RECOVERY)))
    assert left(annotation, 0.5, patch(0, 0, 1)).mask.area == 2
