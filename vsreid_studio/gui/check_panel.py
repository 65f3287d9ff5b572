"""The panel that lists doubtful frames and gaps, with what can be done about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..engine.extensions.doubtful import Doubt, MissingRange
from ..project import Instance
from .theme import quiet_label, swatch_icon

_NO_DOUBTS = "No mask is doubtful. The list is updated whenever masks have changed and the engine is idle."
_NO_GAPS = "No gaps: every object that has masks has one in each frame, or is marked as not in the frame."
_ROLE = Qt.ItemDataRole.UserRole


class ReasonedList(QListWidget):
    """One line an entry, with the reason below it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setWordWrap(True)
        self.setSpacing(2)
        side = self.fontMetrics().ascent()
        self.setIconSize(QSize(side, side))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def put(self, entries: Sequence[tuple[Doubt | MissingRange, str, QColor]]) -> None:
        """Show these; what was chosen stays chosen."""
        before = self.chosen()
        self.clear()
        for entry, text, colour in entries:
            item = QListWidgetItem(swatch_icon(self, colour), text)
            item.setData(_ROLE, entry)
            self.addItem(item)
            if before is not None and (entry.instance, entry.first) == (before.instance, before.first):
                self.setCurrentItem(item)

    def chosen(self) -> Doubt | MissingRange | None:
        """The entry that is chosen."""
        item = self.currentItem()
        return None if item is None else item.data(_ROLE)


class CheckPanel(QWidget):
    """Two lists with what can be done about an entry.

    Attributes:
        doubts, gaps: the lists.
        right: the chosen stretch is as it should be.
        absent, fill, search: for the chosen gap.

    Signals:
        shown(entry): the person wants to see a `Doubt` or a `MissingRange`.
        right_requested, absent_requested, fill_requested, search_requested (entry): see the buttons.
    """

    shown = Signal(object)
    right_requested = Signal(object)
    absent_requested = Signal(object)
    fill_requested = Signal(object)
    search_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.doubts, self.gaps = ReasonedList("Doubtful frames"), ReasonedList("Gaps")
        self.right = self._button(
            "Looks right",
            "The masks are right: remove this entry from the list",
            self.doubts,
            self.right_requested,
        )
        self.absent = self._button(
            "Not in these frames",
            "Mark the object as absent in these frames",
            self.gaps,
            self.absent_requested,
        )
        self.fill = self._button("Fill", "Propagate masks into the gap", self.gaps, self.fill_requested)
        self.search = self._button(
            "Find again", "Search for the object in these frames", self.gaps, self.search_requested
        )
        self._none = quiet_label(_NO_DOUBTS), quiet_label(_NO_GAPS)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Doubtful frames and gaps")
        self.tabs.addTab(self._page(self.doubts, self._none[0], [self.right]), "")
        self.tabs.addTab(self._page(self.gaps, self._none[1], [self.absent, self.fill, self.search]), "")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.tabs)
        for one in (self.doubts, self.gaps):
            one.itemClicked.connect(lambda item: self.shown.emit(item.data(_ROLE)))
            one.itemActivated.connect(lambda item: self.shown.emit(item.data(_ROLE)))
            one.currentRowChanged.connect(lambda _: self._enable())
        self.put([], [], {})

    def put(
        self, doubts: Sequence[Doubt], gaps: Sequence[MissingRange], instances: Mapping[int, Instance]
    ) -> None:
        """Show these lists, with names and colours."""
        named = [one for one in doubts if one.instance in instances]
        missing = [one for one in gaps if one.instance in instances]
        self.doubts.put([(one, self._doubt(one, instances), _colour(one, instances)) for one in named])
        self.gaps.put([(one, self._gap(one, instances), _colour(one, instances)) for one in missing])
        self.tabs.setTabText(0, f"Doubtful ({len(named)})")
        self.tabs.setTabText(1, f"Gaps ({len(missing)})")
        for label, entries in zip(self._none, (named, missing), strict=True):
            label.setVisible(not entries)
        self._enable()

    def step(self, by: int) -> Doubt | None:
        """Choose the next doubtful stretch, or with -1 the one before; None where there is none."""
        self.tabs.setCurrentIndex(0)
        count, row = self.doubts.count(), self.doubts.currentRow()
        if not count:
            return None
        self.doubts.setCurrentRow((row + by) % count if row >= 0 else (0 if by > 0 else count - 1))
        chosen = self.doubts.chosen()
        return chosen if isinstance(chosen, Doubt) else None

    def _enable(self) -> None:
        self.right.setEnabled(self.doubts.chosen() is not None)
        for button in (self.absent, self.fill, self.search):
            button.setEnabled(self.gaps.chosen() is not None)

    def _button(self, text: str, tip: str, of: ReasonedList, signal: object) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: signal.emit(of.chosen()))  # type: ignore[attr-defined]
        return button

    @staticmethod
    def _page(entries: ReasonedList, none: QLabel, buttons: Sequence[QPushButton]) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(none)
        column.addWidget(entries, 1)
        row = QHBoxLayout()
        for button in buttons:
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        return page

    @staticmethod
    def _doubt(one: Doubt, instances: Mapping[int, Instance]) -> str:
        return f"{instances[one.instance].name}, {frames_text(one.first, one.last)}\n{one.reason}"

    @staticmethod
    def _gap(one: MissingRange, instances: Mapping[int, Instance]) -> str:
        why = "A run found nothing here." if one.computed else "Not computed yet."
        return f"{instances[one.instance].name}, {frames_text(one.first, one.last)}\n{why}"


def frames_text(first: int, last: int) -> str:
    """The range in words, both ends included."""
    return f"frame {first}" if first == last else f"frames {first}–{last}"


def _colour(one: Doubt | MissingRange, instances: Mapping[int, Instance]) -> QColor:
    return QColor(instances[one.instance].colour)
