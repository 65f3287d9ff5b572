"""The PASCAL VOC palette, which DAVIS masks carry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine.types import read_only


def voc_palette() -> NDArray[np.uint8]:
    """The colours of instance numbers.

    Bits 0, 1, 2 of the number give the highest bit of red, green and blue, bits 3, 4, 5 the next one,
    bits 6 and 7 the third of red and green: neighbours in number are far apart in colour.

    Returns:
        (256, 3) uint8 RGB, read-only: black for background, ... (224, 224, 192) for void.
    """
    numbers = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for channel in range(3):
        for level in range(3):
            bit = (numbers >> (3 * level + channel)) & 1
            colours[:, channel] |= (bit << (7 - level)).astype(np.uint8)
    return read_only(colours)


PALETTE = voc_palette()
"""(256, 3) uint8 RGB, the colour of each instance number; read-only."""
