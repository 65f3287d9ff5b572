"""What the document's thread does: in order, off the window's thread, claimed only once it is on disk."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot
from small_clip import HEIGHT, LENGTH, WIDTH, true_mask

from vsreid_studio.engine.events import Change
from vsreid_studio.engine.types import SoftMask
from vsreid_studio.formats.masks import write_label_map
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.opening import Document
from vsreid_studio.gui.session import Imported, Session, mask_import
from vsreid_studio.gui.session import opener as module
from vsreid_studio.gui.session.thread import DocumentThread
from vsreid_studio.project import Project


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Holds every change back until it is opened."""
    gate, apply = threading.Event(), Project.apply

    def held(project: Project, change: Change, **how: Any) -> None:
        assert gate.wait(5)
        apply(project, change, **how)

    monkeypatch.setattr(Project, "apply", held)
    return gate


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A folder of masks for every frame."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for frame in range(LENGTH):
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[frame : frame + 9, 3:12], labels[20:40, frame : frame + 30] = 1, 3
        write_label_map(folder / f"{frame:05d}.png", labels)
    return folder


def test_opening_is_not_done_on_the_windows_thread(
    qtbot: QtBot, session: Session, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, open_document = [], module.open_document  # type: ignore[attr-defined]

    def noted(*how: Any, **named: Any) -> Document:
        threads.append(threading.get_ident())
        return open_document(*how, **named)

    monkeypatch.setattr(module, "open_document", noted)
    with qtbot.waitSignal(session.opened):
        assert session.open(pictures)
        assert session.document is None
    assert threads and threading.get_ident() not in threads
    assert "names" in vars(session.video)


def test_an_edit_is_shown_at_once_and_saved_when_it_is_on_disk(
    qtbot: QtBot, drawn: Session, gate: threading.Event
) -> None:
    saved = []
    drawn.saved.connect(lambda: saved.append(gate.is_set()))
    for frame in (2, 3):
        drawn.mask_edits.edit_mask(frame, 1, true_mask(frame, 1), "Paint")
    cell = drawn.annotation.get(3, 1)
    assert cell.pinned
    assert drawn.project.annotation.get(3, 1) is None
    assert drawn.undo_label == "Paint"
    assert not saved
    gate.set()
    assert drawn.flush()
    assert saved == [True]
    assert drawn.annotation.get(3, 1) is cell is drawn.project.annotation.get(3, 1)
    assert cell.mask.stored_map is not None, "its values have left memory"


def test_edits_and_undo_keep_their_order(drawn: Session, gate: threading.Event) -> None:
    drawn.mask_edits.edit_mask(3, 1, true_mask(3, 1), "first")
    drawn.mask_edits.edit_mask(3, 1, SoftMask.empty(), "second")
    drawn.step_edits.undo()
    drawn.mask_edits.edit_mask(8, 1, true_mask(8, 1), "third")
    gate.set()
    drawn.flush()
    assert drawn.annotation.mask(3, 1).area
    assert drawn.annotation.mask(8, 1).area
    labels = []
    while drawn.undo_label:
        labels.append(drawn.undo_label)
        drawn.step_edits.undo()
        drawn.flush()
    assert labels[:2] == ["third", "first"]


@pytest.mark.parametrize("redone", [False, True])
def test_of_an_instance_only_what_the_person_changes_is_changed_while_an_undo_is_under_way(
    drawn: Session, redone: bool
) -> None:
    before = drawn.instances[1]
    drawn.instance_edits.recolour(1, "#123456")
    drawn.instance_edits.set_class(1, "dog")
    drawn.flush()
    changed = drawn.instances[1]
    assert before.colour != changed.colour and before.category != changed.category
    if redone:
        drawn.step_edits.undo()
        drawn.step_edits.undo()
        drawn.flush()
        assert drawn.instances[1] == before
    held = threading.Event()
    drawn.writer.post(held.wait, drawn.edits.report)
    for _ in range(2):
        (drawn.step_edits.redo if redone else drawn.step_edits.undo)()
    drawn.instance_edits.rename(1, "other")
    drawn.instance_edits.hide(1, True)
    drawn.instance_edits.lock(1, True)
    assert (drawn.instances[1].name, drawn.instances[1].locked) == ("other", True)
    held.set()
    assert drawn.flush()
    left = changed if redone else before
    assert drawn.instances[1] == replace(left, name="other", hidden=True, locked=True)
    assert drawn.project.instances == drawn.instances


def test_an_instance_that_an_undo_takes_away_is_not_brought_back(qtbot: QtBot, drawn: Session) -> None:
    new = drawn.instance_edits.add_instance()
    assert new is not None
    drawn.flush()
    held = threading.Event()
    drawn.writer.post(held.wait, drawn.edits.report)
    drawn.step_edits.undo()
    with qtbot.waitSignal(drawn.failed) as told:
        drawn.instance_edits.rename(new, "other")
        held.set()
        drawn.flush()
    assert told.args[0] == f"There is no instance {new} any more."
    assert new not in drawn.instances and new not in drawn.project.instances


def test_what_cannot_be_saved_is_taken_back_and_told(qtbot: QtBot, drawn: Session) -> None:
    shutil.rmtree(drawn.project.path.parent)
    changed: list[Change] = []
    told: list[tuple[str, object]] = []
    drawn.changed.connect(changed.append)
    drawn.failed.connect(lambda *what: told.append(what))
    with qtbot.assertNotEmitted(drawn.saved):
        drawn.mask_edits.edit_mask(3, 1, true_mask(3, 1), "Paint")
        drawn.instance_edits.rename(1, "other")
        assert drawn.annotation.get(3, 1) is not None
        assert not drawn.flush()
    assert drawn.annotation.get(3, 1) is None
    assert drawn.instances[1].name == "red"
    assert [sentence.count("moved or deleted while it was open") for sentence, _ in told] == [1, 1]
    assert [list(change.after) for change in changed[:1]] == [list(change.after) for change in changed[2:3]]


def test_closing_keeps_what_was_done_last(drawn: Session, pictures: Path, tmp_path: Path) -> None:
    drawn.mask_edits.edit_mask(7, 2, true_mask(7, 2), "Paint")
    drawn.go(7)
    drawn.close()
    again = Session(config=tmp_path / "config", data=tmp_path / "data", waits=False)
    again.open(pictures)
    again.flush()
    assert again.annotation.mask(7, 2).same(true_mask(7, 2))
    assert again.frame == 7
    again.close()


def test_a_window_that_cannot_save_stays_once(qtbot: QtBot, window: MainWindow) -> None:
    window.session.mask_edits.edit_mask(0, 1, true_mask(0, 1), "Paint")
    window.session.flush()
    shutil.rmtree(window.session.project.path.parent)
    window.session.mask_edits.edit_mask(1, 1, true_mask(1, 1), "Paint")
    assert not window.close()
    assert window.isVisible()
    assert "not saved" in window.bar.sentence.text()
    assert window.close()


def test_a_folder_is_imported_as_one_step(
    qtbot: QtBot, drawn: Session, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.session.mask_import._PERIOD", 0.0)
    seen = []
    drawn.importing.connect(lambda *how: seen.append(how))
    assert drawn.mask_edits.import_masks(masks)
    assert drawn.mask_edits.is_importing
    drawn.flush()
    assert seen[-1] == (0, 0)
    assert (LENGTH - 1, LENGTH) in seen
    assert list(drawn.instances) == [1, 2, 3]
    assert len(drawn.annotation.row(3)) == LENGTH
    assert drawn.annotation.mask(5, 3).area == 20 * 30
    assert drawn.undo_label == "import masks"
    drawn.step_edits.undo()
    drawn.flush()
    assert list(drawn.instances) == [1, 2]
    assert list(drawn.annotation.row(1)) == [0]


def test_that_all_files_are_read_is_told_however_fast(
    drawn: Session, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.session.mask_import._PERIOD", 60.0)
    seen = []
    drawn.importing.connect(lambda *how: seen.append(how))
    assert drawn.mask_edits.import_masks(masks)
    drawn.flush()
    assert seen[-2:] == [(LENGTH, LENGTH), (0, 0)]


def test_a_stroke_during_an_import_is_not_lost(
    drawn: Session, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.session.mask_import._PERIOD", 0.0)
    drawn.mask_edits.import_masks(masks)
    drawn.mask_edits.edit_mask(3, 2, true_mask(3, 2), "Paint")
    drawn.flush()
    assert drawn.annotation.mask(3, 2).same(true_mask(3, 2))
    assert drawn.undo_label == "import masks"


@pytest.mark.parametrize("frame", [0, 3])
def test_what_is_drawn_during_an_import_is_later_than_the_import(
    drawn: Session, masks: Path, frame: int
) -> None:
    told: list[Imported] = []
    drawn.imported.connect(told.append)
    drawn.mask_edits.import_masks(masks)
    drawn.mask_edits.edit_mask(frame, 1, true_mask(3, 2), "Paint")
    drawn.flush()
    assert drawn.annotation.mask(frame, 1).same(true_mask(3, 2))
    assert drawn.annotation.mask(5, 1).area == 9 * 9
    assert told[0].left == 1
    # What was there before is replaced as always.
    drawn.mask_edits.import_masks(masks)
    drawn.flush()
    assert drawn.annotation.mask(frame, 1).area == 9 * 9
    assert told[1].left == 0


def test_that_an_import_was_stopped_is_told_where_nothing_of_it_is_kept(drawn: Session, masks: Path) -> None:
    stopped: list[bool] = []
    drawn.mask_edits.import_stopped.connect(lambda: stopped.append(True))
    drawn.mask_edits.import_masks(masks)
    drawn.mask_edits.cancel_import()
    drawn.flush()
    assert stopped == [True]
    drawn.mask_edits.import_masks(masks)
    drawn.flush()
    # Too late: it is there.
    assert not drawn.mask_edits.cancel_import()
    assert stopped == [True]


@pytest.mark.parametrize("how", ["cancelled", "unfit", "of another size"])
def test_of_an_import_that_fails_nothing_is_kept(
    qtbot: QtBot, drawn: Session, masks: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.session.mask_import._PERIOD", 0.0)
    if how == "unfit":
        (masks / "00007.png").write_bytes(b"no picture")
    elif how == "of another size":
        Image.new("L", (3, 3)).save(masks / "00009.png")
    told = []
    drawn.failed.connect(lambda sentence, _: told.append(sentence))
    before = dict(drawn.annotation.cells())
    drawn.mask_edits.import_masks(masks)
    if how == "cancelled":
        drawn.mask_edits.cancel_import()
    drawn.flush()
    assert not drawn.mask_edits.is_importing
    assert dict(drawn.annotation.cells()) == before
    assert drawn.undo_label == "Paint"
    assert bool(told) is (how != "cancelled")


def test_an_import_is_left_off_at_any_time_before_its_commit(
    drawn: Session, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(drawn.annotation.cells())
    asked = []
    check = mask_import._refuse_stopped

    def count(listener: mask_import.ImportListener) -> None:
        asked.append(1)
        check(listener)

    monkeypatch.setattr(mask_import, "_refuse_stopped", count)
    drawn.mask_edits.import_masks(masks)
    drawn.flush()
    drawn.step_edits.undo()
    drawn.flush()
    for last in range(1, len(asked) + 1):
        left = [last]

        def cancel(listener: mask_import.ImportListener, left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                listener.stop.set()
            check(listener)

        monkeypatch.setattr(mask_import, "_refuse_stopped", cancel)
        drawn.mask_edits.import_masks(masks)
        drawn.flush()
        assert not drawn.mask_edits.is_importing
        assert drawn.annotation.instances == (1, 2)
        assert dict(drawn.annotation.cells()).keys() == before.keys()
        assert drawn.undo_label == "Paint"


def test_replies_that_take_long_let_the_window_have_its_turn(qtbot: QtBot, drawn: Session) -> None:
    done = []

    def slow(number: int) -> None:
        sleep(0.02)
        done.append(number)

    for number in range(3):
        drawn._thread._replies.append(partial(slow, number))
    drawn._thread._deliver_some()
    assert done == [0]
    qtbot.waitUntil(lambda: done == [0, 1, 2])


def test_closing_in_an_import_leaves_it_off(
    drawn: Session, masks: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.session.mask_import._PERIOD", 0.0)
    before = dict(drawn.annotation.cells())
    drawn.closing.connect(lambda: drawn.mask_edits.import_masks(masks))
    drawn.close()
    again = Session(config=tmp_path / "config", data=tmp_path / "data", waits=False)
    again.open(pictures)
    again.flush()
    assert dict(again.annotation.cells()).keys() == before.keys()
    again.close()


def test_the_thread_outlives_what_it_is_asked(qtbot: QtBot) -> None:
    thread, done, failed = DocumentThread(), [], []
    thread.post(lambda: dict[str, int]()["x"], lambda error, _: failed.append(error))
    thread.post(lambda: done.append(threading.get_ident()), lambda *_: None)
    thread.wait_idle()
    assert isinstance(failed[0], KeyError)
    assert done != [threading.get_ident()]
    thread.stop()
    thread.post(lambda: done.append(1), lambda *_: None)
    thread.wait_idle()
    assert done[-1] == 1
    thread.stop()


def test_a_mistake_of_ours_is_told_in_a_sentence(
    qtbot: QtBot, drawn: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "apply", lambda *_, **__: dict[str, int]()["x"])
    with qtbot.waitSignal(drawn.failed) as told:
        drawn.edits.apply(Change("x"))
    assert "KeyError" in told.args[0]
    assert "Traceback" in told.args[1]


def test_no_search_for_cycles_stops_the_window_in_an_undo(
    drawn: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    undo = Project.undo

    def noted(project: Project) -> Change | None:
        seen.append(gc.isenabled())
        return undo(project)

    monkeypatch.setattr(Project, "undo", noted)
    assert drawn.step_edits.undo()
    drawn.flush()
    assert seen == [False]
    assert gc.isenabled()


def test_a_reply_that_fails_does_not_hold_up_the_others(qtbot: QtBot, drawn: Session) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a mistake in the window")

    with qtbot.capture_exceptions() as raised, qtbot.waitSignal(drawn.saved):
        drawn.writer.ask(lambda: None, fail, drawn.edits.report)
        drawn.mask_edits.edit_mask(3, 1, true_mask(3, 1), "Paint")
        drawn.edits._thread.wait_idle()
    assert [str(error) for _, error, _ in raised] == ["a mistake in the window"]
    assert drawn.settled


def while_waiting(drawn: Session, asked: Callable[[], object], then: Callable[[], object]) -> None:
    """Ask for something that the document's thread does only after the window has done more."""
    held = threading.Event()
    drawn.writer.post(held.wait, drawn.edits.report)
    asked()
    then()
    held.set()
    assert drawn.flush()


def added_and_drawn(drawn: Session) -> None:
    number = drawn.instance_edits.add_instance("new")
    assert number is not None and number == drawn.selected
    drawn.mask_edits.edit_mask(5, number, true_mask(5, 2), "Paint")


@pytest.mark.parametrize("back", ["undo", "redo", "go back"])
def test_an_instance_that_is_added_while_another_comes_back_gets_a_number_of_its_own(
    drawn: Session, back: str
) -> None:
    before = drawn.instances[2]
    if back == "redo":
        while 2 in drawn.instances:
            drawn.step_edits.undo()
            drawn.flush()
    else:
        drawn.instance_edits.delete(2)
        drawn.flush()
    assert 2 not in drawn.instances
    ways: dict[str, Callable[[], object]] = {
        "undo": drawn.step_edits.undo,
        "redo": lambda: [drawn.step_edits.redo() for _ in range(12)],
        "go back": lambda: drawn.step_edits.go_back(drawn.project.rounds()[-2]),
    }
    while_waiting(drawn, ways[back], lambda: added_and_drawn(drawn))
    assert drawn.instances[2] == before and drawn.annotation.mask(0, 2).same(true_mask(0, 2))
    (new,) = (one for one in drawn.instances.values() if one.name == "new")
    assert new.number == 3 and drawn.annotation.get(5, 3) is not None
    assert drawn.project.instances == drawn.instances


def test_a_class_that_is_added_while_another_comes_back_gets_a_number_of_its_own(drawn: Session) -> None:
    drawn.instance_edits.set_class(1, "dog")
    drawn.flush()
    drawn.instance_edits.remove_class(1)
    drawn.flush()
    assert drawn.categories == {}
    while_waiting(drawn, drawn.step_edits.undo, lambda: drawn.instance_edits.set_class(2, "cat"))
    assert drawn.categories == {1: "dog", 2: "cat"} == drawn.project.categories
    assert [one.category for one in drawn.instances.values()] == [1, 2]


@pytest.mark.parametrize("renames", [False, True])
def test_a_class_that_an_undo_takes_away_is_not_another_one(
    qtbot: QtBot, drawn: Session, renames: bool
) -> None:
    drawn.instance_edits.set_class(1, "dog")
    drawn.instance_edits.remove_class(1)
    drawn.instance_edits.set_class(1, "cat")
    drawn.flush()
    held = threading.Event()
    drawn.writer.post(held.wait, drawn.edits.report)
    drawn.step_edits.undo()
    drawn.step_edits.undo()
    with qtbot.waitSignal(drawn.failed) as told:
        if renames:
            drawn.instance_edits.rename_class(1, "lion")
        else:
            drawn.instance_edits.remove_class(1)
        held.set()
        drawn.flush()
    assert told.args[0] == "There is no class cat any more."
    assert drawn.categories == {1: "dog"} == drawn.project.categories


def test_no_instance_is_added_while_an_import_may_bring_its_own(
    qtbot: QtBot, drawn: Session, masks: Path
) -> None:
    assert drawn.mask_edits.import_masks(masks)
    with qtbot.waitSignal(drawn.refused) as told:
        assert drawn.instance_edits.add_instance("new") is None
    assert "being imported" in told.args[0]
    assert drawn.flush()
    assert sorted(drawn.instances) == [1, 2, 3]
    assert drawn.instance_edits.add_instance("new") == 4
