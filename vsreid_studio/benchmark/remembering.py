"""Appearances that outlast one run of the engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..engine.algorithm.protocols import Reidentification
from ..engine.types import Candidates, SoftMask


class Remembering(Reidentification):
    """A module whose appearances are kept from one run to the next."""

    def __init__(self, reid: Reidentification) -> None:
        self._reid = reid
        self._known: dict[int, tuple[SoftMask, NDArray[np.float32]]] = {}

    def candidates(self, frame: int) -> Candidates:
        """As the module does."""
        return self._reid.candidates(frame)

    def cached(self, frame: int) -> bool:
        """As the module does."""
        return self._reid.cached(frame)

    def prepare(self, frames: Sequence[int]) -> None:
        """As the module does."""
        self._reid.prepare(frames)

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        """As the module does, once for each mask: masks are immutable, and the one kept owns its id."""
        if id(mask) not in self._known:
            self._known[id(mask)] = mask, self._reid.appearance(frame, mask)
        return self._known[id(mask)][1]
