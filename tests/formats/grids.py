"""Tiny frames and masks with what makes exports stumble, and what all exports have to stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from vsreid_studio.engine.types import Frame, LabelMap

HEIGHT, WIDTH = 12, 17
NAMES = {1: "Läuferin", 2: "自転車", 3: "rider", 4: "rider", 9: "never seen", 254: "  two\n words "}


def awkward_maps() -> list[LabelMap]:
    """One mask a frame: several, none, one pixel, a full frame, corners, holes, the last number."""
    maps = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(7)]
    maps[0][2:6, 3:9] = 1
    maps[0][4:9, 9:15] = 2
    maps[0][7:10, 1:4] = 3
    maps[0][0, 5:12] = 4
    maps[2][7, 11] = 1
    maps[3][:] = 2
    maps[4][0, 0] = maps[4][-1, -1] = maps[4][0, -1] = maps[4][-1, 0] = 3
    maps[4][:, 8] = 254
    maps[5][1:11, 1:16] = 1
    maps[5][3:9, 4:12] = 0
    maps[5][5, 5:8] = 4
    maps[6][:] = np.indices((HEIGHT, WIDTH)).sum(0) % 2
    return maps


def frames_like(maps: Sequence[LabelMap]) -> list[Frame]:
    """A frame of noise for each mask, among its colours black."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (*labels.shape, 3), np.uint8) for labels in maps]
    for frame in frames:
        frame[4:6] = 0
    return frames


def same(found: Iterable[LabelMap], expected: Iterable[LabelMap]) -> bool:
    """Whether two runs of label maps are equal to the pixel."""
    pairs = list(zip_longest(found, expected))
    return all(one is not None and other is not None and np.array_equal(one, other) for one, other in pairs)


def everything_in(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
