"""The gallery: several templates of an instance instead of one.

The paper's template t_k is the appearance in the first frame (Sec. 3.2). Here every checkpoint is an entry of
the gallery: the first mask, masks drawn later, and accepted recoveries. So an instance that has turned since
is still found; the similarity is the maximum over the entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..algorithm.protocols import Reidentification
from ..algorithm.retrieve import UNKNOWN
from ..store.annotation import Annotation
from ..types import CellKey, Maker, SoftMask


@dataclass
class Gallery:
    """The appearances N_reid of the checkpoints of every instance, each computed once.

    Attributes:
        reid: computes appearances.
        grow: take accepted recoveries in. Without them a run from first masks alone has the paper's t_k.
    """

    reid: Reidentification
    grow: bool = True
    _known: dict[CellKey, tuple[SoftMask, NDArray[np.float32]]] = field(default_factory=dict, repr=False)

    def frames(self, annotation: Annotation, instance: int) -> tuple[int, ...]:
        """The frames whose masks are entries, ascending."""
        row = annotation.row(instance)
        return tuple(
            frame
            for frame in annotation.checkpoints(instance)
            # A map that nowhere exceeds 0.5 covers nothing.
            if (self.grow or row[frame].made_by is not Maker.RECOVERY) and row[frame].mask.area
        )

    def pending(self, annotation: Annotation, instance: int) -> list[int]:
        """The frames of entries that are not computed yet: `entry` runs the network for these."""
        return [
            frame
            for frame in self.frames(annotation, instance)
            if self._lookup(annotation, frame, instance) is None
        ]

    def entry(self, annotation: Annotation, frame: int, instance: int) -> NDArray[np.float32]:
        """The appearance of one mask: (d,) float32 of length 1, kept until the mask is another one."""
        known = self._lookup(annotation, frame, instance)
        if known is None:
            mask = annotation.mask(frame, instance)
            known = self.reid.appearance(frame, mask)
            self._known[CellKey(frame, instance)] = mask, known
        return known

    def entries(self, annotation: Annotation, instance: int) -> dict[int, NDArray[np.float32]]:
        """All entries of an instance by frame."""
        frames = self.frames(annotation, instance)
        return {frame: self.entry(annotation, frame, instance) for frame in frames}

    def similarity(self, annotation: Annotation, instance: int, frame: int, mask: SoftMask) -> float:
        """The best cosine of what a mask (not empty) covers over an instance's gallery, in [-1, 1].

        Returns:
            `UNKNOWN` when the gallery is empty.
        """
        entries = self.entries(annotation, instance)
        if not entries:
            return UNKNOWN
        seen = self.reid.appearance(frame, mask)
        return max(float(entry @ seen) for entry in entries.values())

    def _lookup(self, annotation: Annotation, frame: int, instance: int) -> NDArray[np.float32] | None:
        known = self._known.get(CellKey(frame, instance))
        # Masks are immutable, so identity shows whether this one is known.
        return known[1] if known is not None and known[0] is annotation.mask(frame, instance) else None
