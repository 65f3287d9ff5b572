"""What becomes of maps once they are there: joined between two exact masks, and smoothed (see `smooth`).

Maps are smoothed in blocks, counted from their checkpoint, each when the one after it has been reached. So
within a run the chain of masks never leads through a smoothed one, and a run that was cut short smooths as
one that was not. `Cell.smoothed` tells which were, or every further run would smooth them again.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import replace
from itertools import groupby

from ..algorithm.protocols import MaskPropagation
from ..events import Change
from ..store.annotation import Annotation
from ..types import Cell, CellKey, Maker
from .bidirectional_fusion import vote
from .temporal_smoothing import BLOCK

Polishing = Generator[None, None, Change | None]
"""Yields now and then, so that one may stop; returns the change, None if a person drew there meanwhile."""


def rough(annotation: Annotation, instance: int, frames: Collection[int] | None = None) -> list[range]:
    """Blocks of maps of an instance that were carried on and are not smoothed yet, ascending.

    Args:
        frames: only blocks that hold one of these, None for all.
    """
    row = annotation.row(instance)
    due = sorted(frame for frame, cell in row.items() if _is_rough(frame, cell))

    def place(numbered: tuple[int, int]) -> tuple[int, int, int]:
        """The same for neighbours in one block."""
        number, frame = numbered
        origin = row[frame].origin
        away = frame - origin
        return (frame - number, origin, away // abs(away) * ((abs(away) - 1) // BLOCK + 1))

    blocks = [[frame for _, frame in part] for _, part in groupby(enumerate(due), place)]
    found = [range(block[0], block[-1] + 1) for block in blocks]
    return [block for block in found if frames is None or any(frame in frames for frame in block)]


def block_done(origin: int, frame: int) -> range:
    """The block that is complete behind a walk from `origin` which has just come to `frame`; mostly empty."""
    step = 1 if frame > origin else -1
    if frame == origin + step or (abs(frame - origin) - 1) % BLOCK:
        return range(0)
    return range(frame - BLOCK, frame) if step > 0 else range(frame + 1, frame + BLOCK + 1)


def smooth_block(
    annotation: Annotation, propagation: MaskPropagation, instance: int, block: range
) -> Polishing:
    """Smooth the maps of a block of `rough`, beside what came from the same checkpoint."""
    row = annotation.row(instance)
    around = range(block.start - 1, block.stop + 1)
    before = {frame: cell for frame in around if (cell := row.get(frame)) is not None}
    origin = before[block.start].origin
    kin = {frame: cell for frame, cell in before.items() if cell.origin == origin}
    step = 1 if block.start > origin else -1
    after = yield from _smoothed(annotation, propagation, instance, kin, block, step)
    return _change(annotation, instance, before, after)


def join(
    annotation: Annotation,
    propagation: MaskPropagation,
    instance: int,
    gap: range,
    later: Mapping[CellKey, Cell],
    smooth: bool,
) -> Polishing:
    """Let both checkpoints have their say in all that is between them, and smooth it.

    Args:
        gap: from one checkpoint to the other, both included.
        later: what the later one has come to in the cells in which the earlier one's maps are, and itself.
    """
    row, inner = annotation.row(instance), gap[1:-1]
    before = {frame: cell for frame in gap if (cell := row.get(frame)) is not None}
    end = before.get(gap[-1])
    # Else a person has drawn here meanwhile, and so below.
    if end is None or end is not later.get(CellKey(gap[-1], instance)):
        return None
    cells = dict(before)
    for frame in inner:
        there, back = cells.get(frame), later.get(CellKey(frame, instance))
        if there is None or back is None or (there.origin, back.origin) != (gap[0], gap[-1]):
            return None
        cells[frame] = vote(frame, there, back)
    after = {frame: cells[frame] for frame in inner}
    if smooth:
        after = yield from _smoothed(annotation, propagation, instance, cells, inner, 1)
    return _change(annotation, instance, before, after)


def _is_rough(frame: int, cell: Cell) -> bool:
    """Not what is joined: that was smoothed as a whole, or with smoothing switched off."""
    carried = cell.made_by is Maker.PROPAGATION and cell.origin != frame and cell.second is None
    return carried and not cell.smoothed and cell.mask.box.area > 0


def _smoothed(
    annotation: Annotation,
    propagation: MaskPropagation,
    instance: int,
    cells: Mapping[int, Cell],
    frames: range,
    step: int,
) -> Generator[None, None, dict[int, Cell]]:
    maps = {frame: cell.mask for frame, cell in cells.items()}
    found = yield from propagation.smooth(annotation, instance, maps, frames, step)
    return {frame: replace(cells[frame], mask=found[frame], smoothed=True) for frame in frames}


def _change(
    annotation: Annotation, instance: int, before: Mapping[int, Cell], after: Mapping[int, Cell]
) -> Change | None:
    if any(annotation.get(frame, instance) is not cell for frame, cell in before.items()):
        return None
    return annotation.set_cells(
        "propagate", {CellKey(frame, instance): cell for frame, cell in after.items()}
    )
