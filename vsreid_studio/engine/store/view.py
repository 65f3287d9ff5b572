"""P and c as they are read: by the algorithms, by the networks, and by extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..types import Cell, CellKey, SoftMask
from .annotation import Annotation


class Cells(Protocol):
    """Read access to P and c: an `Annotation`, or an `AnnotationView` of one."""

    @property
    def length(self) -> int:
        """N, the number of frames."""
        ...

    def get(self, frame: int, instance: int) -> Cell | None:
        """The cell, None where there is none."""
        ...

    def mask(self, frame: int, instance: int) -> SoftMask:
        """P[i, k]; empty where there is no cell."""
        ...

    def origin(self, frame: int, instance: int) -> int | None:
        """c[i, k]; None where there is no cell."""
        ...

    def anchored(self, frame: int, instance: int) -> bool:
        """Whether c = i."""
        ...

    def frame_masks(self, frame: int) -> dict[int, SoftMask]:
        """The maps of one frame by instance, empty ones left out."""
        ...

    def checkpoints(self, instance: int) -> tuple[int, ...]:
        """Frames with c = i whose map is not empty, ascending."""
        ...


class AnnotationView:
    """An annotation in which some cells are replaced, without a copy; neither may change meanwhile.

    Attributes:
        length: number of frames of the video.
    """

    def __init__(
        self, annotation: Annotation, cells: Mapping[CellKey, Cell], without: int | None = None
    ) -> None:
        """Take the cells that replace those of the annotation.

        Args:
            cells: the replacements.
            without: an instance of which only `cells` are visible; None hides nothing.
        """
        self.length = annotation.length
        self._annotation = annotation
        self._cells = cells
        self._without = without

    def get(self, frame: int, instance: int) -> Cell | None:
        """The cell, None where there is none."""
        replaced = self._cells.get(CellKey(frame, instance))
        if replaced is not None or instance == self._without:
            return replaced
        return self._annotation.get(frame, instance)

    def mask(self, frame: int, instance: int) -> SoftMask:
        """P[i, k]; empty where there is no cell."""
        cell = self.get(frame, instance)
        return cell.mask if cell is not None else SoftMask.empty()

    def origin(self, frame: int, instance: int) -> int | None:
        """c[i, k]; None where there is no cell."""
        replaced = self._cells.get(CellKey(frame, instance))
        if replaced is not None or instance == self._without:
            return replaced.origin if replaced is not None else None
        return self._annotation.origin(frame, instance)

    def anchored(self, frame: int, instance: int) -> bool:
        """Whether c = i."""
        return self.origin(frame, instance) == frame

    def frame_masks(self, frame: int) -> dict[int, SoftMask]:
        """The maps of one frame by instance, empty ones left out."""
        found = self._annotation.frame_masks(frame)
        if self._without is not None:
            found.pop(self._without, None)
        replaced = {key.instance: cell.mask for key, cell in self._cells.items() if key.frame == frame}
        found = {k: mask for k, mask in (found | replaced).items() if mask.box.area}
        return dict(sorted(found.items()))

    def checkpoints(self, instance: int) -> tuple[int, ...]:
        """Frames with c = i whose map is not empty, ascending."""
        own = {key.frame: cell for key, cell in self._cells.items() if key.instance == instance}
        kept = () if instance == self._without else self._annotation.checkpoints(instance)
        replaced = {frame for frame, cell in own.items() if cell.origin == frame and cell.mask.box.area}
        return tuple(sorted(replaced.union(frame for frame in kept if frame not in own)))
