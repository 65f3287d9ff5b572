"""What of a run's changes is let into a document that a person goes on editing."""

from __future__ import annotations

from dataclasses import replace

from small_clip import true_mask

from vsreid_studio.engine.events import Decision, Verdict
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.gui.session.merging import still_valid
from vsreid_studio.project import Instance

FIRST, KEY = CellKey(0, 1), CellKey(3, 1)
KNOWN = {1: Instance(1, "red", "#ff0000")}


def document(*, approved: bool = False) -> Annotation:
    """Instance 1 is drawn in frame 0 and carried to frame 3, where a person may have approved it."""
    first = Cell(true_mask(0, 1), 0, pinned=True, made_by=Maker.PERSON)
    carried = Cell(true_mask(3, 1), 0, confidence=0.4)
    return Annotation(
        6, {FIRST: first, KEY: replace(carried, origin=3, pinned=True) if approved else carried}
    )


def test_a_run_replaces_what_it_found_there() -> None:
    annotation = document()
    emptied = annotation.set_cells("propagate", {KEY: Cell(SoftMask.empty(), 0)})
    assert still_valid(annotation, KNOWN, emptied).after == emptied.after


def test_a_run_replaces_no_mask_that_a_person_has_pinned() -> None:
    annotation = document(approved=True)
    for cell in (Cell(SoftMask.empty(), 0), Cell(true_mask(3, 1), 3, made_by=Maker.RECOVERY), None):
        change = annotation.set_cells("propagate", {KEY: cell})
        assert not still_valid(annotation, KNOWN, change).after
    drawn = Cell(true_mask(2, 1), 3, pinned=True, made_by=Maker.PERSON)
    answer = annotation.set_cells("correct retrieval", {KEY: drawn})
    assert still_valid(annotation, KNOWN, answer).after == {KEY: drawn}


def test_an_answer_without_its_mask_is_not_remembered() -> None:
    annotation, other = document(), CellKey(3, 2)
    said = {KEY: Decision(Verdict.ACCEPTED, Box(0, 0, 4, 4), 0.9, Maker.PERSON)}
    found = Cell(true_mask(3, 1), 3, made_by=Maker.RECOVERY)
    accepted = annotation.decide(annotation.set_cells("accept retrieval", {KEY: found}), said)
    assert still_valid(annotation, KNOWN, accepted).decisions_after == said
    locked = {1: replace(KNOWN[1], locked=True)}
    assert not still_valid(annotation, locked, accepted).decisions_after
    drawn = annotation.set_cells("draw", {KEY: Cell(true_mask(2, 1), 3, pinned=True)})
    assert not still_valid(annotation.with_change(drawn), KNOWN, accepted).decisions_after
    given = {
        KEY: replace(said[KEY], verdict=Verdict.REASSIGNED, given_to=2),
        other: said[KEY],
    }
    both = {**KNOWN, 2: Instance(2, "green", "#00ff00")}
    change = annotation.decide(annotation.set_cells("reassign retrieval", {other: found}), given)
    assert still_valid(annotation, both, change).decisions_after == given
    both[2] = replace(both[2], locked=True)
    assert not still_valid(annotation, both, change).decisions_after
