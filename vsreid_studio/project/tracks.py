"""Tracks of proposals: retrievals of one instance that follow one another, probably of the same object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ..engine.events import Reason, Retrieval
from ..engine.types import CellKey

GAP = 8
"""Frames between two retrievals of one track, at most: a detector misses an object now and then."""
LEAST_IOU = 0.2
"""Of the boxes of two retrievals next to one another, in the frame after; it falls with the gap."""
_CARRIES = {
    None,
    Reason.SKIPPED,
    Reason.UNSURE,
    Reason.WORSE,
    Reason.ELSEWHERE,
    Reason.BELOW,
    Reason.LOOKALIKE,
}
"""Reasons of retrievals that may be the same object as one that is offered."""


def proposal_tracks(retrievals: Iterable[Retrieval]) -> list[tuple[Retrieval, ...]]:
    """Groups of retrievals of one instance whose boxes follow one another, each in the order of frames."""
    ordered = sorted(retrievals, key=lambda it: (it.instance, it.frame))
    grouped: list[tuple[Retrieval, ...]] = []
    for _, row in groupby(ordered, key=lambda it: it.instance):
        part: list[Retrieval] = []
        for one in row:
            if part and not _follows(part[-1], one):
                grouped.append(tuple(part))
                part = []
            part.append(one)
        grouped.append(tuple(part))
    return grouped


def track_of(key: CellKey, retrievals: Sequence[Retrieval]) -> tuple[Retrieval, ...]:
    """The track that a cell belongs to: those that wait and those that are too weak to be offered.

    Returns:
        in the order of frames, with the cell itself where it is listed.
    """
    able = (
        it for it in retrievals if it.key == key or (it.instance == key.instance and it.reason in _CARRIES)
    )
    return next((track for track in proposal_tracks(able) if any(it.key == key for it in track)), ())


def best(track: Sequence[Retrieval]) -> Retrieval:
    """The retrieval of a track that is shown for all of it."""
    return max(track, key=lambda it: it.similarity)


def _follows(before: Retrieval, after: Retrieval) -> bool:
    gap = after.frame - before.frame
    return gap <= GAP and before.box.iou(after.box) >= LEAST_IOU / gap
