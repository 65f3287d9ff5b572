"""Which cells each checkpoint is due, and which of these are still to be computed.

A *checkpoint* is a cell with c = i and a map; masks are carried on from it. A cell with c = i and an empty
map ('not in this frame') is a *barrier*: nothing starts there and nothing passes it. Both are *anchors*, and
no propagation overwrites an anchor. A cell not yet computed is infinitely far from its origin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..extensions.bidirectional_fusion import both_trusted, is_fused
from ..store.annotation import Annotation
from ..types import Cell


class Territory(NamedTuple):
    """Cells of one instance that are still to be computed: frame → checkpoint, in walking order.

    Attributes:
        forward: reached from an earlier checkpoint, ascending.
        backward: reached from a later checkpoint, descending.
        gaps: from one checkpoint to the next, both included: both are to have a say in all between them.
    """

    forward: dict[int, int]
    backward: dict[int, int]
    gaps: tuple[range, ...]


def territory(
    annotation: Annotation, instance: int, frames: Collection[int] | None = None, vote: bool = True
) -> Territory:
    """What initial propagation has yet to compute of one instance (Algorithm 3, lines 6 to 9).

    Every frame goes to the nearest checkpoint that reaches it without crossing an anchor. A tie keeps the
    map that is there, and without one goes to the earlier checkpoint. Cells that came from their checkpoint
    already are left out, so that a cancelled run is resumed where it stopped. A cell whose origin is no
    checkpoint any more counts as not computed.

    Args:
        frames: the frames wanted, None for all. The frames between a checkpoint and a wanted one are
            included, because the chain of masks leads through them.
        vote: let both checkpoints have a say between two that are trusted.
    """
    row = annotation.row(instance)
    checkpoints = frozenset(annotation.checkpoints(instance))
    anchors = sorted(frame for frame, cell in row.items() if cell.origin == frame)
    origins = {frame: cell.origin for frame, cell in row.items() if cell.origin in checkpoints}
    forward: dict[int, int] = {}
    backward: dict[int, int] = {}
    gaps: list[range] = []
    for left, right in pairwise((-1, *anchors, annotation.length)):
        if vote and both_trusted(annotation, instance, left, right):
            ahead, behind = _both_ways(row, left, right, frames)
            forward.update(dict.fromkeys(ahead, left))
            backward.update(dict.fromkeys(behind, right))
            gaps += [range(left, right + 1)] if behind else []
            continue
        # The ends of the video are no checkpoints, and neither are barriers.
        rival = right if right in checkpoints else None
        from_left = _run(origins, left, range(left + 1, right), rival) if left in checkpoints else []
        rest = range(right - 1, left + len(from_left), -1)
        from_right = _run(origins, right, rest, None) if right in checkpoints else []
        for run, origin, due in ((from_left, left, forward), (from_right, right, backward)):
            due.update((i, origin) for i in _up_to(run, frames) if origins.get(i) != origin)
    back = dict(sorted(backward.items(), reverse=True))
    return Territory(dict(sorted(forward.items())), back, tuple(gaps))


def _run(origins: Mapping[int, int], start: int, frames: Iterable[int], rival: int | None) -> list[int]:
    """The leading run of `frames` that belongs to the checkpoint `start`, computed already or not."""
    run = []
    for frame in frames:
        distance = abs(start - frame)
        old = origins.get(frame)
        if rival is not None and distance > abs(rival - frame):
            break
        if old is not None and old != start and distance >= abs(old - frame):
            break
        run.append(frame)
    return run


def _both_ways(
    row: Mapping[int, Cell], left: int, right: int, frames: Collection[int] | None
) -> tuple[range, range]:
    """The frames between two checkpoints to walk forward and then backward, so that both have their say."""
    inner = range(left + 1, right)
    lacking = [i for i in inner if not is_fused(row.get(i), left, right)]
    if not lacking or not (frames is None or any(i in frames for i in lacking)):
        return range(0), range(0)
    # What is there from the left already need not be computed again.
    forward = left + 1
    while (cell := row.get(forward)) is not None and cell.origin == left and cell.second is None:
        forward += 1
    return range(forward, right), inner[::-1]


def _up_to(run: Sequence[int], frames: Collection[int] | None) -> Sequence[int]:
    """The run without what lies behind the last frame wanted."""
    if frames is None:
        return run
    return run[: max((n for n, frame in enumerate(run, 1) if frame in frames), default=0)]


def around(annotation: Annotation, instance: int, frame: int) -> range:
    """The frames from one anchor beside this one to the next."""
    anchors = [i for i, cell in annotation.row(instance).items() if cell.origin == i != frame]
    before = max((i for i in anchors if i < frame), default=-1)
    after = min((i for i in anchors if i > frame), default=annotation.length)
    return range(before + 1, after)
