"""A screen reader names every control, tool tips tell keys, and every action is reached by keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from driving import focused
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QSlider,
    QTabBar,
    QTabWidget,
    QToolBar,
    QWidget,
)
from pytestqt.qtbot import QtBot
from window_fixtures import MakeWindow

from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.export_dialog import ExportDialog
from vsreid_studio.gui.main_window import MainWindow

CONTROLS = (
    *(QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit),
    *(QProgressBar, QSlider, QTabWidget),
)
OF_ANOTHER = (QHeaderView, QTabBar)
"""What Qt makes as a part of a control that has a name itself."""


def nameless(root: QWidget) -> list[str]:
    """The controls below a widget that a screen reader would call nothing."""
    found = []
    for widget in root.findChildren(QWidget):
        parent = widget.parentWidget()
        part = isinstance(parent, CONTROLS) or widget.objectName().startswith("qt_")
        popup = isinstance(widget, QAbstractItemView) and widget.window() is not root.window()
        takes_keys = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if (
            part
            or popup
            or isinstance(widget, OF_ANOTHER)
            or not (takes_keys or isinstance(widget, CONTROLS))
        ):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not (widget.accessibleName() or text):
            found.append(f"{type(widget).__name__} in {type(parent).__name__}")
    return found


def test_every_control_of_the_window_has_a_name(window: MainWindow) -> None:
    assert nameless(window) == []


def test_every_control_of_the_start_page_has_a_name(make: MakeWindow) -> None:
    assert nameless(make()) == []


@pytest.mark.parametrize("which", ["preferences", "keys", "classes", "export"])
def test_every_control_of_the_dialogs_has_a_name(window: MainWindow, which: str) -> None:
    shows: dict[str, Callable[[], QDialog | None]] = {
        "preferences": window.show_preferences,
        "keys": window.show_keys,
        "classes": window.parts.on_instances.show_classes,
        "export": window.files.ask_export,
    }
    dialog = shows[which]() or window.findChild(ExportDialog)
    assert dialog is not None
    assert nameless(dialog) == []
    dialog.close()


def in_menus(menu: QMenu | QWidget) -> set[QAction]:
    found: set[QAction] = set()
    for action in menu.actions():
        found |= in_menus(action.menu()) if action.menu() is not None else {action}  # type: ignore[arg-type]
    return found


def test_every_action_is_in_a_menu_or_has_a_key(window: MainWindow) -> None:
    listed = in_menus(window.menuBar()) | in_menus(window.parts.instances._more.menu())
    lost = [one.name for one in window._keyed if not one.keys and one.action not in listed]
    assert lost == []


def test_no_two_actions_of_one_place_have_one_key(window: MainWindow) -> None:
    owners: dict[tuple[str, str], str] = {}
    for one in window._keyed:
        local = one.action.shortcutContext() is Qt.ShortcutContext.WidgetWithChildrenShortcut
        for key in one.keys:
            place = (one.table if local else "", key)
            assert place not in owners, (key, one.name, owners.get(place))
            owners[place] = one.name


def test_tool_tips_tell_the_key(window: MainWindow) -> None:
    for bar in window.findChildren(QToolBar):
        for action in bar.actions():
            keys = [key for key in action.shortcuts() if not key.isEmpty()]
            if keys:
                assert keys[0].toString(keys[0].SequenceFormat.NativeText) in action.toolTip()


def test_tab_reaches_every_panel(qtbot: QtBot, window: MainWindow) -> None:
    parts = window.parts
    with qtbot.waitActive(window):
        window.activateWindow()
    parts.canvas.setFocus()
    reached: set[QWidget] = set()
    for _ in range(120):
        focus = QApplication.focusWidget()
        if focus is None or focus in reached:
            break
        reached.add(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    for panel in (parts.instances, parts.options, parts.review, parts.timeline):
        assert any(panel is it or panel.isAncestorOf(it) for it in reached), panel


def test_the_way_through_is_open_without_a_document(make: MakeWindow) -> None:
    window = make()
    for act in (Act.OPEN, Act.OPEN_FOLDER, Act.DEMO, Act.PREFERENCES, Act.KEYS, Act.QUIT):
        assert window.actions_[act].isEnabled()


def test_return_presses_a_button_of_the_start_page(qtbot: QtBot, make: MakeWindow) -> None:
    window = make()
    with qtbot.waitActive(window):
        window.activateWindow()
    assert focused() is window.start.open_button
    QTest.keyClick(focused(), Qt.Key.Key_Tab)
    with qtbot.waitSignal(window.start.folder_requested):
        QTest.keyClick(focused(), Qt.Key.Key_Return)
    for dialog in window.findChildren(QFileDialog):
        dialog.close()


def test_a_click_on_a_button_leaves_the_keys_to_the_canvas(qtbot: QtBot, window: MainWindow) -> None:
    window.parts.canvas.setFocus()
    outline = window.parts.options.outline
    QTest.mouseClick(outline, Qt.MouseButton.LeftButton, pos=QPoint(8, outline.height() // 2))
    assert outline.isChecked() and window.parts.canvas.hasFocus()


def test_tab_brings_docks_to_the_front(qtbot: QtBot, window: MainWindow) -> None:
    window.parts.canvas.setFocus()
    window.parts.review_dock.raise_()
    front = set()
    for _ in range(60):
        QTest.keyClick(focused(), Qt.Key.Key_Tab)
        for name, part in (("check", window.parts.check), ("rounds", window.parts.rounds)):
            if part.isAncestorOf(focused()):
                qtbot.waitUntil(lambda part=part: not part.visibleRegion().isEmpty())  # type: ignore[misc]
                front.add(name)
    assert front == {"check", "rounds"}
