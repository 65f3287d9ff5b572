"""An instance is corrected when a person drew it beside its template, which is its first pinned mask."""

import numpy as np
import pytest

from vsreid_studio.engine.algorithm.propagate import corrected, template_frame
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, Maker, SoftMask

MASK = SoftMask.from_dense(np.ones((4, 4), np.float32))


def annotation(*checkpoints: tuple[int, Maker]) -> Annotation:
    cells = {
        CellKey(frame, 1): Cell(MASK, frame, maker is not Maker.RECOVERY, maker)
        for frame, maker in checkpoints
    }
    return Annotation(60, cells)


@pytest.mark.parametrize(
    ("checkpoints", "template", "expected"),
    [
        (((0, Maker.PERSON),), 0, False),
        (((0, Maker.PERSON), (9, Maker.RECOVERY)), 0, False),
        (((0, Maker.PERSON), (9, Maker.PERSON)), 0, True),
        (((0, Maker.IMPORT), (9, Maker.IMPORT)), 0, True),
        # Drawn in frame 40, then found again in frame 10: nobody has corrected anything.
        (((10, Maker.RECOVERY), (40, Maker.PERSON)), 40, False),
        (((10, Maker.RECOVERY), (40, Maker.PERSON), (50, Maker.PERSON)), 40, True),
        (((10, Maker.RECOVERY), (20, Maker.RECOVERY)), 10, False),
    ],
)
def test_who_has_corrected(checkpoints: tuple[tuple[int, Maker], ...], template: int, expected: bool) -> None:
    given = annotation(*checkpoints)
    assert template_frame(given, 1) == template
    assert corrected(given, 1) is expected


def test_without_checkpoints_there_is_nothing_to_correct() -> None:
    assert not corrected(Annotation(3), 1)
