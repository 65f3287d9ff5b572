"""Corrections: an instance that a person has drawn again after the first time.

A mask that a person drew or approved is pinned: a checkpoint that no propagation overwrites. Where there are
several, both ends of what lies between may be exact, and every outline counts: such an instance is carried by
finer flow, seen on larger scales, see `test_time_augmentation`, and smoothed at full size.
"""

from __future__ import annotations

from ..algorithm.propagate import template_frame
from ..algorithm.protocols import Cells
from ..types import Maker


def corrected(cells: Cells, instance: int) -> bool:
    """Whether a person drew or imported the instance in a frame beside that of its template."""
    checkpoints = cells.checkpoints(instance)
    if not checkpoints:
        return False
    first = template_frame(cells, instance)
    later = (cells.get(frame, instance) for frame in checkpoints if frame != first)
    return any(
        cell is not None and cell.pinned and cell.made_by in (Maker.PERSON, Maker.IMPORT) for cell in later
    )
