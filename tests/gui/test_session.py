from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, true_mask
from window_fixtures import Heard

from vsreid_studio.engine.events import Change, Decision, Queue, Retrieval, Verdict
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.formats.masks import write_label_map
from vsreid_studio.gui.session import Session
from vsreid_studio.gui.worker.jobs import Propagate, Source
from vsreid_studio.gui.worker.mail import Order
from vsreid_studio.project import Project, StoredProposal


def test_a_video_gets_a_project_beside_it(session: Session, pictures: Path) -> None:
    assert session.open(pictures)
    session.flush()
    assert session.project.path == pictures.parent / "clip.vsreid"
    assert list(session.instances) == [1]
    assert session.selected == 1
    assert session.undo_label is None


def test_opening_again_brings_everything_back(drawn: Session, pictures: Path, tmp_path: Path) -> None:
    drawn.go(3)
    drawn.select(2)
    drawn.close()
    again = Session(config=tmp_path / "config", data=tmp_path / "data", waits=False)
    assert again.open(pictures)
    again.flush()
    assert (again.frame, again.selected) == (3, 2)
    assert [one.name for one in again.instances.values()] == ["red", "green"]
    assert again.annotation.mask(0, 1).same(true_mask(0, 1))
    assert again.undo_label == "Paint"
    again.step_edits.undo()
    again.flush()
    assert again.annotation.get(0, 2) is None
    assert [one.path.name for one in again.recent.projects()] == ["clip.vsreid"]
    assert again.recent.projects()[0].thumbnail.is_file()
    again.close()


def test_a_read_only_folder_leads_to_the_data_folder(
    session: Session, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.opening.os.access", lambda *_: False)
    assert session.open(pictures)
    session.flush()
    assert session.project.path.is_relative_to(tmp_path / "data")


def test_another_video_of_the_same_name_gets_a_project_of_its_own(
    session: Session, pictures: Path, qtbot: QtBot
) -> None:
    session.open(pictures)
    session.flush()
    session.close()
    shutil.rmtree(pictures)
    pictures.mkdir()
    for index in range(2):
        write_label_map(pictures / f"{index}.png", np.full((20, 30), index, np.uint8))
    with qtbot.waitSignal(session.video_changed) as asked:
        session.open(pictures)
    assert "its frames have another size" in str(asked.args[0])
    with qtbot.waitSignal(session.opened):
        session.open(pictures, changed="new")
    session.flush()
    assert session.project.path.name.startswith("clip-")


def test_a_moved_video_is_asked_for(
    session: Session, drawn: Session, pictures: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    path = drawn.project.path
    drawn.close()
    moved = tmp_path / "elsewhere" / "clip2"
    moved.parent.mkdir()
    pictures.rename(moved)
    with qtbot.waitSignal(session.video_missing) as asked:
        assert session.open(path)
    assert (asked.args[0].project, asked.args[0].folder) == (path, True)
    assert session.open(path, moved)
    session.flush()
    assert session.annotation.get(0, 1) is not None


@pytest.mark.parametrize("name", ["nothing.mp4", "nothing.vsreid"])
def test_what_cannot_be_opened_leaves_what_is_open(
    drawn: Session, tmp_path: Path, name: str, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(drawn.failed) as told:
        assert drawn.open(tmp_path / name)
    assert name in told.args[0]
    assert "Traceback" in told.args[1]
    assert drawn.project.path.name == "clip.vsreid"


def test_a_stroke_is_pinned_and_drops_what_came_from_the_mask_before(drawn: Session) -> None:
    carried = {CellKey(i, 1): Cell(true_mask(i, 1), 0) for i in (1, 2)}
    drawn.edits.apply(drawn.annotation.set_cells("propagate", carried))
    half = SoftMask.from_dense(np.eye(48, 80, dtype=np.bool_))
    assert drawn.mask_edits.edit_mask(0, 1, half, "Paint")
    cell = drawn.annotation.get(0, 1)
    assert (cell.pinned, cell.origin, cell.made_by) == (True, 0, Maker.PERSON)
    assert list(drawn.annotation.row(1)) == [0]
    drawn.step_edits.undo()
    drawn.flush()
    assert sorted(drawn.annotation.row(1)) == [0, 1, 2]
    drawn.step_edits.redo()
    drawn.flush()
    assert list(drawn.annotation.row(1)) == [0]


def test_approve_pins_a_mask_as_it_is(drawn: Session, qtbot: QtBot) -> None:
    voted = Cell(true_mask(2, 1), 0, second=5)
    drawn.edits.apply(drawn.annotation.set_cells("propagate", {CellKey(2, 1): voted}))
    assert drawn.mask_edits.approve(2, [1, 2])
    cell = drawn.annotation.get(2, 1)
    assert (cell.pinned, cell.origin, cell.second, cell.made_by) == (True, 2, None, Maker.PROPAGATION)
    with qtbot.assertNotEmitted(drawn.failed), qtbot.waitSignal(drawn.refused):
        assert not drawn.mask_edits.approve(2, [1])


def test_a_stroke_drops_what_the_mask_before_had_a_say_in(drawn: Session) -> None:
    drawn.mask_edits.edit_mask(6, 1, true_mask(6, 1), "Paint")
    carried = {CellKey(i, 1): Cell(true_mask(i, 1), 0, second=6) for i in (1, 2)}
    drawn.edits.apply(drawn.annotation.set_cells("propagate", carried))
    drawn.mask_edits.edit_mask(6, 1, SoftMask.from_dense(np.eye(48, 80, dtype=np.bool_)), "Paint")
    assert sorted(drawn.annotation.row(1)) == [0, 6]


def test_absent_and_clear(drawn: Session) -> None:
    assert drawn.mask_edits.mark_absent(1, range(4, 7))
    assert all(drawn.annotation.get(i, 1).pinned for i in range(4, 7))
    assert not drawn.annotation.mask(5, 1).box.area
    assert drawn.mask_edits.clear_range([1, 2], 5, 9)
    assert sorted(drawn.annotation.row(1)) == [0, 4]
    drawn.step_edits.undo()
    drawn.flush()
    assert sorted(drawn.annotation.row(1)) == [0, 4, 5, 6]


def test_a_locked_instance_is_not_changed(drawn: Session, qtbot: QtBot) -> None:
    drawn.instance_edits.lock(1, True)
    assert drawn.undo_label == "Paint"
    acts: list[Callable[[], bool]] = [
        lambda: drawn.mask_edits.edit_mask(1, 1, true_mask(1, 1), "Paint"),
        lambda: drawn.instance_edits.delete(1),
        lambda: drawn.instance_edits.merge(2, 1),
        lambda: drawn.mask_edits.mark_absent(1, [3]),
    ]
    for act in acts:
        with qtbot.waitSignal(drawn.refused) as told:
            assert not act()
        assert told.args[0] == "red is locked: unlock it to change its masks."


def test_delete_and_undo(drawn: Session) -> None:
    assert drawn.instance_edits.delete(1)
    drawn.flush()
    assert list(drawn.instances) == [2]
    assert drawn.selected == 2
    assert drawn.undo_label == "delete red"
    drawn.step_edits.undo()
    drawn.flush()
    assert list(drawn.instances) == [1, 2]
    assert drawn.annotation.mask(0, 1).area


def test_what_is_asked_of_an_instance_before_it_is_deleted_leaves_nothing_of_it(
    drawn: Session, heard: Heard
) -> None:
    drawn.failed.connect(heard.listen("failed"))
    assert drawn.instance_edits.delete(2)
    drawn.mask_edits.edit_mask(3, 2, true_mask(3, 2), "Paint")
    drawn.mask_edits.mark_absent(2, [4])
    drawn.instance_edits.merge(1, 2)
    assert not drawn.flush()
    assert list(drawn.project.instances) == list(drawn.project.annotation.instances) == [1]
    assert {str(sentence) for sentence, _ in heard.values} == {"There is no instance 2 any more."}


@pytest.mark.parametrize("what", ["mask", "name", "clear", "delete", "decision"])
def test_an_edit_is_of_the_instance_that_was_shown(drawn: Session, heard: Heard, what: str) -> None:
    """While two undos are under way, of which the second brings another one of its number back."""
    drawn.failed.connect(heard.listen("failed"))
    drawn.instance_edits.delete(2)
    drawn.flush()
    assert drawn.instance_edits.add_instance("second") == 2
    drawn.mask_edits.edit_mask(0, 2, true_mask(0, 1), "Paint")
    drawn.flush()
    for _ in range(3):
        drawn.step_edits.undo()
    assert [one.name for one in drawn.instances.values()] == ["red", "second"], "not told yet"
    if what == "mask":
        drawn.mask_edits.edit_mask(3, 2, true_mask(3, 2), "Paint")
    elif what == "name":
        drawn.instance_edits.rename(2, "third")
    elif what == "clear":
        drawn.mask_edits.clear_range([2], 0, 3)
    elif what == "delete":
        drawn.instance_edits.delete(2)
    else:
        said = {CellKey(5, 2): Decision(Verdict.REJECTED, Box(0, 0, 9, 9), 0.5, Maker.PERSON)}
        drawn.apply(drawn.annotation.decide(drawn.annotation.set_cells("reject", {}), said))
    assert not drawn.flush()
    assert {str(sentence) for sentence, _ in heard.values} == {"There is no instance 2 any more."}
    for held in (drawn, drawn.project):
        assert [one.name for one in held.instances.values()] == ["red", "green"]
        assert held.annotation.mask(0, 2).same(true_mask(0, 2))
        assert sorted(held.annotation.row(2)) == [0]
        assert not held.annotation.decisions


def test_a_new_instance_is_edited_before_it_is_on_disk(drawn: Session) -> None:
    drawn.instance_edits.delete(2)
    drawn.flush()
    assert drawn.instance_edits.add_instance("second") == 2
    drawn.instance_edits.rename(2, "third")
    drawn.mask_edits.edit_mask(3, 2, true_mask(3, 2), "Paint")
    assert drawn.flush()
    drawn.mask_edits.mark_absent(2, [4])
    drawn.instance_edits.rename(2, "fourth")
    assert drawn.flush()
    assert drawn.project.instances[2].name == "fourth"
    assert sorted(drawn.project.annotation.row(2)) == [3, 4]


def test_a_mask_that_a_run_replaces_is_not_marked_as_right_unseen(drawn: Session) -> None:
    keys = [CellKey(frame, 2) for frame in (3, 4)]
    carried = {key: Cell(true_mask(key.frame, 2), 0, confidence=0.3) for key in keys}
    drawn.apply(Change("propagate", dict.fromkeys(keys), carried))
    drawn.flush()
    project = drawn.project
    other = Cell(true_mask(5, 2), 0, confidence=0.3)
    drawn.writer.post(
        lambda: project.apply(project.annotation.set_cells("propagate", {keys[0]: other})),
        drawn.edits.report,
    )
    drawn.mask_edits.mark_right(2, 3, 4)
    assert drawn.flush()
    assert project.annotation.get(*keys[0]) is other
    assert project.reviewed == {keys[1]}


def test_proposals_of_a_deleted_instance_are_not_of_the_next_one_of_its_number(drawn: Session) -> None:
    found = [StoredProposal(Retrieval(5, k, Box(10, 10, 20, 20), 0.9, 0.0), 1, (0,)) for k in (1, 2)]
    drawn.project.proposals.put(found)
    drawn.instance_edits.delete(2)
    drawn.step_edits.undo()
    drawn.flush()
    assert [one.key for one in drawn.project.waiting()] == [(5, 1), (5, 2)], "undo brings them back"
    drawn.instance_edits.delete(2)
    drawn.flush()
    drawn.instance_edits.add_instance("another one")
    drawn.mask_edits.edit_mask(0, 2, true_mask(0, 2), "Paint")
    drawn.flush()
    assert list(drawn.instances) == [1, 2]
    assert [one.key for one in drawn.project.waiting()] == [(5, 1)]
    assert list(drawn.proposals) == [(5, 1)]
    path = drawn.project.path
    drawn.close()
    with Project.open(path) as project:
        assert list(project.proposals.all) == [(5, 1)]


def test_what_a_run_finds_is_of_the_instance_that_it_searched(drawn: Session) -> None:
    found = Queue(tuple(Retrieval(5, k, Box(10, 10, 20, 20), 0.9, 0.0) for k in (1, 2)))
    order = Order(1, Propagate(), cast(Source, drawn.writer))
    drawn.writer.begin(order.inbox)
    drawn.instance_edits.delete(2)
    drawn.flush()
    drawn.instance_edits.add_instance("another one")
    drawn.flush()
    drawn.writer.send(order, found)
    drawn.flush()
    assert list(drawn.project.proposals.all) == [(5, 1)]
    drawn.step_edits.undo()
    drawn.step_edits.undo()
    drawn.flush()
    assert [one.name for one in drawn.instances.values()] == ["red", "green"]
    drawn.writer.send(order, found)
    drawn.flush()
    assert list(drawn.project.proposals.all) == [(5, 1), (5, 2)]
    assert drawn.instance_edits.add_instance("a third one") == 3
    drawn.flush()
    drawn.writer.send(order, Queue((*found.retrievals, replace(found.retrievals[0], instance=3))))
    drawn.flush()
    assert list(drawn.project.proposals.all) == [(5, 1), (5, 2), (5, 3)]


@pytest.mark.parametrize("source", [1, 2])
def test_merged_with_nothing_a_mask_stays_as_it_was(drawn: Session, source: int) -> None:
    carried = Cell(true_mask(3, 2), 0, confidence=0.3)
    drawn.apply(Change("propagate", {CellKey(3, 2): None}, {CellKey(3, 2): carried}))
    drawn.mask_edits.mark_absent(1, [3])
    assert drawn.instance_edits.merge(source, 3 - source)
    drawn.flush()
    cell = drawn.project.annotation.get(3, 3 - source)
    assert cell is not None and cell.mask.same(carried.mask)
    assert (cell.pinned, cell.made_by, cell.origin) == (False, Maker.PROPAGATION, 0)


def test_merge_unites_masks_and_keeps_checkpoints(drawn: Session) -> None:
    drawn.mask_edits.edit_mask(3, 2, true_mask(3, 2), "Paint")
    both = true_mask(0, 1).area + true_mask(0, 2).area
    assert drawn.instance_edits.merge(2, 1)
    drawn.flush()
    assert list(drawn.instances) == [1]
    assert drawn.annotation.mask(0, 1).area == both
    assert drawn.annotation.checkpoints(1) == (0, 3)
    assert not drawn.annotation.row(2)
    drawn.step_edits.undo()
    drawn.flush()
    assert drawn.annotation.mask(0, 2).area == true_mask(0, 2).area


def test_instances_are_renamed_recoloured_hidden_and_ordered(drawn: Session, qtbot: QtBot) -> None:
    assert drawn.instance_edits.rename(1, " rider ")
    assert drawn.instance_edits.recolour(1, "#ABCDEF")
    assert drawn.instance_edits.hide(1, True)
    assert drawn.instance_edits.reorder([2, 1])
    assert list(drawn.instances) == [2, 1]
    one = drawn.instances[1]
    assert (one.name, one.colour, one.hidden) == ("rider", "#abcdef", True)
    drawn.step_edits.undo()
    drawn.flush()
    assert list(drawn.instances) == [1, 2]
    with qtbot.waitSignal(drawn.refused):
        assert not drawn.instance_edits.rename(1, "  ")


def test_masks_are_imported_at_the_present_frame(session: Session, pictures: Path, tmp_path: Path) -> None:
    session.open(pictures)
    session.flush()
    labels = np.zeros((48, 80), np.uint8)
    labels[5:20, 5:20], labels[30:40, 50:60] = 1, 4
    write_label_map(tmp_path / "mask.png", labels)
    session.go(2)
    assert session.mask_edits.import_masks(tmp_path / "mask.png")
    session.flush()
    assert list(session.instances) == [1, 4]
    cell = session.annotation.get(2, 4)
    assert (cell.made_by, cell.pinned, cell.mask.area) == (Maker.IMPORT, True, 100)


def test_the_first_instance_takes_its_name_and_class_from_annotations(
    session: Session, pictures: Path, tmp_path: Path
) -> None:
    """It is there, without a mask, when a clip is opened; what a person has named keeps its name."""
    session.open(pictures)
    session.flush()
    marks = [
        {
            **{"image_id": 1, "instance_id": n, "instance_name": f"rider {n}", "category_id": 7},
            "segmentation": [[5, 5, 20, 5, 20, 20, 5, 20]],
        }
        for n in (1, 2, 3)
    ]
    name = session.video.names[0]
    document = {
        "images": [{"id": 1, "file_name": f"{name}.png"}],
        "categories": [{"id": 7, "name": "person"}],
        "annotations": marks,
    }
    (tmp_path / "it.json").write_text(json.dumps(document))
    session.instance_edits.add_instance()
    session.instance_edits.rename(2, "mine")
    session.flush()
    assert session.mask_edits.import_masks(tmp_path / "it.json")
    session.flush()
    named = {n: (one.name, one.category) for n, one in session.instances.items()}
    assert session.categories == {1: "person"}
    assert named == {1: ("rider 1", 1), 2: ("mine", None), 3: ("rider 3", 1)}
    session.undo()
    session.flush()
    assert [one.name for one in session.instances.values()] == ["object 1", "mine"]


def test_a_programs_masks_do_not_hang_on_a_frame_without_the_object(drawn: Session, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    for frame in range(4):
        labels = true_mask(frame, 2).hard(48, 80).astype(np.uint8) * 2
        write_label_map(folder / f"{frame:05d}.png", labels)
    drawn.mask_edits.mark_absent(2, [0])
    assert drawn.mask_edits.import_masks(folder, machine=True)
    drawn.flush()
    assert drawn.annotation.origins(2) == {0: 0, 1: 1, 2: 1, 3: 1}
    assert not drawn.annotation.mask(0, 2).area
    drawn.mask_edits.clear_range([2], 0, 0)
    drawn.flush()
    assert drawn.annotation.origins(2) == {1: 1, 2: 1, 3: 1}


def test_a_mask_of_another_size_is_refused(drawn: Session, tmp_path: Path, qtbot: QtBot) -> None:
    write_label_map(tmp_path / "mask.png", np.ones((4, 4), np.uint8))
    before = drawn.undo_label
    with qtbot.waitSignal(drawn.failed):
        assert drawn.mask_edits.import_masks(tmp_path / "mask.png")
    assert drawn.undo_label == before


def test_frames_and_ranges_stay_inside(drawn: Session) -> None:
    drawn.go(99)
    assert drawn.frame == LENGTH - 1
    drawn.go(-5)
    assert drawn.frame == 0
    drawn.choose_range(8, -3)
    assert drawn.range == (0, 8)
    drawn.choose_range(None)
    assert drawn.range is None


def test_nothing_is_done_without_a_document(session: Session) -> None:
    assert not session.mask_edits.edit_mask(0, 1, SoftMask.empty(), "Paint")
    assert session.instance_edits.add_instance() is None
    assert not session.step_edits.undo()
    assert not session.edits.apply(Change("x"))


def test_a_full_disk_leaves_the_document(
    drawn: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsreid_studio.errors import UserError  # noqa: PLC0415

    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(type(drawn.project), "apply", full)
    with qtbot.assertNotEmitted(drawn.saved), qtbot.waitSignal(drawn.failed) as told:
        assert drawn.mask_edits.edit_mask(1, 1, true_mask(1, 1), "Paint")
        assert drawn.annotation.get(1, 1) is not None
    assert told.args[0] == "The disk is full."
    assert drawn.annotation.get(1, 1) is None
    assert drawn.settled


def test_redo_may_be_asked_for_before_the_undo_is_done(drawn: Session, qtbot: QtBot) -> None:
    saved: list[str | None] = []
    drawn.saved.connect(lambda: saved.append(drawn.redo_label))
    assert drawn.undo() and drawn.exchanging and drawn.redo_label is None
    assert drawn.redo() and drawn.undo() and drawn.redo()
    qtbot.waitUntil(lambda: not drawn.exchanging)
    assert drawn.undo_label == "Paint" and drawn.redo_label is None
    # Nothing is told to be saved while more is asked for.
    assert saved == [None]
    assert drawn.redo() and drawn.exchanging
    qtbot.waitUntil(lambda: len(saved) == 2)
    assert not drawn.exchanging


def test_classes_are_given_renamed_and_removed(drawn: Session) -> None:
    assert drawn.instance_edits.set_class(1, " traffic  light ")
    assert drawn.instance_edits.set_class(2, "dog")
    assert drawn.instance_edits.set_class(1, "dog")
    assert drawn.categories == {1: "traffic light", 2: "dog"}
    assert [one.category for one in drawn.instances.values()] == [2, 2]
    assert drawn.instance_edits.rename_class(2, "hound")
    assert drawn.instance_edits.remove_class(2)
    drawn.flush()
    assert drawn.project.categories == {1: "traffic light"}
    assert [one.category for one in drawn.project.instances.values()] == [None, None]
    assert drawn.step_edits.undo()
    drawn.flush()
    assert drawn.categories == {1: "traffic light", 2: "hound"}
    assert [one.category for one in drawn.instances.values()] == [2, 2]


def test_what_no_class_can_be_is_refused(drawn: Session, heard: Heard) -> None:
    drawn.failed.connect(heard.listen("failed"))
    drawn.refused.connect(heard.listen("refused"))
    assert drawn.instance_edits.add_classes({1: "dog", 2: "cat"})
    assert not drawn.instance_edits.rename_class(1, "cat")
    assert not drawn.instance_edits.rename_class(1, "  ")
    assert not drawn.instance_edits.add_classes({5: "cat"})
    assert not drawn.instance_edits.set_class(9, "dog")
    assert heard.names == ["refused", "refused", "refused", "failed"]
    assert drawn.categories == {1: "dog", 2: "cat"}


def test_the_open_project_is_neither_read_nor_written_as_something_else(
    drawn: Session, heard: Heard, tmp_path: Path
) -> None:
    drawn.failed.connect(heard.listen("failed"))
    project = drawn.project.path
    (tmp_path / "link.txt").symlink_to(project)
    for path in (project, tmp_path / "link.txt"):
        drawn.mask_edits.import_masks(path)
        drawn.instance_edits.import_classes(path)
        drawn.instance_edits.export_classes(path, lambda: None)
        assert not drawn.flush()
    assert len(heard.values) == 6
    assert all("is the project" in str(sentence) for sentence, _ in heard.values)
    code = "import sys; from pathlib import Path; from vsreid_studio.project import Project; "
    code += "Project.open(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(project)]
    other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "open in another window" in other.stderr
    assert drawn.mask_edits.edit_mask(2, 1, true_mask(2, 1), "Paint") and drawn.flush()
