"""Merging the changes of a run with those of a person.

A run works on a copy of the annotation while a person goes on editing the document. What the run has computed
from a mask that the person has changed meanwhile is not taken over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...engine.events import Change, Decision
from ...engine.store.annotation import Annotation
from ...engine.types import Cell, CellKey
from ...project import Instance


def still_valid(annotation: Annotation, known: Mapping[int, Instance], change: Change) -> Change:
    """The part of a run's change that does not conflict with what a person did meanwhile.

    A cell is taken only where the document still holds what the run found there: the cells are immutable, so
    identity tells. Only a person's answer replaces a pinned one. An answer whose mask is not taken is not
    remembered either, so that its proposal waits again.

    Args:
        known: the instances that are still there, by number. Masks of locked ones stay as they are.
    """
    cells = {
        key: cell
        for key, cell in change.after.items()
        if annotation.get(*key) is change.before[key]
        and (not annotation.pinned(*key) or (cell is not None and cell.pinned))
        and not (key.instance in known and known[key.instance].locked)
        and (cell is None or (key.instance in known and _has_checkpoint(annotation, change, key, cell)))
    }
    left = change.after.keys() - cells.keys()
    decided = {
        key: one
        for key, one in change.decisions_after.items()
        if annotation.decisions.get(key) == change.decisions_before[key]
        and key.instance in known
        and not left.intersection(_decided_cells(key, one))
    }
    return annotation.decide(annotation.set_cells(change.label, cells), decided)


def _decided_cells(key: CellKey, decision: Decision | None) -> list[CellKey]:
    """The cells that a decision says something of."""
    given_to = None if decision is None else decision.given_to
    return [key] if given_to is None else [key, CellKey(key.frame, given_to)]


def _has_checkpoint(annotation: Annotation, change: Change, key: CellKey, cell: Cell) -> bool:
    """Whether the checkpoint is there from which a run made a cell: a person may have undone it meanwhile."""
    origin = CellKey(cell.origin, key.instance)
    return origin == key or origin in change.after or annotation.anchored(*origin)


def drop_stale(annotation: Annotation, posted: Sequence[Change]) -> Change | None:
    """The cells that a run made from masks which a person changed too late for the run to notice.

    Args:
        posted: those changes of the person, in order.

    Returns:
        What removes them, None when there are none.
    """
    own: dict[CellKey, Cell | None] = {}
    frames: dict[int, set[int]] = {}
    for change in posted:
        own.update(change.after)
        for key, cell in change.after.items():
            if not _keeps_derived(key.frame, change.before[key], cell):
                frames.setdefault(key.instance, set()).add(key.frame)
    stale: dict[CellKey, Cell | None] = {
        CellKey(frame, k): None
        for k, changed in frames.items()
        for frame, cell in annotation.row(k).items()
        if not changed.isdisjoint((cell.origin, cell.second))
        and cell.origin != frame
        and own.get(CellKey(frame, k)) is not cell
    }
    return annotation.set_cells("propagate", stale) if stale else None


def _keeps_derived(frame: int, before: Cell | None, after: Cell | None) -> bool:
    """Whether what was derived from a cell stays true."""
    if before is None or after is None or after.origin != frame:
        return False
    return before.origin == frame and after.mask.same(before.mask)
