"""Whether what was recovered has an alibi: carried on, it is seen beside the instance, so it is not it.

N_reid compares looks (Sec. 3.2), and a look-alike looks alike. But it is somewhere, too, in the frames in
which the instance is seen for certain. What is recovered is carried towards these as a checkpoint would be:
if it arrives there well and apart from the instance, it is something else.
"""

from __future__ import annotations

from collections.abc import Generator

from ..algorithm.protocols import MaskPropagation
from ..events import Progress
from ..store.annotation import Annotation
from ..types import Cell, CellKey, SoftMask

REACH = 40
"""Frames it is carried each way."""
TRACKED = 0.6
"""From this confidence on it is still the same thing."""
APART = 0.1
"""Two masks show different things when they share less than this of the smaller one."""


def alibi(
    annotation: Annotation,
    propagation: MaskPropagation,
    key: CellKey,
    recovered: Cell,
    sure: float,
    progress: Progress,
) -> Generator[Progress, None, int | None]:
    """Carry a recovered mask both ways until it meets a certain mask of its instance, or is lost.

    Args:
        annotation: not changed.
        recovered: what would be put in the cell `key`.
        sure: a mask is certain from this confidence on.
        progress: yielded before each step.

    Returns:
        the frame in which both are seen apart from one another, None if there is none.
    """
    # Of the instance only this: its other masks would draw a look-alike over to it.
    others = {other: cell for other, cell in annotation.cells() if other.instance != key.instance}
    for step in (-1, 1):
        scratch = Annotation(annotation.length, {**others, key: recovered})
        frames = range(key.frame + step, key.frame + step * (REACH + 1), step)
        for frame in (n for n in frames if 0 <= n < annotation.length):
            yield progress
            found = propagation.propagate(scratch, frame - step, frame, [key.instance])[key.instance]
            own = annotation.get(frame, key.instance)
            if own is not None and _certain(own, frame, sure):
                if found.confidence >= sure and _apart(found.mask, own.mask):
                    return frame
                break
            if not found.mask.area or found.confidence < TRACKED:
                break
            cell = Cell(found.mask, key.frame, confidence=found.confidence)
            scratch.apply(scratch.set_cells("retrieval", {CellKey(frame, key.instance): cell}))
    return None


def _certain(cell: Cell, frame: int, sure: float) -> bool:
    """Whether this is how it is: an anchor, or a map that is not empty and that one can trust."""
    return cell.origin == frame or (cell.mask.area > 0 and cell.confidence >= sure)


def _apart(one: SoftMask, other: SoftMask) -> bool:
    """Whether two masks, neither of them empty, show different things."""
    return one.shared(other) < APART * min(one.area, other.area)
