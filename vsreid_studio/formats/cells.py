"""Label maps as cells of an annotation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..engine.types import Cell, CellKey, LabelMap, Maker, SoftMask


def first_cells(masks: Mapping[int, LabelMap]) -> dict[CellKey, Cell]:
    """Each object of each given mask as a pinned checkpoint.

    Args:
        masks: (H, W) uint8 label maps by frame, values 0 to 254.
    """
    cells = {}
    for frame, labels in masks.items():
        for number in np.unique(labels[labels > 0]).tolist():
            mask = SoftMask.from_dense(labels == number)
            cells[CellKey(frame, number)] = Cell(mask, frame, pinned=True, made_by=Maker.IMPORT)
    return cells
