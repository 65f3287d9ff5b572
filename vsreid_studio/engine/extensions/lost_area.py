"""Lost area: the map of an instance that has become very small is emptied.

The authors' released program does so; the paper has no such rule. What is left of a mask when its object is
hidden is a speck on the occluder, and would grow over it. With this rule the map is empty, so that
re-identification searches the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..algorithm.protocols import Patch, Scene
from ..store.view import Cells
from ..types import Prediction, SoftMask


@dataclass(frozen=True, slots=True)
class LostArea:
    """Empties the map of an instance whose area has become very small.

    Attributes:
        share: of the area of the first mask that a person drew or approved (authors' program: 0.1).
    """

    share: float

    def after_prediction(
        self, scene: Scene, patches: Sequence[Patch], found: Mapping[int, Prediction]
    ) -> dict[int, Prediction]:
        """The predictions; one that is emptied keeps its confidence."""
        return {
            k: replace(one, mask=SoftMask.empty()) if self._lost(scene.cells, k, one.mask) else one
            for k, one in found.items()
        }

    def _lost(self, cells: Cells, instance: int, mask: SoftMask) -> bool:
        for frame in cells.checkpoints(instance):
            cell = cells.get(frame, instance)
            if cell is not None and cell.pinned:
                return mask.area < self.share * cell.mask.area
        return False
