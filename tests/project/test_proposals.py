"""Proposals are the document's: kept, answered at any time, and waiting again once the answer is undone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from older import make_older

from vsreid_studio.engine.events import Change, Decision, Proposal, Queue, Reason, Retrieval, Verdict
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.project import Instance, Project, StoredProposal
from vsreid_studio.project.tracks import best, proposal_tracks, track_of

BOX = Box(100, 50, 140, 90)


def retrieval(frame: int, instance: int = 1, reason: Reason | None = None, box: Box = BOX) -> Retrieval:
    return Retrieval(frame, instance, box, 0.9 - frame / 1000, 0.1, reason)


def proposal(frame: int, instance: int = 1) -> Proposal:
    mask = SoftMask(BOX, np.full((40, 40), 200, np.uint8))
    return Proposal(frame, instance, BOX, 0.9 - frame / 1000, 0.1, (frame,), mask, 0.75)


@pytest.fixture
def drawn(project: Project, make_cell: Callable[..., Cell]) -> Project:
    """Two instances, drawn in frame 0."""
    for number in (1, 2):
        cells = {CellKey(0, number): make_cell(0, pinned=True)}
        one = Instance(number, f"object {number}", "#4477aa")
        project.apply(project.annotation.set_cells("draw", cells), instances={number: one})
    project.record_run({"propagation": "abc"}, {})
    return project


def take(project: Project, *events: Proposal | Queue, **scope: Any) -> None:
    for event in events:
        project.proposals.take(event, project.annotation, **scope)


def frames(project: Project) -> list[int]:
    return [one.key.frame for one in project.waiting()]


def accept(project: Project, frame: int) -> None:
    """As an answer does it, with two frames propagated."""
    mask = project.proposals.all[CellKey(frame, 1)].recovered
    assert mask is not None
    cells = {CellKey(frame + n, 1): Cell(mask, frame, made_by=Maker.RECOVERY) for n in range(3)}
    change = project.annotation.set_cells("accept retrieval", cells)
    decision = Decision(Verdict.ACCEPTED, BOX, 0.9, Maker.PERSON)
    project.apply(project.annotation.decide(change, {CellKey(frame, 1): decision}))


def test_they_are_there_after_reopening(drawn: Project) -> None:
    take(drawn, Queue((retrieval(20), retrieval(21), retrieval(30, 2, Reason.BELOW))), proposal(20))
    before = dict(drawn.proposals.all)
    drawn.close()
    with Project.open(drawn.path) as again:
        assert dict(again.proposals.all) == before
        kept = again.proposals.all[CellKey(20, 1)]
        assert (kept.run, kept.checkpoints, kept.confidence) == (1, (0,), 0.75)
        assert kept.recovered is not None and kept.recovered.same(proposal(20).recovered)
        assert again.proposals.all[CellKey(21, 1)].recovered is None
        assert frames(again) == [20, 21]
        assert len(proposal_tracks(one.retrieval for one in again.waiting())) == 1


def test_a_list_of_one_instance_leaves_the_others(drawn: Project) -> None:
    take(drawn, Queue((retrieval(20), retrieval(40, 2))))
    take(drawn, Queue((retrieval(50, 2),)), instances=[2])
    assert frames(drawn) == [20, 50]
    take(drawn, Queue(()), instances=[1, 2], frames=range(30, 60))
    assert frames(drawn) == [20]


def test_a_list_that_is_full_says_nothing_of_the_rest(drawn: Project) -> None:
    take(drawn, Queue((retrieval(199),)))
    take(drawn, Queue(tuple(retrieval(1 + n % 150, 1 + n // 150) for n in range(300))))
    assert 199 in frames(drawn)


def test_the_map_stays_with_its_box(drawn: Project) -> None:
    take(drawn, proposal(20), Queue((retrieval(20, reason=Reason.SKIPPED),)))
    assert drawn.proposals.all[CellKey(20, 1)].recovered is not None
    assert frames(drawn) == [20]
    take(drawn, Queue((retrieval(20, box=Box(0, 0, 9, 9)),)))
    assert drawn.proposals.all[CellKey(20, 1)].recovered is None


def test_an_answer_ends_the_waiting_and_its_undo_begins_it_again(drawn: Project) -> None:
    take(drawn, Queue((retrieval(20), retrieval(21), retrieval(60))), proposal(20))
    accept(drawn, 20)
    assert frames(drawn) == [60]
    # What the run lists next: the accepted cell not at all, the next frame as one that agrees.
    take(drawn, Queue((retrieval(21, reason=Reason.CONSISTENT), retrieval(60))))
    assert frames(drawn) == [60]
    drawn.undo()
    assert frames(drawn) == [20, 21, 60]
    rejected = Decision(Verdict.REJECTED, BOX, 0.9, Maker.PERSON)
    drawn.apply(drawn.annotation.decide(drawn.annotation.set_cells("no", {}), {CellKey(60, 1): rejected}))
    take(drawn, Queue((retrieval(20), retrieval(21), retrieval(60, reason=Reason.SETTLED))))
    assert frames(drawn) == [20, 21]
    drawn.undo()
    assert frames(drawn) == [20, 21, 60]


def test_what_was_compared_with_masks_that_are_gone_does_not_wait(drawn: Project) -> None:
    take(drawn, Queue((retrieval(20), retrieval(30, 2))))
    drawn.apply(drawn.annotation.set_cells("clear", {CellKey(0, 1): None}))
    assert frames(drawn) == [30]
    drawn.undo()
    assert frames(drawn) == [20, 30]
    gone = drawn.annotation.set_cells("delete", {CellKey(0, 2): None})
    drawn.apply(gone, instances={2: None})
    assert frames(drawn) == [20]


def create(project: Project, number: int, cell: Cell) -> None:
    change = project.annotation.set_cells("draw", {CellKey(0, number): cell})
    project.apply(change, instances={number: Instance(number, f"object {number}", "#4477aa")})


def delete(project: Project, number: int) -> None:
    gone = project.annotation.set_cells(
        "delete", {CellKey(frame, number): None for frame in project.annotation.row(number)}
    )
    decided = {key: None for key in project.annotation.decisions if key.instance == number}
    project.apply(project.annotation.decide(gone, decided), instances={number: None})


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.path)


def test_they_go_and_come_with_their_own_instance(drawn: Project, make_cell: Callable[..., Cell]) -> None:
    rejected = {CellKey(60, 1): Decision(Verdict.REJECTED, BOX, 0.9, Maker.PERSON)}
    take(drawn, Queue((retrieval(20), retrieval(30, 2), retrieval(60))), proposal(20))
    drawn.apply(drawn.annotation.decide(drawn.annotation.set_cells("reject", {}), rejected))
    first = dict(drawn.proposals.all)
    delete(drawn, 1)
    assert frames(drawn) == [30]
    create(drawn, 1, make_cell(0, pinned=True))
    assert frames(drawn) == [30]
    take(drawn, Queue((retrieval(20), retrieval(40))), instances=[1])
    second = dict(drawn.proposals.all)
    assert frames(drawn) == [20, 30, 40]
    with reopened(drawn) as again:
        assert dict(again.proposals.all) == second
        again.undo()
        assert frames(again) == [30], "of the second one nothing is left"
        again.undo()
        assert dict(again.proposals.all) == first
        assert frames(again) == [20, 30], "what was rejected stays rejected"
        again.redo()
        again.redo()
        assert dict(again.proposals.all) == second
        again.undo()
        again.undo()
        with reopened(again) as third:
            assert dict(third.proposals.all) == first


def test_what_was_found_between_undo_and_redo_waits_for_the_next_undo(drawn: Project) -> None:
    delete(drawn, 1)
    drawn.undo()
    take(drawn, proposal(20))
    drawn.redo()
    assert frames(drawn) == []
    drawn.undo()
    assert frames(drawn) == [20]
    assert drawn.proposals.all[CellKey(20, 1)].recovered is not None


def test_going_back_brings_those_of_the_instance_of_then(
    drawn: Project, make_cell: Callable[..., Cell]
) -> None:
    take(drawn, Queue((retrieval(20), retrieval(30, 2))))
    then = drawn.undo_step
    assert then is not None
    delete(drawn, 1)
    drawn.go_back(then, "go back")
    assert frames(drawn) == [20, 30], "also where no other has its number"
    drawn.undo()
    create(drawn, 1, make_cell(0, pinned=True))
    drawn.apply(Change("lock"), instances={1: replace(drawn.instances[1], locked=True)}, undoable=False)
    take(drawn, Queue((retrieval(40),)), instances=[1])
    now = drawn.undo_step
    assert now is not None
    drawn.go_back(then, "go back")
    assert frames(drawn) == [20, 30]
    assert not drawn.instances[1].locked, "another one is locked"
    with reopened(drawn) as again:
        again.undo()
        assert frames(again) == [30, 40]
        assert again.instances[1].locked
        again.redo()
        assert frames(again) == [20, 30]
        again.go_back(now, "go back")
        assert frames(again) == [30, 40]
        again.go_back(0, "go back")
        assert frames(again) == []
        again.undo()
        assert frames(again) == [30, 40]


def test_those_that_nothing_brings_back_go(
    project: Project, make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.project.document.MAX_STEPS", 3)
    with reopened(project) as short:

        def past() -> int:
            ((count,),) = short._database.rows("SELECT count(*) FROM past_proposals")
            return int(count)

        create(short, 1, make_cell(0, pinned=True))
        take(short, proposal(20))
        delete(short, 1)
        for _ in range(2):
            short.apply(short.annotation.set_cells("x", {}))
        assert past() == 1
        short.apply(short.annotation.set_cells("x", {}))
        assert past() == 0
        create(short, 1, make_cell(0, pinned=True))
        assert frames(short) == []


def test_a_damaged_proposal_that_would_come_back_is_told(drawn: Project) -> None:
    take(drawn, proposal(20))
    delete(drawn, 1)
    drawn.close()
    with closing(sqlite3.connect(drawn.path)) as connection:
        connection.execute("UPDATE past_proposals SET x1 = 5000")
        connection.commit()
    with Project.open(drawn.path) as again:
        with pytest.raises(UserError, match="damaged"):
            again.undo()
        assert list(again.instances) == [2]
        assert again.undo_label == "delete"


def test_in_an_older_file_they_are_those_of_the_present_instance(
    drawn: Project, make_cell: Callable[..., Cell]
) -> None:
    delete(drawn, 1)
    create(drawn, 1, make_cell(0, pinned=True))
    take(drawn, Queue((retrieval(20), retrieval(30, 2))))
    drawn.close()
    make_older(drawn.path, 7)
    with Project.open(drawn.path) as again:
        assert frames(again) == [20, 30]
        again.undo()
        assert frames(again) == [30]
        again.undo()
        assert frames(again) == [30], "the first one had none"
        again.redo()
        again.redo()
        assert frames(again) == [20, 30]
        delete(again, 2)
        create(again, 2, make_cell(0, pinned=True))
        assert frames(again) == [20]
        again.undo()
        again.undo()
        assert frames(again) == [20, 30]


def test_what_it_would_do_is_told_as_things_are_now(drawn: Project, make_cell: Callable[..., Cell]) -> None:
    take(drawn, proposal(20))
    kept = drawn.proposals.all[CellKey(20, 1)]
    assert kept.proposal(drawn.annotation).overwrites == tuple(range(1, 200))
    drawn.apply(drawn.annotation.set_cells("draw", {CellKey(30, 1): make_cell(30, pinned=True)}))
    assert kept.proposal(drawn.annotation).overwrites == tuple(range(1, 30))


def test_nothing_that_would_not_open_is_written(drawn: Project) -> None:
    outside = StoredProposal(retrieval(20, box=Box(800, 400, 900, 500)))
    with pytest.raises(ValueError, match="outside"):
        drawn.proposals.put([outside])
    with pytest.raises(ValueError, match="finite"):
        drawn.proposals.put([replace(outside, confidence=float("nan"))])
    assert not drawn.proposals.all


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("x1", 5000),
        ("similarity", "'a'"),
        ("data", "x'00'"),
        ("reason", "'MAGIC'"),
        ("run", -1),
        ("frame", 999),
    ],
)
def test_a_damaged_proposal_is_told(drawn: Project, column: str, value: int | str) -> None:
    take(drawn, proposal(20))
    drawn.close()
    with closing(sqlite3.connect(drawn.path)) as connection:
        connection.execute(f"UPDATE proposals SET {column} = {value}")
        connection.commit()
    with pytest.raises(UserError, match="damaged"):
        Project.open(drawn.path)


def test_a_project_without_them_gets_their_table(drawn: Project) -> None:
    drawn.close()
    make_older(drawn.path, 5)
    with Project.open(drawn.path) as again:
        assert not again.proposals.all
        take(again, proposal(20))
        assert frames(again) == [20]
        assert again.undo_label == "draw"


def moving(
    frames: Iterable[int], instance: int = 1, x: int = 0, reason: Reason | None = None
) -> list[Retrieval]:
    return [
        Retrieval(i, instance, Box(x + 2 * i, 10, x + 2 * i + 20, 30), 0.5 + i / 100, 0.0, reason)
        for i in frames
    ]


def test_a_moving_object_is_one_find_and_another_place_another() -> None:
    near, far, other = moving(range(20)), moving(range(20, 25), x=300), moving(range(5), 2)
    grouped = proposal_tracks([*far, *other, *near])
    assert grouped == [tuple(near), tuple(far), tuple(other)]
    assert best(grouped[0]).frame == 19


@pytest.mark.parametrize(("missing", "parts"), [(3, 1), (12, 2)])
def test_a_short_gap_does_not_part_a_find(missing: int, parts: int) -> None:
    assert len(proposal_tracks(moving([*range(10), *range(10 + missing, 20 + missing)]))) == parts


def test_a_find_takes_weak_frames_along_but_none_that_has_a_mask() -> None:
    weak, held = moving([3], reason=Reason.BELOW), moving([4], reason=Reason.PRESENT)
    found = track_of(CellKey(2, 1), [*moving(range(3)), *weak, *held])
    assert [it.frame for it in found] == [0, 1, 2, 3]
