"""How long the method takes a frame, all in all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ..engine.algorithm.protocols import Reidentification
from ..engine.runtime.pipeline import Modules
from ..engine.runtime.run import accept_all
from ..engine.store.annotation import Annotation
from ..engine.types import Cell, CellKey, SoftMask

Made: TypeAlias = Callable[[], tuple[Modules, Reidentification | None]]

_WARM_UP = 4
"""Frames run beforehand: the first calls choose kernels."""
_ROUNDS = 3
"""Of which the fastest counts: whatever else the machine does makes a run slower, never faster."""


def pace(
    made: Made,
    first: Mapping[int, SoftMask],
    frames: int,
) -> float:
    """Seconds a frame of a run from the first masks: reading, flow, networks, retrievals and recoveries.

    Args:
        made: new ones, of a video of so many frames or more, with empty caches.
        first: masks of frame 0 by instance.
        frames: 2 or more.
    """
    _run(made, first, min(frames, _WARM_UP))
    return min(_timed(made, first, frames) for _ in range(_ROUNDS)) / (frames - 1)


def _timed(
    made: Made,
    first: Mapping[int, SoftMask],
    frames: int,
) -> float:
    started = time.perf_counter()
    _run(made, first, frames)
    return time.perf_counter() - started


def _run(
    made: Made,
    first: Mapping[int, SoftMask],
    frames: int,
) -> None:
    modules, reid = made()
    accept_all(modules.run(begun(first, frames), reid, grow=False))


def begun(first: Mapping[int, SoftMask], frames: int) -> Annotation:
    """An annotation of so many frames with nothing but the first masks."""
    annotation = Annotation(frames)
    given: dict[CellKey, Cell | None] = {CellKey(0, k): Cell(mask, 0, True) for k, mask in first.items()}
    annotation.apply(annotation.set_cells("import", given))
    return annotation
