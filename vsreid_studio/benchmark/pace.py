"""How long the method takes a frame, all in all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..config import Config
from ..engine.annotation import Annotation
from ..engine.modules import MaskPropagation, Reidentification
from ..engine.run import accept_all
from ..engine.types import Cell, CellKey, SoftMask
from ..engine.vsreid import vsreid

_WARM_UP = 4
"""Frames run beforehand: the first calls choose kernels."""


def pace(
    modules: Callable[[], tuple[MaskPropagation, Reidentification | None]],
    first: Mapping[int, SoftMask],
    config: Config,
    frames: int,
) -> float:
    """Seconds a frame of a run from the first masks: reading, flow, networks, retrievals and recoveries.

    Args:
        modules: new ones, of a video of so many frames or more, with empty caches.
        first: masks of frame 0 by instance.
        frames: 2 or more.
    """
    _run(modules, first, config, min(frames, _WARM_UP))
    started = time.perf_counter()
    _run(modules, first, config, frames)
    return (time.perf_counter() - started) / (frames - 1)


def _run(
    modules: Callable[[], tuple[MaskPropagation, Reidentification | None]],
    first: Mapping[int, SoftMask],
    config: Config,
    frames: int,
) -> None:
    annotation = Annotation(frames)
    given: dict[CellKey, Cell | None] = {CellKey(0, k): Cell(mask, 0, True) for k, mask in first.items()}
    annotation.apply(annotation.set_cells("import", given))
    accept_all(vsreid(annotation, *modules(), config, grow=False))
