"""The story of the studio, driven with mouse and keys through the real window."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from driving import LEFT, drag, draw_both, press, until_proposal, wait_idle
from fake_engine import Script
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QKeySequence
from PySide6.QtWidgets import QLabel, QMenu
from pytestqt.qtbot import QtBot
from small_clip import HIDDEN, LENGTH, true_mask
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Change, Verdict
from vsreid_studio.engine.runtime.run import State
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.engine.video import open_video
from vsreid_studio.formats.davis import DavisRoot
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.canvas import editor
from vsreid_studio.gui.export_dialog import ExportRequest  # type: ignore[attr-defined]
from vsreid_studio.gui.instances.model import Role
from vsreid_studio.gui.main_window import MainWindow


def test_docks_are_laid_out_after_they_are_filled_and_painted_in_turn(
    qtbot: QtBot, make: MakeWindow, pictures: Path
) -> None:
    window = make()
    docks = window.parts.docks
    seen: list[bool] = []
    window.session.opened.connect(lambda: seen.extend(one.isVisible() for one in docks))
    parts = [window.parts.canvas, *docks]
    painted: list[bool] = []
    docks[0].visibilityChanged.connect(lambda _: painted.extend(one.updatesEnabled() for one in parts))
    assert window.files.open(pictures)
    qtbot.waitUntil(docks[0].isVisible)
    assert seen == [False] * len(docks)
    assert painted[: len(parts)] == [False] * len(parts)
    qtbot.waitUntil(lambda: all(one.updatesEnabled() for one in parts))


def test_a_window_that_is_closed_at_once_keeps_the_places_of_the_docks(
    qtbot: QtBot, make: MakeWindow, pictures: Path
) -> None:
    window = make()
    assert window.files.open(pictures)
    window.session.flush()
    assert not window.parts.review_dock.isVisible()
    window.close()
    again = make()
    assert again.files.open(pictures)
    qtbot.waitUntil(again.parts.review_dock.isVisible)


def test_the_whole_story(
    qtbot: QtBot, make: MakeWindow, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    session, canvas = window.session, window.parts.canvas
    draw_both(qtbot, window)
    assert session.annotation.get(0, 1).pinned
    assert session.annotation.mask(0, 2).box.iou(true_mask(0, 2).box) > 0.8
    # Red goes behind the wall: the person says so.
    session.select(1)
    session.go(HIDDEN[0])
    qtbot.waitUntil(lambda: canvas.index == HIDDEN[0])
    press(window, Qt.Key.Key_X)
    press(window, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: session.proposal is not None)
    proposal = session.proposal
    assert "waits for your answer" in window.status.engine.text()
    assert session.frame == proposal.frame
    qtbot.waitUntil(lambda: canvas.index == proposal.frame)
    assert canvas.candidate is not None
    assert window.parts.timeline.state.hatched
    press(window, Qt.Key.Key_A)
    wait_idle(qtbot, window)
    assert session.annotation.get(*proposal.key).made_by is Maker.RECOVERY
    # A bad frame is painted right, and only what is closer to it is propagated anew.
    session.go(10)
    session.select(2)
    qtbot.waitUntil(lambda: canvas.index == 10)
    drag(window, (30, 36), (34, 36))
    assert session.annotation.get(10, 2).pinned
    press(window, Qt.Key.Key_P)
    wait_idle(qtbot, window)
    row = session.annotation.row(2)
    assert [row[i].origin for i in range(LENGTH)] == [0] * 6 + [10] * 6
    # Undo, redo.
    for key, origins in ((Qt.Key.Key_Z, (None, 0)), (Qt.Key.Key_Y, (10,))):
        press(window, key, Qt.KeyboardModifier.ControlModifier)
        session.flush()
        assert session.annotation.origin(8, 2) in origins
    # Export.
    out = tmp_path / "out"
    assert window.files.export(ExportRequest("davis", out, ("480p",), "clip", "val", False))
    wait_idle(qtbot, window)
    assert "clip is in" in window.bar.sentence.text()
    davis = DavisRoot(out)
    assert len(davis.annotation_files("clip")) == LENGTH
    assert set(np.unique(davis.annotation("clip", 0))) == {0, 1, 2}
    # Close and reopen.
    label = session.undo_label
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    assert again.session.annotation.origin(8, 2) == 10
    assert again.session.undo_label == label
    again.session.step_edits.undo()
    again.session.flush()
    assert again.session.annotation.origin(8, 2) != 10


def test_reject_by_key(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: first.key in window.session.annotation.decisions)
    assert window.session.annotation.decisions[first.key].verdict is Verdict.REJECTED
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_correct_with_the_brush_then_accept(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_C)
    drag(window, (50, 40), (70, 40))
    drag(window, (5, 40), (12, 40))
    # Nothing of it is in the document yet, and its last stroke can be taken back.
    assert window.session.undo_label in {"mark object 1 absent", "propagate"}
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.session.flush()
    press(window, Qt.Key.Key_A)
    wait_idle(qtbot, window)
    cell = window.session.annotation.get(*first.key)
    assert cell.pinned
    hard = cell.mask.hard(48, 80)
    assert hard[40, 60]
    assert not hard[40, 8]


def test_redraw_the_box(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_D)
    assert window.actions_[Act.BOX].isChecked()
    drag(window, (20, 4), (70, 30))
    qtbot.waitUntil(lambda: window.session.proposal is not None and window.session.proposal is not first)
    assert window.session.proposal.box.iou(Box(20, 4, 70, 30)) > 0.9
    assert window.actions_[Act.BRUSH].isChecked()
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_escape_and_space_in_a_run(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    draw_both(qtbot, window)
    script.gate = threading.Semaphore(4)
    press(window, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: len(window.session.annotation.row(2)) > 2 and len(script.targets) == 5)
    press(window, Qt.Key.Key_Space)
    assert window.conductor.state is State.PAUSED
    assert "paused" in window.status.engine.text()
    assert window.actions_[Act.PAUSE].text() == "Go on"
    press(window, Qt.Key.Key_Space)
    assert window.conductor.state is State.RUNNING
    press(window, Qt.Key.Key_Escape)
    script.gate.release(LENGTH)
    wait_idle(qtbot, window)
    assert len(script.targets) == 5, "no step but the one under way"
    assert 2 < len(window.session.annotation.row(2)) < LENGTH


def test_the_status_tells_where_and_how_fast(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    draw_both(qtbot, window)
    window.session.flush()
    assert window.status.place.text().startswith("frame 0/11")
    assert window.status.kept.text() == "saved"
    script.delay = 0.03
    texts: list[str] = []
    window.conductor.progress.connect(lambda *_: texts.append(window.status.engine.text()))
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    told = [text for text in texts if "propagating all to frame " in text and "frames/s" in text]
    # Figures come first, as the end of the line may be cut.
    assert told and all(text.index("frames/s") < text.index("propagating") for text in told)
    assert window.status.engine.text() == "engine: idle (cpu)"


def test_the_status_tells_how_far_an_import_is(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window.session.mask_edits, "_import", threading.Event())
    told = []
    for done in (0, 7, 12):
        window.session.importing.emit(done, 12)
        told.append(window.status.engine.text())
    files = ("looking at 12 files", "7 of 12 files", "saving 12 files")
    assert told == [f"engine: importing masks: {text}" for text in files]


def test_scrubbing_shows_the_newest_frame(qtbot: QtBot, window: MainWindow) -> None:
    for frame in range(LENGTH):
        window.parts.timeline.go_to(frame)
    qtbot.waitUntil(lambda: window.parts.canvas.index == LENGTH - 1)
    press(window, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: window.parts.canvas.index == LENGTH - 2)
    press(window, Qt.Key.Key_Home)
    assert window.session.frame == 0


def test_a_stroke_on_a_locked_instance_is_refused(qtbot: QtBot, window: MainWindow) -> None:
    window.session.instance_edits.lock(1, True)
    drag(window, (6, 16), (18, 16))
    assert window.session.annotation.get(0, 1) is None
    assert "locked" in window.bar.sentence.text()


def test_nothing_is_drawn_before_the_first_frame_of_a_document_is_there(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    session, canvas = window.session, window.parts.canvas
    session.mask_edits.edit_mask(3, 1, true_mask(3, 1), "Paint")
    session.go(3)
    qtbot.waitUntil(lambda: canvas.index == 3 and canvas.editor.mask(1).area > 0)
    first = session.project.path
    shutil.copytree(pictures, tmp_path / "other")
    window.loader.blockSignals(True)
    assert window.files.open(tmp_path / "other")
    session.flush()
    qtbot.waitUntil(canvas.isVisible)
    assert session.project.path != first
    window.actions_[Act.BRUSH].trigger()
    drag(window, (6, 16), (18, 16))
    canvas.fill_holes(1)
    session.flush()
    assert not len(session.annotation)
    assert window.bar.sentence.text() == editor.NO_PICTURE
    window.loader.blockSignals(False)
    session.go(1)
    qtbot.waitUntil(lambda: canvas.index == 1)
    drag(window, (6, 16), (18, 16))
    session.flush()
    assert session.annotation.pinned(1, 1)


def test_painting_while_a_run_goes_on(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    draw_both(qtbot, window)
    window.session.go(9)
    window.session.select(2)
    qtbot.waitUntil(lambda: window.parts.canvas.index == 9)
    script.delay = 0.02
    window.conductor.propagate(find=False)
    drag(window, (30, 10), (50, 10))
    mine = window.session.annotation.get(9, 2)
    assert mine.pinned
    wait_idle(qtbot, window)
    assert window.session.annotation.get(9, 2) is mine


def test_enter_approves(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    window.session.go(3)
    window.session.select(2)
    press(window, Qt.Key.Key_Return)
    assert window.session.annotation.get(3, 2).pinned
    press(window, Qt.Key.Key_Delete)
    assert window.session.annotation.get(3, 2) is None


def test_to_approve_an_empty_mask_tells_what_that_means(window: MainWindow) -> None:
    session = window.session
    session.instance_edits.add_instance("green")
    lost = Cell(SoftMask.empty(), 0, confidence=0.3)
    session.apply(Change("propagate", {CellKey(3, 1): None}, {CellKey(3, 1): lost}))
    session.go(3)
    session.select(1)
    press(window, Qt.Key.Key_Return)
    assert session.annotation.get(3, 1).pinned
    assert "not in frame 3" in window.bar.sentence.text()


def test_nothing_is_done_to_a_mask_that_is_not_seen(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    session = window.session
    session.go(1)
    qtbot.waitUntil(lambda: window.parts.canvas.index == 1)
    session.select(2)
    press(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    session.instance_edits.hide(2, True)
    session.flush()
    before = session.annotation.get(1, 2)
    v = Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier
    for keys in ((Qt.Key.Key_Return,), (Qt.Key.Key_X,), (Qt.Key.Key_Delete,), v):
        window.bar.hide()
        press(window, *keys)
        session.flush()
        assert session.annotation.get(1, 2) is before
        assert window.bar.sentence.text() == editor.HIDDEN
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    session.flush()
    assert session.annotation.pinned(1, 1)
    assert session.annotation.get(1, 2) is before


def test_a_range_is_chosen_with_keys(qtbot: QtBot, window: MainWindow) -> None:
    for frame, key in ((2, Qt.Key.Key_I), (5, Qt.Key.Key_O)):
        window.session.go(frame)
        press(window, key)
    assert window.session.range == (2, 5)
    assert window.parts.timeline.state.chosen == (2, 5)
    press(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert window.session.range is None


def test_absence_is_marked_in_the_chosen_frames_only_from_among_them(
    qtbot: QtBot, window: MainWindow
) -> None:
    session, action = window.session, window.actions_[Act.ABSENT]
    session.mask_edits.edit_mask(3, 1, true_mask(3, 1), "Paint")
    session.choose_range(2, 4)
    session.go(8)
    assert action.text() == "Not in this frame"
    press(window, Qt.Key.Key_X)
    assert session.annotation.anchors(1) == (3, 8)
    assert session.annotation.mask(3, 1).area
    session.go(4)
    assert action.text() == "Not in frames 2–4"
    press(window, Qt.Key.Key_X)
    assert session.annotation.anchors(1) == (2, 3, 4, 8)
    session.choose_range(None)
    assert action.text() == "Not in this frame"


def test_dropping_a_file_opens_it(qtbot: QtBot, make: MakeWindow, pictures: Path) -> None:
    window = make()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(pictures))])
    actions = Qt.DropAction.CopyAction
    window.dropEvent(QDropEvent(QPointF(5, 5), actions, data, LEFT, Qt.KeyboardModifier.NoModifier))
    window.session.flush()
    assert window.session.document is not None
    assert window.windowTitle().startswith("clip")


def test_what_cannot_be_opened_is_told(qtbot: QtBot, make: MakeWindow, tmp_path: Path) -> None:
    window = make()
    (tmp_path / "notes.txt").write_text("hello")
    assert window.files.open(tmp_path / "notes.txt")
    window.session.flush()
    assert "notes.txt" in window.bar.sentence.text()
    assert window.start.isVisible()


def test_a_moved_video_can_be_found(qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path) -> None:
    path = window.session.project.path
    window.session.close()
    moved = pictures.rename(tmp_path / "other")
    assert window.files.open(path)
    window.session.flush()
    assert window.bar.offer.isVisible()
    assert window.files.open(path, moved)
    window.session.flush()


def test_the_demo_opens_and_begins(qtbot: QtBot, make: MakeWindow) -> None:
    window = make()
    assert window.files.open_demo()
    window.session.flush()
    assert list(window.session.instances) == [1, 2]
    assert window.session.annotation.get(0, 1).pinned
    window.conductor.cancel()
    wait_idle(qtbot, window)
    # Again, a fresh one.
    window.session.instance_edits.delete(2)
    window.session.flush()
    window.files.open_demo()
    window.session.flush()
    assert list(window.session.instances) == [1, 2]


def test_closing_in_a_run(
    qtbot: QtBot, window: MainWindow, script: Script, pictures: Path, make: MakeWindow
) -> None:
    draw_both(qtbot, window)
    script.delay = 0.03
    window.conductor.propagate()
    qtbot.waitUntil(lambda: len(window.session.annotation.row(2)) > 2)
    window.close()
    script.delay = 0
    again = make()
    again.files.open(pictures)
    again.session.flush()
    assert len(again.session.annotation.row(2)) > 2


def test_every_action_has_a_key_and_no_key_two(window: MainWindow) -> None:
    listed = window._keyed
    keys: dict[str, str] = {}
    for one in listed:
        own = one.action.shortcutContext() is Qt.ShortcutContext.WidgetWithChildrenShortcut
        for key in one.keys:
            place = f"{one.table if own else ''} {key}"
            assert place not in keys, f"{key}: {keys[place]} and {one.name}"
            keys[place] = one.name
    without = {one.name for one in listed if not one.keys}
    assert without == {"demo", "about", "recolour", "absent", "delete_range", "video_reading"}


def test_keys_of_ones_own(make: MakeWindow, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "keys.toml").write_text(
        '[window]\npropagate = "Ctrl+R"\nundo = ["Ctrl+Z", "U"]\n[review]\naccept = "Ctrl+A"\n'
    )
    window = make()
    assert [key.toString() for key in window.actions_[Act.UNDO].shortcuts()] == ["Ctrl+Z", "U"]
    assert window.parts.review.actions_.accept.shortcut().toString() == "Ctrl+A"
    assert window.actions_[Act.PROPAGATE].toolTip().endswith("(Ctrl+R)")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[window]\nnope = 'A'", "nope"),
        ("[window]\npropagate = 'Ctrl+Z'", "both"),
        ("[window]\npropagate = 3", "should be a key"),
        ("[window]\npropagate = 'Blah+'", "not known"),
        ("x", "is not TOML"),
        ("x = 1", "table"),
    ],
)
def test_bad_keys_are_told_and_change_nothing(make: MakeWindow, tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "keys.toml").write_text(text)
    window = make()
    assert word in window.bar.sentence.text()
    assert window.actions_[Act.PROPAGATE].shortcut().toString() == "P"


def test_the_sheet_lists_the_keys(qtbot: QtBot, window: MainWindow) -> None:
    press(window, Qt.Key.Key_F1)
    sheet = window.show_keys()
    qtbot.addWidget(sheet)
    assert sheet.isVisible()
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert {"<b>Click tool</b>", "Take away", "Right or Alt click"} <= texts


def test_light_and_dark(window: MainWindow) -> None:
    for dark in (True, False):
        window._theme.set_dark(dark)
        assert (window.palette().window().color().lightness() < 128) is dark
        assert not window.actions_[Act.OPEN].icon().isNull()


def test_views_and_switches_move_each_other(window: MainWindow) -> None:
    press(window, Qt.Key.Key_V)
    assert window.parts.options.outline.isChecked()
    assert window.parts.canvas.display.outline_only
    window.parts.options.onion.setChecked(True)
    assert window.actions_[Act.ONION].isChecked()
    assert window.parts.canvas.display.onion_skin


def test_instances_by_panel(qtbot: QtBot, window: MainWindow) -> None:
    panel, session = window.parts.instances, window.session
    panel.actions_.add.trigger()
    assert list(session.instances) == [1, 2]
    assert panel.chosen == 2
    press(window, Qt.Key.Key_1)
    assert session.selected == 1
    panel.moved.emit(1, 1)
    assert list(session.instances) == [2, 1]
    panel.renamed.emit(1, "rider")
    assert [row.name for row in window.parts.timeline.state.rows] == ["object 2", "rider"]


def test_the_window_comes_without_torch(tmp_path: Path) -> None:
    code = """
import json, sys
from vsreid_studio.gui.application import application
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.theme import Theme
from pathlib import Path
app = application()
window = MainWindow(Theme(app), config=Path(sys.argv[1]), data=Path(sys.argv[1]))
window.show()
app.processEvents()
print(json.dumps([window.isVisible(), "torch" in sys.modules]))
window.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    visible, torch = json.loads(done.stdout.splitlines()[-1])
    assert visible
    assert not torch


def test_an_empty_mask_says_absent(window: MainWindow) -> None:
    window.session.mask_edits.edit_mask(2, 1, SoftMask.empty(), "Erase")
    assert window.session.annotation.anchored(2, 1)


def test_the_timelines_menu(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.parts.timeline.menu_requested.emit(window.mapToGlobal(window.rect().center()), 1, 3)
    assert (window.session.selected, window.session.frame) == (1, 3)
    menu = next(menu for menu in window.parts.timeline.findChildren(QMenu) if menu.isVisible())
    assert window.actions_[Act.ABSENT] in menu.actions()
    menu.close()


def test_export_of_an_overlay_video(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    draw_both(qtbot, window)
    request = ExportRequest("overlay", tmp_path / "out", (), "shown", "", False)
    assert window.files.export(request)
    wait_idle(qtbot, window)
    assert "shown is in" in window.bar.sentence.text()
    with open_video(tmp_path / "out" / "shown.mp4") as video:
        assert video.length == LENGTH
        # Red was drawn in frame 0, and is now seen in the instance's own colour.
        assert video.frame(0)[16, 12, 1] > video.frame(1)[16, 12, 1] + 20


def test_classes_are_imported_exported_and_shown(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session = window.session
    listed = tmp_path / "classes.txt"
    listed.write_text("person\ndog\n")
    dialog = window.parts.on_instances.show_classes()
    dialog.import_requested.emit(listed)
    qtbot.waitUntil(lambda: dialog.list.count() == 2)
    dialog.list.item(0).setText("dog")
    assert "already" in window.bar.sentence.text()
    assert dialog.list.item(0).text() == "person"
    out = tmp_path / "out.json"
    dialog.export_requested.emit(out)
    qtbot.waitUntil(out.exists)
    session.instance_edits.set_class(1, "dog")
    session.flush()
    assert window.parts.instances.view.model().index(0, 0).data(Role.COUNT).startswith("dog · ")
    dialog.close()


def test_each_menu_opens_with_a_letter_of_its_own(window: MainWindow) -> None:
    letters = [QKeySequence.mnemonic(one.text()).toString() for one in window.menuBar().actions()]
    assert all(letters) and len(set(letters)) == len(letters)
