"""The table of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..evaluation.comparison import Figures, overall
from .theme import quiet_label, swatch_icon
from .widgets import least_width

_COLUMNS = (
    ("Instance", "Those of the truth's first mask"),
    ("J", "Region similarity: intersection over union, mean over the frames"),
    ("F", "Boundary accuracy, mean over the frames"),
    ("J&F", "The mean of both"),
    ("Here", "J&F in the present frame"),
    ("Gain", "J&F since before the retrieval that was accepted last"),
)
_IN_SIGHT = 5
"""Rows that always show."""
_HINT = (
    "Choose a folder of exact masks in DAVIS form, 00000.png and so on, to see how close the masks of this "
    "video come to them."
)


@dataclass(frozen=True, slots=True)
class ComparedInstance:
    """One instance of the truth.

    Attributes:
        number: in the truth.
        name, colour: of the document's instance of that number.
        figures, here: over all frames scored, and in the present one; None where unknown.
        gain: of J&F since the last acceptance, None before the first.
    """

    number: int
    name: str
    colour: QColor
    figures: Figures | None = None
    here: Figures | None = None
    gain: float | None = None


class ComparePanel(QWidget):
    """A row for each instance, and one for their mean.

    Attributes:
        table: of the figures.
        state: shows what is compared, and the progress.
        choose, end: buttons.

    Signals:
        choose_requested: another truth is wanted.
        end_requested: none is wanted any more.
        chosen(instance): a row was clicked.
    """

    choose_requested = Signal()
    end_requested = Signal()
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = quiet_label(_HINT)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setAccessibleName("Comparison with the ground truth")
        for column, (title, tip) in enumerate(_COLUMNS):
            # In a header, & marks no key.
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            self.table.setHorizontalHeaderItem(column, item)
        rows = self.table.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(0)
        rows.setDefaultSectionSize(round(1.5 * self.fontMetrics().height()))
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.choose = QPushButton("Choose a folder …")
        self.end = QPushButton("Stop comparing")
        self._numbers: list[int] = []
        buttons = QHBoxLayout()
        buttons.addWidget(self.choose)
        buttons.addWidget(self.end)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(self.state)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)
        self.choose.clicked.connect(self.choose_requested)
        self.end.clicked.connect(self.end_requested)
        self.table.cellClicked.connect(self._click)
        self.clear()

    def clear(self) -> None:
        """Compare with nothing."""
        self.state.setText(_HINT)
        self.table.setRowCount(0)
        self.table.hide()
        self.end.hide()

    def show_state(self, truth: str, scored: int, frames: int) -> None:
        """Show what is compared and how far it is."""
        done = f"{frames} frames" if scored == frames else f"{scored} of {frames} frames"
        self.state.setText(f"{truth}: {done} (the first and the last do not count)")
        self.table.show()
        self.end.show()

    def show_lines(self, lines: Sequence[ComparedInstance]) -> None:
        """Show the figures; more than one instance gets a mean."""
        rows = [*lines, _mean(lines)] if len(lines) > 1 else list(lines)
        self.table.setRowCount(len(rows))
        self._numbers = [line.number for line in rows]
        self._make_room(len(rows))
        for row, line in enumerate(rows):
            for column, text in enumerate(_texts(line)):
                item = self._item(row, column)
                item.setText(text)
                if line.number and not column:
                    item.setIcon(swatch_icon(self.table, line.colour))

    def _make_room(self, rows: int) -> None:
        """Keep a few instances in sight; more can be scrolled."""
        frame = 2 * self.table.frameWidth() + self.table.horizontalHeader().sizeHint().height()
        row = self.table.verticalHeader().defaultSectionSize()
        self.table.setMinimumHeight(frame + min(rows, _IN_SIGHT) * row)
        self.table.setMinimumWidth(least_width(self.table))

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        item = self.table.item(row, column)
        # The first column's is made again, as it may bear the swatch of another row.
        if item is None or column == 0:
            item = QTableWidgetItem()
            if column:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(row, column, item)
        return item

    def _click(self, row: int, _: int) -> None:
        if number := self._numbers[row]:
            self.chosen.emit(number)


def _mean(lines: Sequence[ComparedInstance]) -> ComparedInstance:
    gains = [line.gain for line in lines if line.gain is not None]
    return ComparedInstance(
        0,
        "mean",
        QColor(),
        _overall({line.number: line.figures for line in lines}),
        _overall({line.number: line.here for line in lines}),
        sum(gains) / len(gains) if gains else None,
    )


def _overall(figures: Mapping[int, Figures | None]) -> Figures | None:
    known = {number: each for number, each in figures.items() if each is not None}
    return overall(known) if known else None


def _texts(line: ComparedInstance) -> list[str]:
    figures, here = line.figures, line.here
    means = ["–"] * 3 if figures is None else [f"{v:.3f}" for v in (figures.j, figures.f, figures.both)]
    return [
        line.name,
        *means,
        "–" if here is None else f"{here.both:.3f}",
        "" if line.gain is None else f"{line.gain:+.3f}",
    ]
