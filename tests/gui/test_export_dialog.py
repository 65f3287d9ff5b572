"""The export dialog, filled in with keys and mouse."""

from __future__ import annotations

from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest
from driving import draw_both, focused
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from vsreid_studio.errors import UserError
from vsreid_studio.formats.catalogue import DAVIS, FORMATS, OVERLAY, ExportFormat, ExportRequest
from vsreid_studio.formats.owned import write_marker
from vsreid_studio.gui.export_dialog import ExportDialog
from vsreid_studio.gui.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton
VIDEO = ExportFormat("overlay", "Overlay video", "An MP4 with the masks drawn over the frames.")


@pytest.fixture
def dialog(qtbot: QtBot, tmp_path: Path) -> ExportDialog:
    dialog = ExportDialog(folder=tmp_path, sequence="clip", formats=(DAVIS, VIDEO))
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.open()
    return dialog


def retype(qtbot: QtBot, dialog: ExportDialog, text: str) -> None:
    dialog.sequence.selectAll()
    qtbot.keyClick(dialog.sequence, Qt.Key.Key_Delete)
    qtbot.keyClicks(dialog.sequence, text)


def test_asks_for_davis_and_closes(qtbot: QtBot, dialog: ExportDialog, tmp_path: Path) -> None:
    retype(qtbot, dialog, "rider")
    qtbot.keyClick(dialog.resolutions["480p"], Qt.Key.Key_Space)
    with qtbot.waitSignal(dialog.export_requested) as asked:
        qtbot.mouseClick(dialog.export, LEFT)
    assert asked.args == [ExportRequest("davis", tmp_path, ("Full-Resolution",), "rider", "val", False)]
    assert not dialog.isVisible()


@pytest.mark.parametrize(
    ("name", "words"), [("", "Give the sequence a name."), ("a b", "cannot name"), (".x", "cannot name")]
)
def test_bad_names_are_told_at_once(qtbot: QtBot, dialog: ExportDialog, name: str, words: str) -> None:
    retype(qtbot, dialog, name)
    assert words in dialog.problem.text()
    with qtbot.assertNotEmitted(dialog.export_requested):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
        dialog.accept()
    assert dialog.isVisible()
    retype(qtbot, dialog, "fine")
    assert dialog.problem.text() == ""


def test_needs_a_folder_and_a_resolution(dialog: ExportDialog, tmp_path: Path) -> None:
    for box in dialog.resolutions.values():
        box.setChecked(False)
    assert dialog.problem.text() == "Choose at least one resolution."
    dialog.folder.clear()
    assert dialog.problem.text() == "Choose the folder of the data set."
    (tmp_path / "file").touch()
    dialog.folder.setText(str(tmp_path / "file"))
    assert "is a file" in dialog.problem.text()


def test_warns_before_it_would_overwrite(qtbot: QtBot, dialog: ExportDialog, tmp_path: Path) -> None:
    there = tmp_path / "Annotations" / "480p" / "old"
    there.mkdir(parents=True)
    retype(qtbot, dialog, "old")
    assert dialog.export.isEnabled()
    (there / "00000.png").touch()
    retype(qtbot, dialog, "old")
    assert "this program did not write it" in dialog.problem.text()
    write_marker(tmp_path, {"Annotations/480p/old/00000.png": ""})
    retype(qtbot, dialog, "old")
    assert "already" in dialog.problem.text()
    dialog.overwrite.setFocus()
    qtbot.keyClick(dialog.overwrite, Qt.Key.Key_Space)
    with qtbot.waitSignal(dialog.export_requested) as asked:
        qtbot.mouseClick(dialog.export, LEFT)
    assert asked.args[0].overwrite


def test_another_format_asks_for_what_it_needs(dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.format_box.setCurrentIndex(1)
    assert not dialog.image_set.isVisible()
    assert dialog.request() == ExportRequest("overlay", tmp_path, (), "clip", "", False)
    assert dialog.problem.text() == ""
    dialog.format_box.setCurrentIndex(0)
    assert dialog.image_set.isVisible()
    assert list(dialog.resolutions) == ["480p", "Full-Resolution"]


def test_folder_is_chosen_without_blocking(qtbot: QtBot, dialog: ExportDialog, tmp_path: Path) -> None:
    qtbot.mouseClick(dialog.choose, LEFT)
    chooser = dialog.findChild(QFileDialog)
    assert chooser is not None
    chooser.fileSelected.emit(str(tmp_path / "DAVIS"))
    chooser.reject()
    assert dialog.folder.text() == str(tmp_path / "DAVIS")
    qtbot.waitUntil(lambda: dialog.findChild(QFileDialog) is None)


def test_the_overlay_video_asks_less(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ExportDialog(folder=tmp_path, sequence="clip")
    qtbot.addWidget(dialog)
    dialog.format_box.setCurrentIndex(FORMATS.index(OVERLAY))
    assert not dialog.problem.text()
    assert not dialog.image_set.isVisibleTo(dialog)
    (tmp_path / "clip.mp4").touch()
    write_marker(tmp_path, {"clip.mp4": ""})
    dialog.overwrite.setChecked(True)
    dialog.overwrite.setChecked(False)
    assert dialog.problem.text() == "There is a video clip already. Choose another name, or replace it."
    dialog.overwrite.setChecked(True)
    with qtbot.waitSignal(dialog.export_requested) as asked:
        dialog.accept()
    assert asked.args[0] == ExportRequest("overlay", tmp_path, (), "clip", "", True)


def test_a_set_is_called_as_it_was_typed(qtbot: QtBot, dialog: ExportDialog) -> None:
    dialog.image_set.setFocus()
    dialog.image_set.lineEdit().selectAll()
    qtbot.keyClicks(dialog.image_set.lineEdit(), "te")
    assert dialog.request().image_set == "te"


def test_tab_goes_through_the_fields_as_they_stand(qtbot: QtBot, dialog: ExportDialog) -> None:
    dialog.format_box.setCurrentIndex(1)
    dialog.format_box.setCurrentIndex(0)
    dialog.folder.setFocus()
    sizes = dialog.resolutions.values()
    for field in (dialog.choose, dialog.sequence, dialog.image_set, *sizes, dialog.overwrite):
        qtbot.keyClick(focused(), Qt.Key.Key_Tab)
        assert field.hasFocus() or field.isAncestorOf(focused())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.key)
def test_every_format_is_offered(qtbot: QtBot, tmp_path: Path, form: ExportFormat) -> None:
    dialog = ExportDialog(folder=tmp_path, sequence="clip")
    qtbot.addWidget(dialog)
    dialog.format_box.setCurrentIndex(FORMATS.index(form))
    with qtbot.waitSignal(dialog.export_requested) as asked:
        dialog.accept()
    wanted = (form.key, form.resolutions, form.sets[0] if form.sets else "")
    assert (asked.args[0].format_key, asked.args[0].resolutions, asked.args[0].image_set) == wanted
    place = tmp_path / form.places[-1].format(resolution="480p", sequence="clip")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    dialog.sequence.setText("another")
    dialog.sequence.setText("clip")
    assert "already" in dialog.problem.text()


def test_a_folder_that_cannot_be_written_leaves_the_dialog_as_it_was_typed(
    qtbot: QtBot, dialog: ExportDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()

    def full(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("vsreid_studio.formats.atomic.tempfile.TemporaryFile", full)
    retype(qtbot, dialog, "rider")
    dialog.folder.setText(str(tmp_path / "full" / "a" / "b"))
    with qtbot.assertNotEmitted(dialog.export_requested):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible() and dialog.sequence.text() == "rider"
    assert "cannot be written to: no space left on device" in dialog.problem.text()
    # Nothing is left of the trial, and another folder is another chance.
    assert not (tmp_path / "full" / "a").exists()
    monkeypatch.undo()
    dialog.folder.setText(str(tmp_path / "other"))
    assert not dialog.problem.text()
    with qtbot.waitSignal(dialog.export_requested):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [("~nobody-of-this-name/x", "no user"), ("/" + 300 * "x", "too long")],
)
def test_a_folder_that_cannot_be_is_told(dialog: ExportDialog, typed: str, words: str) -> None:
    dialog.folder.setText(typed)
    assert words in dialog.problem.text()
    assert not dialog.export.isEnabled()


def test_a_relative_folder_is_told_whole(dialog: ExportDialog) -> None:
    dialog.folder.setText("somewhere")
    assert dialog.request().folder == Path.cwd() / "somewhere"


def test_what_was_asked_last_is_filled_in(qtbot: QtBot, tmp_path: Path) -> None:
    last = ExportRequest("davis", tmp_path, ("480p",), "rider", "mine", True)
    dialog = ExportDialog(folder=tmp_path / "x", sequence="clip", last=last)
    qtbot.addWidget(dialog)
    assert dialog.request() == last


def test_an_export_that_fails_is_offered_again_as_it_was_asked(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_both(qtbot, window)
    asked = ExportRequest("cutouts", tmp_path / "out", (), "rider", "", False)

    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("vsreid_studio.gui.worker.jobs.export", full)
        assert window.files.export(asked)
        qtbot.waitUntil(window.bar.offer.isVisible)
    assert window.bar.sentence.text() == "The disk is full."
    window.bar.offer.click()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None and dialog.request() == asked
    dialog.reject()
    with qtbot.waitSignal(window.conductor.finished):
        assert window.files.export(replace(asked, overwrite=True))
    window.files.ask_export()
    (dialog,) = (one for one in window.findChildren(ExportDialog) if one.isVisible())
    # What is there now is not replaced unasked.
    assert dialog.request() == asked and "already" in dialog.problem.text()
    dialog.reject()
