"""Keys: which action has which, a person's own from a TOML file, the sheet that lists them (`?`).

Text fields keep the keys that edit them, and give the focus back when they are done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ..errors import UserError
from ..reading import quoted, read_toml
from .actions import SPECS, Actions, explain
from .instances.actions import InstanceActions
from .review.actions import ReviewActions
from .theme import quiet_label

FILE = "keys.toml"


@dataclass(frozen=True, slots=True)
class Keyed:
    """An action whose keys can be changed.

    Attributes:
        table, name: where it stands in the file.
        group: its heading on the sheet.
        text: what it does.
        action: the action.
        usual: its keys in this program, or in the person's file, as Qt writes them.
    """

    table: str
    name: str
    group: str
    text: str
    action: QAction
    usual: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """Its keys, for people."""
        form = QKeySequence.SequenceFormat.NativeText
        return [key.toString(form) for key in self.action.shortcuts() if not key.isEmpty()]


def keyed(actions: Actions, instances: InstanceActions, review: ReviewActions) -> list[Keyed]:
    """Every action of the window that can have keys, as the sheet lists them."""
    listed = [
        Keyed("window", act.value, spec.group.value, spec.text, actions[act]) for act, spec in SPECS.items()
    ]
    for table, group, owner in (("review", "Review", review), ("instances", "Instances", instances)):
        listed += [Keyed(table, name, group, action.text(), action) for name, action in _members(owner)]
    listed += [
        Keyed("instances", f"select_{number}", "Instances", action.text(), action)
        for number, action in instances.select.items()
    ]
    return listed


def _members(owner: InstanceActions | ReviewActions) -> Iterator[tuple[str, QAction]]:
    return ((name, value) for name, value in vars(owner).items() if isinstance(value, QAction))


def load_keys(path: Path, listed: Iterable[Keyed]) -> list[str]:
    """Give actions the keys that a file names; without a file all keep theirs.

    The file has a table for the window, one for the review and one for the instances; a value is a key, a
    list of keys, or '' for none.

    Returns:
        a sentence for each entry that cannot be followed: its action keeps its keys, and all others hold.
    """
    listed = list(listed)
    if not path.exists():
        return []
    try:
        tables = read_toml(path)
    except UserError as error:
        return [str(error)]
    known = {(one.table, one.name): one.action.shortcuts() for one in listed}
    own: dict[tuple[str, str], list[QKeySequence]] = {}
    faults = []
    for table, values in tables.items():
        if not isinstance(values, Mapping):
            faults.append(f"{path}: '{table}' should stand in a table such as [window].")
            continue
        for name, value in values.items():
            if (table, name) not in known:
                faults.append(f"{path} names an unknown action '{name}' in [{table}].")
                continue
            try:
                own[table, name] = _sequences(value, f"{path}: '{name}'")
            except UserError as error:
                faults.append(str(error))
    while (double := _double(listed, known | own, own)) is not None:
        one, other, key = double
        faults.append(f"{path} gives {key} to both '{other.name}' and '{one.name}'.")
        del own[one.table, one.name]
    for one in listed:
        one.action.setShortcuts(own.get((one.table, one.name), known[one.table, one.name]))
        explain(one.action)
    return faults


def _sequences(value: object, where: str) -> list[QKeySequence]:
    listed = value if isinstance(value, list) else [value]
    keys = [key for key in listed if isinstance(key, str)]
    if len(keys) < len(listed):
        raise UserError(f"{where} should be a key such as 'Ctrl+P', or a list of them, not {quoted(value)}.")
    made = [QKeySequence(key) for key in keys if key]
    # Qt reads what it does not know as nothing.
    if any(not key.toString() for key in made):
        raise UserError(f"{where} has a key that is not known: {quoted(value)}.")
    return made


def _double(
    listed: Iterable[Keyed],
    wanted: Mapping[tuple[str, str], list[QKeySequence]],
    own: Collection[tuple[str, str]],
) -> tuple[Keyed, Keyed, str] | None:
    """Two actions with one key, the first from the file; None where each key has one action."""
    owners: dict[str, list[Keyed]] = {}
    # Those of the file come last, so that they meet the keys that the program gives.
    for one in sorted(listed, key=lambda it: (it.table, it.name) in own):
        for key in wanted[one.table, one.name]:
            others = owners.setdefault(key.toString(), [])
            for other in others:
                # Canvas and list have the focus for their own keys, which may occur in each.
                if other is not one and not (_local(one) and _local(other) and one.table != other.table):
                    return one, other, key.toString()
            others.append(one)
    return None


def with_usual(listed: Iterable[Keyed]) -> list[Keyed]:
    """The same actions, with the keys that they have now as the usual ones."""
    return [replace(one, usual=tuple(key.toString() for key in one.action.shortcuts())) for one in listed]


def clash(one: Keyed, key: str, listed: Iterable[Keyed], keys: Mapping[str, Sequence[str]]) -> Keyed | None:
    """The action that has a key already which another one is to get.

    Args:
        keys: of each action by 'table/name'.
    """
    for other in listed:
        apart = _local(one) and _local(other) and one.table != other.table
        same = (one.table, one.name) == (other.table, other.name)
        if not (same or apart) and key in keys[f"{other.table}/{other.name}"]:
            return other
    return None


def _local(one: Keyed) -> bool:
    return one.action.shortcutContext() is Qt.ShortcutContext.WidgetWithChildrenShortcut


_MARGIN = 64
"""Beside the columns of the sheet of keys, for the frame and the scroll bar."""
_COLUMNS = 4
"""At most, on the sheet of keys."""
MOUSE = (
    ("Zoom", "Wheel"),
    ("Move the picture", "Middle button, or Space"),
    ("Erase", "Right button"),
    ("Select an instance", "Click with the grab tool"),
    ("Menu of an instance", "Ctrl and right button"),
    ("Straight line", "Shift"),
    ("Close a polygon", "Enter, double click"),
    ("Scrub", "Drag on the timeline"),
    ("Choose frames", "Shift-drag on the timeline"),
)


class KeySheet(QDialog):
    """Lists every action that has a key. It does not block the window."""

    def __init__(self, listed: Iterable[Keyed], file: Path, parent: QWidget | None = None) -> None:
        """List them.

        Args:
            file: where a person can write keys of their own.
        """
        super().__init__(parent)
        self.setWindowTitle("Keys")
        groups: dict[str, list[tuple[str, str]]] = {"Mouse": list(MOUSE)}
        for group, text, keys in _rows(listed):
            groups.setdefault(group, []).append((text, keys))
        room = self.screen().availableSize() * 0.9
        page = _page(groups, _COLUMNS)
        for count in range(_COLUMNS - 1, 0, -1):
            if page.sizeHint().width() + _MARGIN <= room.width():
                break
            page = _page(groups, count)
        area = QScrollArea()
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setAccessibleName("Keys of all actions")
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        hint = quiet_label(f"Keys of your own go into {file}, in tables [window], [review], [instances].")
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        foot = QHBoxLayout()
        foot.addWidget(hint, 1)
        foot.addWidget(close)
        layout.addLayout(foot)
        whole = page.sizeHint()
        self.resize(QSize(whole.width() + _MARGIN, whole.height() + 110).boundedTo(room))


def _rows(listed: Iterable[Keyed]) -> Iterator[tuple[str, str, str]]:
    """Group, text and keys of each action that has keys; the digits, if they are as usual, in one."""
    for one in listed:
        digit = one.name.removeprefix("select_")
        if not one.keys or (one.keys == [digit] and digit != "1"):
            continue
        if one.keys == [digit]:
            yield one.group, "Select an instance", "1 to 9"
        else:
            yield one.group, one.text.replace(" …", ""), " or ".join(one.keys)


def _page(groups: Mapping[str, list[tuple[str, str]]], count: int) -> QWidget:
    """All groups, in some columns."""
    page = QWidget()
    row = QHBoxLayout(page)
    row.setSpacing(36)
    for names in _columns({name: len(rows) + 2 for name, rows in groups.items()}, count):
        column = QVBoxLayout()
        for name in names:
            column.addLayout(_table(name, groups[name]))
            column.addSpacing(14)
        column.addStretch(1)
        row.addLayout(column)
    return page


def _table(name: str, rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(0, 1)
    title = QLabel(f"<b>{escape(name)}</b>")
    grid.addWidget(title, 0, 0, 1, 2)
    for place, (what, key) in enumerate(rows, 1):
        grid.addWidget(QLabel(what), place, 0)
        shown = quiet_label(key)
        shown.setWordWrap(False)
        shown.setAlignment(Qt.AlignmentFlag.AlignRight)
        grid.addWidget(shown, place, 1)
    return grid


def _columns(heights: dict[str, int], count: int) -> list[list[str]]:
    """The groups in their order, in columns of about the same height."""
    columns: list[list[str]] = [[] for _ in range(count)]
    share, done = sum(heights.values()) / count, 0.0
    for name, height in heights.items():
        columns[min(count - 1, int((done + height / 2) / share))].append(name)
        done += height
    return columns


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

    def __init__(self, window: QWidget, home: QWidget) -> None:
        """Watch the focus.

        Args:
            window: whose editors, and those of its floating docks, are watched; dialogs are not.
            home: gets the focus when an editor is done.
        """
        super().__init__(window)
        self._window, self._home = window, home
        self._editor: QWidget | None = None
        self._before: object = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claim plain keys, and end the edit with Return or Esc."""
        if not isinstance(event, QKeyEvent) or watched is not self._editor:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            if _own(event):
                event.accept()
            return False
        if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            _restore(self._editor, self._before)
            self._leave()
        elif event.type() == QEvent.Type.KeyPress and event.key() in _RETURN:
            self._leave()
        # The editor takes the key, too: this is how it commits.
        return False

    def _leave(self) -> None:
        # Later: the editor of a list gives the focus to its list first.
        QTimer.singleShot(0, self._home, self._home.setFocus)

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
