"""Maps as logits, in which they are averaged: one that is sure outweighs one that is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import Probability, SoftMask

DOUBT = np.float32(2e-3)
"""No map is surer of a pixel than this: half of the least that is stored."""
SURE = float(np.log((1 - DOUBT) / DOUBT))
"""The logit of what is as sure as can be."""


def logits(maps: Probability) -> NDArray[np.float32]:
    """Of a map in [0, 1], any shape, within some 6 of zero."""
    kept = maps.clip(DOUBT, 1 - DOUBT)
    return np.log(kept / (1 - kept)).astype(np.float32, copy=False)


def probability(values: NDArray[np.float32]) -> Probability:
    """The map of logits, any shape; zero where it is as sure as can be."""
    found = (1 / (1 + np.exp(-values))).astype(np.float32, copy=False)
    found[found < 1.5 * DOUBT] = 0
    return found


def from_logits(values: NDArray[np.float32], offset: tuple[int, int]) -> SoftMask:
    """The map of (H, W) logits, see `SoftMask.from_dense`; empty where all is as sure as can be."""
    return SoftMask.from_dense(probability(values), offset)
