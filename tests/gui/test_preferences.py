"""Preferences: they count at once, are kept, and go back to the defaults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import until_proposal, wait_idle
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from shiboken6 import isValid
from window_fixtures import MakeWindow

from vsreid_studio.config import Config
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.preferences import FILE, PreferenceFile, Preferences
from vsreid_studio.gui.preferences_dialog import PreferencesDialog
from vsreid_studio.gui.theme import DEFAULT_COLOURS, ColourScheme


def row_of(dialog: PreferencesDialog, text: str) -> int:
    return next(row for row in range(dialog.table.rowCount()) if dialog.table.item(row, 0).text() == text)


def test_without_a_file_all_is_as_usual(tmp_path: Path) -> None:
    found = PreferenceFile(tmp_path).read()
    assert found == Preferences()
    assert found.config == Config()


def test_what_is_kept_reads_back(tmp_path: Path) -> None:
    kept = Preferences(
        scheme=ColourScheme.DARK,
        opacity=0.3,
        colours=("#ff0000", *DEFAULT_COLOURS[1:]),
        device="cpu",
        threads=3,
        rho_reid=0.7,
        least_confidence=0.5,
        keys={"window/propagate": ("Ctrl+P",), "window/undo": (), "window/play": ("L", ",")},
    )
    PreferenceFile(tmp_path).write(kept)
    assert PreferenceFile(tmp_path).read() == kept
    assert (kept.config.device, kept.config.reid.rho_reid, kept.config.reid.least_confidence) == (
        "cpu", 0.7, 0.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name, value",
    [
        *(("scheme", "pink"), ("opacity", "7"), ("colours", "red")),
        *(("device", "tpu"), ("threads", "-1"), ("rho_reid", "x")),
    ],
)
def test_what_makes_no_sense_is_as_usual(tmp_path: Path, name: str, value: str) -> None:
    settings = QSettings(str(tmp_path / FILE), QSettings.Format.IniFormat)
    settings.setValue(name, value)
    settings.sync()
    assert PreferenceFile(tmp_path).read() == Preferences()


@pytest.fixture
def dialog(window: MainWindow) -> Iterator[PreferencesDialog]:
    made = window.show_preferences()
    yield made
    if isValid(made):
        made.close()


def test_the_theme_changes_at_once(window: MainWindow, dialog: PreferencesDialog, tmp_path: Path) -> None:
    dark = window.palette().window().color().lightness() < 128
    dialog.scheme.setCurrentIndex(dialog.scheme.findData(ColourScheme.LIGHT if dark else ColourScheme.DARK))
    assert (window.palette().window().color().lightness() < 128) is not dark
    assert PreferenceFile(tmp_path / "config").read().scheme is not ColourScheme.SYSTEM
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)
    assert (window.palette().window().color().lightness() < 128) is dark


def test_opacity_and_colours_of_new_instances(window: MainWindow, dialog: PreferencesDialog) -> None:
    dialog.opacity.setValue(20)
    assert window.parts.canvas.display.opacity == pytest.approx(0.2)
    dialog._recolour(1, QColor("#123456"))
    number = window.session.instance_edits.add_instance()
    assert (number, window.session.instances[2].colour) == (2, "#123456")


def test_a_key_is_recorded(window: MainWindow, dialog: PreferencesDialog, tmp_path: Path) -> None:
    dialog.table.selectRow(row_of(dialog, "Propagate"))
    QTest.keyClick(dialog.recorder, Qt.Key.Key_F9)
    QTest.mouseClick(dialog.record, Qt.MouseButton.LeftButton)
    assert window.actions_[Act.PROPAGATE].shortcut() == QKeySequence("F9")
    assert "F9" in window.actions_[Act.PROPAGATE].toolTip()
    assert PreferenceFile(tmp_path / "config").read().keys == {"window/propagate": ("F9",)}
    QTest.mouseClick(dialog.usual, Qt.MouseButton.LeftButton)
    assert window.actions_[Act.PROPAGATE].shortcut() == QKeySequence("P")
    QTest.mouseClick(dialog.clear, Qt.MouseButton.LeftButton)
    assert window.actions_[Act.PROPAGATE].shortcut().isEmpty()
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)
    assert window.actions_[Act.PROPAGATE].shortcut() == QKeySequence("P")


def test_a_key_that_another_action_has_is_refused_with_its_name(
    window: MainWindow, dialog: PreferencesDialog
) -> None:
    dialog.table.selectRow(row_of(dialog, "Propagate"))
    QTest.keyClick(dialog.recorder, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "Undo" in dialog.trouble.text()
    assert not dialog.record.isEnabled()


def test_recorded_keys_count_in_the_next_window(make: MakeWindow, tmp_path: Path) -> None:
    PreferenceFile(tmp_path / "config").write(Preferences(keys={"window/propagate": ("F9",)}))
    window = make()
    assert window.actions_[Act.PROPAGATE].shortcut() == QKeySequence("F9")


def test_a_recorded_key_that_the_key_file_gives_away_later_is_told(make: MakeWindow, tmp_path: Path) -> None:
    config = tmp_path / "config"
    PreferenceFile(config).write(Preferences(keys={"window/propagate": ("F9", "P")}))
    (config / "keys.toml").write_text('[window]\nbrush = "F9"\n')
    window = make()
    assert window.actions_[Act.BRUSH].shortcut() == QKeySequence("F9")
    assert window.actions_[Act.PROPAGATE].shortcuts() == [QKeySequence("P")]
    assert "The key F9 was recorded for 'Propagate'" in window.bar.sentence.text()


def test_actions_are_found_by_a_part_of_name_or_key(window: MainWindow, dialog: PreferencesDialog) -> None:
    dialog.tabs.setCurrentIndex(1)
    QTest.keyClicks(dialog.filter, "ctrl+j")
    shown = [
        dialog.table.item(row, 0).text()
        for row in range(dialog.table.rowCount())
        if not dialog.table.isRowHidden(row)
    ]
    assert shown == ["Go to frame"]


def test_the_engine_follows(window: MainWindow, dialog: PreferencesDialog) -> None:
    dialog.rho_reid.setValue(80)
    dialog.device.setCurrentIndex(dialog.device.findData("cpu"))
    assert window.preferences.config.reid.rho_reid == 0.8
    assert window.preferences.config.device == "cpu"


def test_the_default_key_of_an_action_is_refused_while_another_has_it(
    window: MainWindow, dialog: PreferencesDialog
) -> None:
    for name, key in (("Propagate", Qt.Key.Key_F9), ("Brush", Qt.Key.Key_P)):
        dialog.table.selectRow(row_of(dialog, name))
        QTest.keyClick(dialog.recorder, key)
        QTest.mouseClick(dialog.record, Qt.MouseButton.LeftButton)
    dialog.table.selectRow(row_of(dialog, "Propagate"))
    QTest.mouseClick(dialog.usual, Qt.MouseButton.LeftButton)
    assert "P is the key of 'Brush'" in dialog.trouble.text()
    keys = [window.actions_[act].shortcut().toString() for act in (Act.PROPAGATE, Act.BRUSH)]
    assert keys == ["F9", "P"]


def test_the_review_names_the_chosen_thresholds(
    qtbot: QtBot, window: MainWindow, dialog: PreferencesDialog
) -> None:
    dialog.rho_reid.setValue(70)
    until_proposal(qtbot, window)
    assert window.parts.review.card.similarity.words[1] == "needs 70 %"
    window.conductor.cancel()
    wait_idle(qtbot, window)


def test_return_ends_a_field_and_not_the_dialog(window: MainWindow, dialog: PreferencesDialog) -> None:
    dialog.opacity.selectAll()
    QTest.keyClicks(dialog.opacity, "30")
    QTest.keyClick(dialog.opacity, Qt.Key.Key_Return)
    assert dialog.isVisible() and window.preferences.opacity == 0.3
    dialog.tabs.setCurrentIndex(1)
    QTest.keyClicks(dialog.filter, "zoom")
    QTest.keyClick(dialog.filter, Qt.Key.Key_Return)
    assert dialog.isVisible()
    QTest.keyClick(dialog.filter, Qt.Key.Key_Escape)
    assert not isValid(dialog) or not dialog.isVisible()


def test_what_is_filtered_out_gets_no_key(window: MainWindow, dialog: PreferencesDialog) -> None:
    dialog.table.selectRow(row_of(dialog, "Propagate"))
    QTest.keyClicks(dialog.filter, " Zoom in ")
    assert dialog.table.currentRow() == row_of(dialog, "Zoom in")
    dialog.filter.setText("nothing like this")
    assert dialog.table.currentRow() == -1 and not dialog.recorder.isEnabled()
    assert dialog.trouble.text() == "No action and no key has this in it."
    dialog.filter.clear()
    assert dialog.trouble.text().startswith("Choose an action")


def test_a_reset_can_be_taken_back(window: MainWindow, dialog: PreferencesDialog, tmp_path: Path) -> None:
    dialog.opacity.setValue(20)
    dialog.table.selectRow(row_of(dialog, "Propagate"))
    dialog.clear.click()
    mine = window.preferences
    dialog.reset.click()
    assert window.preferences == Preferences() and dialog.reset.text() == "Undo the reset"
    dialog.reset.click()
    assert window.preferences == mine == PreferenceFile(tmp_path / "config").read()
    assert dialog.opacity.value() == 20 and window.actions_[Act.PROPAGATE].shortcut().isEmpty()
    dialog.reset.click()
    dialog.opacity.setValue(60)
    assert dialog.reset.text() == "Reset to defaults"


def test_preferences_that_cannot_be_kept_are_told_and_count(
    window: MainWindow, dialog: PreferencesDialog, tmp_path: Path
) -> None:
    place = tmp_path / "config" / FILE
    place.unlink(missing_ok=True)
    place.mkdir()
    dialog.opacity.setValue(20)
    assert "The preferences are not kept" in window.bar.sentence.text()
    assert str(place) in window.bar.sentence.text()
    assert window.parts.canvas.display.opacity == pytest.approx(0.2)
    place.rmdir()
    window.bar.hide()
    dialog.opacity.setValue(30)
    assert not window.bar.isVisible()
    assert PreferenceFile(tmp_path / "config").read().opacity == 0.3
