"""The sheet that lists the keys of all actions (`?`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from .keys import Keyed
from .theme import quiet_label

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
CLICKS = (
    ("Add to the object", "Click"),
    ("Take away", "Right or Alt click"),
    ("Move a point", "Drag it"),
    ("Delete a point", "Right click on it"),
    ("Take the last point back", "Backspace"),
    ("Keep the mask", "Enter, another instance or frame"),
    ("Discard the points", "Esc"),
)
"""What the click tool does while points are open."""


class KeySheet(QDialog):
    """Lists every action that has a key. It does not block the window."""

    def __init__(self, listed: Iterable[Keyed], file: Path, parent: QWidget | None = None) -> None:
        """List them.

        Args:
            file: where a person can write keys of their own.
        """
        super().__init__(parent)
        self.setWindowTitle("Keys")
        groups: dict[str, list[tuple[str, str]]] = {"Mouse": list(MOUSE), "Click tool": list(CLICKS)}
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
