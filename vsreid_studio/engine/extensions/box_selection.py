"""Box selection: N_mp cuts out what a person has boxed, guided by an ellipse in the place of a warped map.

The paper starts from exact first masks. A second call, guided by the map of the first, pays where the object
certainly is: J .851 instead of .821 (docs/experiments.md).
"""

from __future__ import annotations

import numpy as np

from ..algorithm.propagate import PatchPropagation
from ..algorithm.protocols import Cells
from ..types import Box, Prediction, SoftMask

ROUNDS = 2
"""How often N_mp looks."""


def select(propagation: PatchPropagation, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
    """N_mp in a box that a person drew, guided by the ellipse that fills it, then by what it found."""
    y, x = np.ogrid[-1 : 1 : box.height * 1j, -1 : 1 : box.width * 1j]
    guide = SoftMask.from_dense(x**2 + y**2 <= 1, (box.x0, box.y0))
    found = propagation.predict_at(cells, frame, guide, box, instance)
    for _ in range(ROUNDS - 1):
        if not found.mask.area:
            break
        found = propagation.predict_at(cells, frame, found.mask, box, instance)
    return found
