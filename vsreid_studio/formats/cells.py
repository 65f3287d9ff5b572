"""Given masks as cells of an annotation."""

from __future__ import annotations

from collections.abc import Mapping

from ..engine.types import Cell, CellKey, Maker, SoftMask


def first_cells(masks: Mapping[int, Mapping[int, SoftMask]]) -> dict[CellKey, Cell]:
    """Each object of each given mask as a pinned checkpoint.

    Args:
        masks: maps by frame and instance number, see `given_masks.GivenMasks`.
    """
    return {
        CellKey(frame, number): Cell(mask, frame, pinned=True, made_by=Maker.IMPORT)
        for frame, there in masks.items()
        for number, mask in sorted(there.items())
    }
