"""Lost area: an instance with a very small area counts as lost and is not propagated any further.

As in the authors' released program; the paper has no such rule. What is left of a mask when its object is
hidden is a speck on the occluder, and would grow over it. With this rule the map is empty while the object is
hidden, so that re-identification searches the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..algorithm.protocols import Cells, Patch, Scene
from ..types import Prediction, SoftMask


@dataclass(frozen=True, slots=True)
class LostArea:
    """Empties maps.

    Attributes:
        share: of the area of the first mask that a person drew or approved (authors' program: 0.1).
    """

    share: float

    def after_prediction(
        self, scene: Scene, patches: Sequence[Patch], found: Mapping[int, Prediction]
    ) -> dict[int, Prediction]:
        """The predictions; the confidence of one that is emptied stays."""
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
