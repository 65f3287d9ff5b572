"""Keys in text fields: they keep those that edit them, and give the focus back when they are done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QSpinBox, QWidget

PRESENT = "present"
"""A property of an editor: what Esc puts into it, where that changes while it has the focus."""
_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_TAB = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
_COMMAND = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


class EditorKeys(QObject):
    """While an editor of a window has the focus, plain keys are its own.

    Qt asks the shortcuts of a window before the widget that has the focus. A letter is safe, as a line edit
    claims it, but Return, Esc, F2 or Space would trigger actions of the window. Here the editor claims every
    key without Ctrl or Alt. Return commits, Esc restores what was there, and both give the focus back.
    Only editors get a filter: one on the application would see every event.
    """

    def __init__(self, window: QWidget, home: QWidget, undo: QAction, redo: QAction) -> None:
        """Watch the focus.

        Args:
            window: whose editors, and those of its floating docks, are watched; dialogs are not.
            home: gets the focus when an editor is done.
            undo, redo: actions whose keys undo and redo the typing while an editor has the focus.
        """
        super().__init__(window)
        self._undo, self._redo = undo, redo
        self._window, self._home = window, home
        self._editor: QWidget | None = None
        self._before: object = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)

    def end_typing(self) -> None:
        """Let the editor that has the focus take what was typed, as when it is left."""
        if self._editor is not None:
            self._home.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claim plain keys, and end the edit with Return or Esc."""
        if not isinstance(event, QKeyEvent) or watched is not self._editor:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            if _own(event) or self._step(event) is not None:
                event.accept()
            return False
        if event.type() == QEvent.Type.KeyPress and (step := self._step(event)) is not None:
            step()
            return True
        if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            present = watched.property(PRESENT)
            _restore(self._editor, self._before if present is None else present)
            self._leave()
        elif event.type() == QEvent.Type.KeyPress and event.key() in _RETURN:
            self._leave()
        # The editor takes the key, too: this is how it commits.
        return False

    def _step(self, event: QKeyEvent) -> Callable[[], None] | None:
        """What an undo or redo key does in the editor."""
        line = self._editor
        if isinstance(line, QAbstractSpinBox):
            line = line.lineEdit()
        if not isinstance(line, QLineEdit):
            return None
        pressed = QKeySequence(event.keyCombination())
        if pressed in self._undo.shortcuts():
            return line.undo
        return line.redo if pressed in self._redo.shortcuts() else None

    def _leave(self) -> None:
        # Later: the editor of a list commits and gives the focus to its list first, which is an event away.
        QTimer.singleShot(0, self._home, lambda: QTimer.singleShot(0, self._home, self._home.setFocus))

    def _follow(self, old: QWidget | None, new: QWidget | None) -> None:
        if self._editor is not None:
            self._editor.removeEventFilter(self)
            self._editor = None
        if new is not None and edits(new) and self._belongs(new):
            self._editor, self._before = new, _content(new)
            new.installEventFilter(self)

    def _belongs(self, widget: QWidget) -> bool:
        above = widget.window()
        docked = above.windowType() == Qt.WindowType.Tool and above.parentWidget() is self._window
        return above is self._window or docked


def edits(widget: QWidget | None) -> bool:
    """Whether a widget is an editor, whose plain keys are its own."""
    if isinstance(widget, QLineEdit | QAbstractSpinBox):
        return not widget.isReadOnly()
    return False


def _own(event: QKeyEvent) -> bool:
    return not event.modifiers() & _COMMAND and event.key() not in _TAB


def _content(editor: QWidget) -> object:
    if isinstance(editor, QSpinBox):
        return editor.value()
    return editor.text() if isinstance(editor, QLineEdit) else None


def _restore(editor: QWidget, content: object) -> None:
    if isinstance(editor, QSpinBox) and isinstance(content, int):
        editor.setValue(content)
    elif isinstance(editor, QLineEdit) and isinstance(content, str):
        editor.setText(content)
