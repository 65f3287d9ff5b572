"""Masks that a person gives, and the cells of an annotation that they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..engine.types import Cell, CellKey, Maker, SoftMask
from .mask_reading import Reading


@dataclass(frozen=True, eq=False)
class GivenMasks:
    """Masks that were read.

    Attributes:
        masks: by frame, ascending, and by instance number, 1 to 254: P[i, k]. A frame that was given and
            shows no object is there without instances.
        reading: how pictures were taken; None for files of annotations, which leave no choice.
        text: what was taken for what, such as 'one soft-edged object'.
        names: of instances, by number, where the files tell any.
        classes: names of their classes, by instance number, where the files tell any.
    """

    masks: Mapping[int, Mapping[int, SoftMask]]
    reading: Reading | None
    text: str
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Mapping[int, str] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The instances, ascending."""
        return tuple(sorted({number for there in self.masks.values() for number in there}))


def first_cells(masks: Mapping[int, Mapping[int, SoftMask]]) -> dict[CellKey, Cell]:
    """Each object of each given mask as a pinned checkpoint.

    Args:
        masks: maps by frame and instance number, see `GivenMasks`.
    """
    return {
        CellKey(frame, number): Cell(mask, frame, pinned=True, made_by=Maker.IMPORT)
        for frame, there in masks.items()
        for number, mask in sorted(there.items())
    }
