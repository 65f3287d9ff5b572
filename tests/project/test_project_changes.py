import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vsreid_studio.engine.events import Change, Decision, Verdict
from vsreid_studio.engine.types import Box, Candidates, Cell, CellKey, Maker, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.project import Instance, Project, StaleChange, VideoRef, database, document
from vsreid_studio.project.history import LOOSEN, TIDY

A, B = CellKey(3, 1), CellKey(4, 1)
RIDER = Instance(1, "rider", "#4477aa")


def same(one: Cell | None, other: Cell | None) -> bool:
    if one is None or other is None:
        return one is other
    fields = ("origin", "second", "pinned", "made_by", "confidence", "similarity")
    return all(getattr(one, f) == getattr(other, f) for f in fields) and one.mask.same(other.mask)


def put(project: Project, label: str, cells: Mapping[CellKey, Cell | None], **options: Any) -> Change:
    change = project.annotation.set_cells(label, cells)
    project.apply(change, **options)
    return change


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.path)


def test_everything_survives(project: Project, make_cell: Callable[..., Cell], video: VideoRef) -> None:
    cells = {
        A: make_cell(3, pinned=True, made_by=Maker.PERSON),
        B: make_cell(3, confidence=0.8125, made_by=Maker.PROPAGATION),
        CellKey(199, 254): make_cell(199, made_by=Maker.RECOVERY, confidence=0.3, similarity=0.71),
        CellKey(0, 2): Cell(SoftMask.empty(), 0, pinned=True, made_by=Maker.PERSON),
        CellKey(5, 2): make_cell(0, second=9),
        CellKey(1, 2): Cell(SoftMask(Box(0, 0, 854, 480), np.full((480, 854), 9, np.uint8)), 1),
    }
    decisions = {
        A: Decision(Verdict.REJECTED, Box(1, 2, 30, 40), 0.5, Maker.PERSON),
        B: Decision(Verdict.REASSIGNED, Box(1, 2, 30, 40), 0.25, Maker.PERSON, given_to=2),
    }
    change = project.annotation.decide(project.annotation.set_cells("Draw", cells), decisions)
    bike = Instance(2, "bike é", "#ee6677", hidden=True, locked=True, order=-1)
    project.apply(change, instances={1: RIDER, 2: bike})
    project.settings.set("overlay", {"opacity": 0.5, "frames": [1, 2]})
    project.record_run({"reid": "abc"}, {})
    project.record_run({"reid": "abd"}, {"flow": "dis"})
    with reopened(project) as again:
        assert again.video == video
        assert again.annotation.length == 200
        assert dict(again.annotation.decisions) == decisions
        assert len(again.annotation) == len(cells)
        assert all(same(again.annotation.get(*key), cell) for key, cell in cells.items())
        assert not again.annotation.mask(*B).values.flags.writeable
        assert list(again.instances.values()) == [bike, RIDER]
        assert again.settings.get("overlay") == {"opacity": 0.5, "frames": [1, 2]}
        assert again.settings.get("other", 5) == 5
        assert list(again.settings) == ["last_identity", "overlay", "run_settings"]
        assert again.last_settings == {"flow": "dis"}
        assert [run.weights for run in again.runs] == [{"reid": "abc"}, {"reid": "abd"}]
        assert again.runs[0].started <= again.runs[1].started
        stored = again.annotation.mask(*A)
        assert pickle.loads(pickle.dumps(stored)).same(stored)


def test_undo_and_redo_across_sessions(project: Project, make_cell: Callable[..., Cell]) -> None:
    states: list[dict[CellKey, Cell]] = [{}]
    changes: list[dict[CellKey, Cell | None]] = [
        {A: make_cell(3)},
        {A: make_cell(3), B: make_cell(3)},
        {A: None},
        {B: make_cell(4, pinned=True)},
    ]
    for number, cells in enumerate(changes):
        put(project, f"step {number}", cells)
        states.append(dict(project.annotation.cells()))

    def at(state: int) -> bool:
        cells = dict(project.annotation.cells())
        return cells.keys() == states[state].keys() and all(same(cells[k], states[state][k]) for k in cells)

    for state in (3, 2, 1, 0):
        project = reopened(project)
        assert project.undo_label == f"step {state}"
        change = project.undo()
        assert change.label == f"step {state}"
        assert project.redo_label == f"step {state}"
        assert at(state)
    assert project.undo() is None
    assert project.undo_label is None
    for state in (1, 2, 3):
        project = reopened(project)
        assert project.redo().label == f"step {state - 1}"
        assert at(state)
    put(project, "other way", {A: make_cell(3)})
    assert project.redo() is None
    project.undo()
    assert at(3)
    project.close()


def test_decisions_and_instances_are_undone_with_their_step(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    cell = make_cell(3)
    change = project.annotation.set_cells("Accept", {A: cell})
    decision = Decision(Verdict.ACCEPTED, Box(0, 0, 9, 9), 0.9, Maker.PERSON)
    project.apply(project.annotation.decide(change, {A: decision}), instances={1: RIDER})
    cyclist = replace(RIDER, name="cyclist")
    project.apply(Change("Rename"), instances={1: cyclist})
    project.apply(Change("Hide"), instances={1: replace(cyclist, hidden=True)}, undoable=False)
    removed = project.annotation.set_cells("Delete cyclist", {A: None})
    project.apply(project.annotation.decide(removed, {A: None}), instances={1: None})
    assert (len(project.annotation), len(project.annotation.decisions), len(project.instances)) == (0, 0, 0)
    project = reopened(project)
    project.undo()
    assert same(project.annotation.get(*A), cell)
    assert project.annotation.decisions[A] == decision
    assert project.instances[1].hidden
    project.undo()
    assert project.instances[1] == replace(RIDER, hidden=True)
    project.undo()
    assert not project.instances
    assert not project.annotation.decisions
    project.close()


def test_undo_and_going_back_unlock_nothing(project: Project, make_cell: Callable[..., Cell]) -> None:
    put(project, "Draw", {A: make_cell(3)}, instances={1: RIDER})
    number = project.rounds()[-1].number
    cyclist = replace(RIDER, name="cyclist")
    project.apply(Change("Rename"), instances={1: cyclist})
    project.apply(Change("Lock"), instances={1: replace(cyclist, locked=True)}, undoable=False)
    project.undo()
    assert project.instances[1] == replace(RIDER, locked=True)
    project = reopened(project)
    assert project.instances[1] == replace(RIDER, locked=True)
    project.apply(Change("Lock"), instances={1: RIDER}, undoable=False)
    project.redo()
    assert project.instances[1] == cyclist
    project.apply(Change("Lock"), instances={1: replace(cyclist, locked=True)}, undoable=False)
    project.go_back(number, "go back")
    assert project.instances[1] == replace(RIDER, locked=True)
    project.close()


def test_a_group_is_one_step(project: Project, make_cell: Callable[..., Cell]) -> None:
    first = make_cell(3, pinned=True)
    put(project, "Draw", {A: first})
    for frame in (4, 5, 4):
        put(project, "Propagate", {CellKey(frame, 1): make_cell(3)}, group="run 1")
    put(project, "Draw more", {CellKey(9, 1): make_cell(9)})
    put(project, "Propagate", {CellKey(10, 1): make_cell(9)}, group="run 1")
    labels = []
    while (label := project.undo_label) not in (None, "Draw"):
        labels.append(label)
        project.undo()
    assert labels == ["Draw more", "Propagate"]
    assert [key for key, _ in project.annotation.cells()] == [A]
    put(project, "Propagate", {B: make_cell(3)}, group="run 1")
    project.undo()
    assert same(project.annotation.get(*A), first)


def test_undo_keeps_what_changed_outside_the_history(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    cells = [make_cell(3) for _ in range(3)]
    put(project, "one", {A: cells[0]})
    put(project, "two", {A: cells[1]})
    put(project, "import", {A: cells[2]}, undoable=False)
    project.undo()
    assert same(project.annotation.get(*A), cells[0])
    project.redo()
    assert same(project.annotation.get(*A), cells[2])


def test_old_steps_are_dropped(
    project: Project, make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MAX_STEPS", 5)
    project = reopened(project)
    for frame in range(8):
        put(project, f"step {frame}", {CellKey(frame, 1): make_cell(frame)})
    project = reopened(project)
    labels = [change.label for change in iter(project.undo, None)]
    assert labels == [f"step {frame}" for frame in (7, 6, 5, 4, 3)]
    assert len(project.annotation) == 3
    project.close()


def test_a_change_cannot_overwrite_what_a_person_pinned_meanwhile(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    late = project.annotation.copy().set_cells("Propagate", {A: make_cell(0)})
    drawn = make_cell(3, pinned=True, made_by=Maker.PERSON)
    put(project, "Draw", {A: drawn})
    with pytest.raises(StaleChange, match="'Propagate' was not applied"):
        project.apply(late)
    assert same(project.annotation.get(*A), drawn)
    put(project, "Redraw", {A: make_cell(3, pinned=True)})


@pytest.mark.parametrize(
    "key, cell",
    [
        (CellKey(200, 1), Cell(SoftMask.empty(), 0)),
        (CellKey(0, 255), Cell(SoftMask.empty(), 0)),
        (CellKey(0, 1), Cell(SoftMask.empty(), 200)),
        (CellKey(0, 1), Cell(SoftMask.empty(), 0, second=200)),
        (CellKey(0, 1), Cell(SoftMask(Box(850, 0, 855, 1), np.ones((1, 5), np.uint8)), 0)),
    ],
)
def test_a_cell_outside_the_video_is_refused(project: Project, key: CellKey, cell: Cell) -> None:
    with pytest.raises(ValueError, match="outside the video"):
        put(project, "Draw", {key: cell})
    assert not len(project.annotation)
    assert project.undo_label is None


def test_a_full_disk_leaves_annotation_and_file(project: Project, make_cell: Callable[..., Cell]) -> None:
    first = make_cell(3)
    put(project, "Draw", {A: first})
    found = project._database.pragma("page_count")
    assert found is not None
    pages = found[0]
    project._database.pragma(f"max_page_count = {pages}")
    with pytest.raises(UserError, match="disk is full"):
        put(project, "Big", {A: make_cell(3, 400, 800), B: make_cell(4, 400, 800)}, instances={1: RIDER})
    assert same(project.annotation.get(*A), first)
    assert not project.instances
    assert (len(project.annotation), project.undo_label) == (1, "Draw")
    project._database.pragma("max_page_count = 100000")
    put(project, "Small", {B: make_cell(3)})
    project = reopened(project)
    assert [project.undo().label for _ in range(2)] == ["Small", "Draw"]
    project.close()


def test_a_failed_undo_changes_nothing(project: Project, make_cell: Callable[..., Cell]) -> None:
    put(project, "Draw", {A: make_cell(3)})
    put(project, "Redraw", {A: make_cell(3)})
    now = project.annotation.get(*A)
    with project._database.transaction() as connection:
        connection.execute("UPDATE step_cells SET record = zeroblob(length(record)) WHERE step = 2")
    with pytest.raises(UserError, match="damaged"):
        project.undo()
    assert project.annotation.get(*A) is now
    assert (project.undo_label, project.redo_label) == ("Redraw", None)
    project = reopened(project)
    assert same(project.annotation.get(*A), now)
    project.close()


def candidates(count: int, dimensions: int = 16) -> Candidates:
    rng = np.random.default_rng(count)
    embeddings = rng.standard_normal((count, dimensions)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    boxes = np.sort(rng.permuted(np.tile(np.arange(400), (count, 1)), axis=1)[:, :4]).astype(np.int32)
    return Candidates(boxes, rng.random(count).astype(np.float32), rng.random(count) > 0.5, embeddings)


def test_candidates_survive_and_stale_ones_do_not_show(project: Project) -> None:
    kept = {frame: candidates(frame) for frame in (0, 1, 20)}
    for frame, found in kept.items():
        project.candidates("new").put(frame, found)
    project.candidates("old").put(7, candidates(3))
    project = reopened(project)
    store = project.candidates("new")
    assert store.frames() == kept.keys()
    assert 7 not in store
    assert store.get(7) is None
    for frame, found in kept.items():
        back = store.get(frame)
        assert frame in store
        for name in ("boxes", "scores", "person"):
            np.testing.assert_array_equal(getattr(back, name), getattr(found, name))
            assert getattr(back, name).dtype == getattr(found, name).dtype
        np.testing.assert_allclose(back.embeddings, found.embeddings, atol=1e-3)
        np.testing.assert_allclose(np.linalg.norm(back.embeddings, axis=1), 1, rtol=1e-6)
    store.put(7, candidates(2))
    assert project.candidates("old").get(7) is None
    with project._database.transaction() as connection:
        connection.execute("UPDATE candidates SET data = zeroblob(length(data)) WHERE frame = 20")
        connection.execute("UPDATE candidates SET count = 9 WHERE frame = 1")
    assert store.get(20) is None
    assert store.get(1) is None
    project.close()


def test_two_threads_write(project: Project, make_cell: Callable[..., Cell]) -> None:
    def detect() -> None:
        for frame in range(60):
            project.candidates("w").put(frame, candidates(4))

    thread = threading.Thread(target=detect)
    thread.start()
    for frame in range(60):
        put(project, "Propagate", {CellKey(frame, 1): make_cell(0)})
    thread.join()
    project = reopened(project)
    assert len(project.annotation) == len(project.candidates("w").frames()) == 60
    project.close()


def test_instances_are_checked_and_shown_read_only(project: Project) -> None:
    with pytest.raises(ValueError, match="1 to 254"):
        Instance(0, "none", "#000000")
    with pytest.raises(ValueError, match="#rrggbb"):
        Instance(1, "red", "red")
    with pytest.raises(ValueError, match="own number"):
        project.apply(Change("Swap"), instances={2: RIDER})
    assert isinstance(project.instances, MappingProxyType)


def test_maps_that_nothing_refers_to_go_in_the_next_session(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    def maps() -> int:
        return project._database.rows("SELECT count(*) FROM maps")[0][0]

    put(project, "Draw", {A: make_cell(3), B: make_cell(3)})
    put(project, "Import", {A: make_cell(3)}, undoable=False)
    assert maps() == 3
    put(project, "Redraw", {A: make_cell(3)})
    project.undo()
    held = project.annotation.get(*A)
    put(project, "Redraw", {B: make_cell(3)})
    assert held.mask.values.size
    project = reopened(project)
    kept = project.annotation.get(*A)
    put(project, "Rename", {}, instances={1: RIDER})
    # The two present ones, and the one that undo brings back.
    assert maps() == 3
    assert same(project.annotation.get(*A), kept)
    assert project.undo() and project.undo()
    assert project.annotation.mask(*B).values.size
    project.close()


def test_another_map_never_counts_as_one_that_was_reviewed(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    put(project, "Run", {A: make_cell(3)}, undoable=False)
    put(project, "Mark", {}, reviewed=[A])
    put(project, "Run", {A: None}, undoable=False)
    for other in ({}, {A: make_cell(3)}):
        # The first change of a session removes the map that nothing refers to.
        project = reopened(project)
        put(project, "Run", other, undoable=False)
        assert A not in project.reviewed
    put(project, "Mark", {}, reviewed=[A])
    assert project.reviewed == {A}
    project.close()


def test_going_back_brings_back_what_was_reviewed(project: Project, make_cell: Callable[..., Cell]) -> None:
    put(project, "Run", {A: make_cell(3), B: make_cell(3)})
    put(project, "Mark", {}, reviewed=[A, B])
    number = project.rounds()[-1].number
    put(project, "Run", {A: make_cell(3)})
    put(project, "Mark", {}, reviewed=[A])
    put(project, "Run", {B: make_cell(3)})
    assert project.reviewed == {A}
    project.go_back(number, "go back")
    assert project.reviewed == {A, B}
    project.undo()
    assert project.reviewed == {A}
    project.go_back(project.rounds()[0].number, "go back")
    put(project, "Run", {A: make_cell(3)})
    assert A not in project.reviewed


def test_values_leave_memory_and_undo_holds_none(project: Project, make_cell: Callable[..., Cell]) -> None:
    cells = [make_cell(3) for _ in range(4)]
    before = [cell.mask.values.copy() for cell in cells]
    for cell in cells:
        put(project, "Draw", {A: cell})
    assert all(cell.mask.stored_map is not None for cell in cells)
    for cell, values in zip(cells, before, strict=True):
        np.testing.assert_array_equal(cell.mask.values, values)
    assert project.annotation.get(*A) is cells[3]
    change = project.undo()
    assert change.before[A] is cells[3]
    assert change.after[A].mask.stored_map is not None


def test_classes_are_undone_and_kept(project: Project) -> None:
    rider = replace(RIDER, category=4)
    project.apply(Change("class"), instances={1: rider}, categories={4: "person", 9: "dog"})
    project.apply(Change("rename a class"), categories={4: "rider", 9: None})
    assert project.categories == {4: "rider"}
    project.undo()
    assert project.categories == {4: "person", 9: "dog"}
    project.close()
    with Project.open(project.path) as again:
        assert again.categories == {4: "person", 9: "dog"}
        assert again.instances[1] == rider
        again.undo()
        assert (again.categories, again.instances) == ({}, {})


def test_a_long_list_of_classes_fits_into_the_project_of_a_short_clip(path: Path, video: VideoRef) -> None:
    listed = {number: f"class {number}" for number in range(1, 1204)}
    with Project.create(path, replace(video, length=1)) as project:
        project.apply(Change("add 1203 classes"), categories=listed)
    with Project.open(path) as again:
        assert again.categories == listed


@pytest.mark.parametrize("name", ["", " ", "x" * 10_000])
def test_a_class_without_a_proper_name_is_refused(project: Project, name: str) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        project.apply(Change("class"), categories={1: name})
    assert project.categories == {}


def test_a_large_change_is_stopped_until_it_is_committed(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    put(project, "Draw", {A: make_cell(3, pinned=True)})
    before = dict(project.annotation.cells())
    cells = {CellKey(n, k): make_cell(n) for n in range(200) for k in (2, 3)}
    change = project.annotation.set_cells("import", cells)
    calls = []
    project.apply(change, poll=lambda: calls.append(1))
    assert len(project.annotation) == 401
    project.undo()
    for number in range(1, len(calls) + 1):
        countdown = iter(range(number, 0, -1))

        def stop(countdown: Iterator[int] = countdown) -> None:
            if next(countdown) == 1:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            project.apply(change, instances={1: RIDER}, poll=stop)
        assert dict(project.annotation.cells()) == before
        assert not project.instances
    assert project.undo_label == "Draw"
    with reopened(project) as again:
        assert list(again.annotation.instances) == [1]


def test_very_many_cells_are_undone_and_redone(project: Project, make_cell: Callable[..., Cell]) -> None:
    # More than are read at a time, of which one is damaged at last.
    cell = make_cell(0, 3, 2)
    cells = {CellKey(i, k): cell for i in range(200) for k in range(1, 8)}
    put(project, "import", cells)
    assert project.undo() is not None
    assert not len(project.annotation)
    again = project.redo()
    assert again is not None
    assert again.after.keys() == cells.keys()
    assert len(project.annotation) == len(cells)
    assert all(same(project.annotation.get(*key), cell) for key in ((0, 1), (199, 7), (107, 4)))
    project.undo()
    project._database._connection.execute("UPDATE step_cells SET checksum = 0 WHERE frame = 199")
    with pytest.raises(UserError, match="damaged"):
        project.redo()
    assert not len(project.annotation)


def test_a_long_statement_is_stopped(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_STEPS", 10)
    keys = [CellKey(n, k) for n in range(200) for k in (1, 2)]
    put(project, "import", {key: Cell(SoftMask.empty(), key.frame) for key in keys})
    project.undo()
    raised = InterruptedError()
    steps = 0

    def poll() -> None:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise raised

    with pytest.raises(InterruptedError) as caught, project._database.transaction(poll) as connection:
        connection.execute("DELETE FROM steps")
    assert caught.value is raised
    assert steps == 5
    assert project.redo_label == "import"
    # It is asked about no longer.
    assert project.redo() is not None
    assert steps == 5


def test_another_thread_reads_on_while_a_statement_is_stopped(
    project: Project, make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_STEPS", 1)
    cell = make_cell(3)
    put(project, "draw", {A: cell})
    expected = cell.mask.values.copy()
    project.maps._decoded.clear()
    there = project.annotation.mask(*A)

    def stop() -> None:
        raise InterruptedError

    read: list[NDArray[np.uint8]] = []
    with pytest.raises(InterruptedError), project._database.transaction(stop) as connection:
        reader = threading.Thread(target=lambda: read.append(there.values))
        reader.start()
        reader.join()
        connection.execute("SELECT * FROM cells").fetchall()
    assert np.array_equal(read[0], expected)


@pytest.mark.parametrize(("sql", "values"), [(LOOSEN, (1, 1)), (TIDY, ())])
def test_maps_without_a_use_are_found_by_an_index(
    project: Project, sql: str, values: tuple[int, ...]
) -> None:
    # Else undo of an import of n cells looks at n * n rows.
    plan = [row[3] for row in project._database.rows(f"EXPLAIN QUERY PLAN {sql}", *values)]
    assert any("SEARCH step_cells USING COVERING INDEX step_cells_map" in step for step in plan)
    assert not any(step.startswith("SCAN step_cells") for step in plan)
