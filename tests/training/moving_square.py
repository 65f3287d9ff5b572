"""A square that moves, as a sequence and as stills for training."""

from __future__ import annotations

import numpy as np

from vsreid_studio.training.clips import Clip, Still


def moving_square(length: int) -> Clip:
    """A square that moves four pixels a frame to the right; the flow says so."""
    frames = np.random.default_rng(0).integers(0, 255, (length, 96, 128, 3), dtype=np.uint8)
    labels = np.zeros((length, 96, 128), np.uint8)
    for number in range(length):
        labels[number, 30:62, 20 + 4 * number : 52 + 4 * number] = 1
    still = np.zeros((length - 1, 48, 64, 2), np.float16)
    forward, backward = still.copy(), still.copy()
    forward[..., 0], backward[..., 0] = -2, 2
    return Clip("square", frames, labels, forward, backward)


def square_stills() -> list[Still]:
    """Two pictures of a square."""
    rng = np.random.default_rng(1)
    labels = np.zeros((80, 100), np.uint8)
    labels[20:60, 30:70] = 1
    return [Still(rng.integers(0, 255, (80, 100, 3), dtype=np.uint8), labels, (1,)) for _ in range(2)]
