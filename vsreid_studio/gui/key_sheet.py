"""The sheet of keys that `?` shows."""

from __future__ import annotations

from collections.abc import Iterable
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

COLUMNS = 4
MOUSE = (
    ("Zoom", "Wheel"),
    ("Move the picture", "Middle button, or Space"),
    ("Erase", "Right button"),
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
        for one in listed:
            if one.keys:
                groups.setdefault(one.group, []).append((one.text.replace(" …", ""), " or ".join(one.keys)))
        page = QWidget()
        row = QHBoxLayout(page)
        row.setSpacing(36)
        for names in _columns({name: len(rows) + 2 for name, rows in groups.items()}):
            column = QVBoxLayout()
            for name in names:
                column.addLayout(_table(name, groups[name]))
                column.addSpacing(14)
            column.addStretch(1)
            row.addLayout(column)
        area = QScrollArea()
        area.setWidget(page)
        area.setWidgetResizable(True)
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
        room = self.screen().availableSize() * 0.9
        self.resize(QSize(whole.width() + 64, whole.height() + 110).boundedTo(room))


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


def _columns(heights: dict[str, int]) -> list[list[str]]:
    """The groups in their order, in columns of about the same height."""
    columns: list[list[str]] = [[] for _ in range(COLUMNS)]
    share, done = sum(heights.values()) / COLUMNS, 0.0
    for name, height in heights.items():
        columns[min(COLUMNS - 1, int((done + height / 2) / share))].append(name)
        done += height
    return columns
