"""Many clips at once: a folder or data set, how far each clip is, and what is to be looked at in all."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from .clip_models import ClipModel, ClipRole, Index, Place, PlaceModel
from .clip_scanner import Catalogue, ClipFound, ListedClip
from .theme import quiet_label, tip

__all__ = ["ClipPanel"]


_SETTLE = 200
"""Milliseconds between two fillings of the second list while many clips are looked at."""


class ClipPanel(QWidget):
    """Lists clips with their state, and all that waits or is doubtful; asks for what is to be opened.

    Attributes:
        clips, places: the models.
        table, todo: their views.
        filter: narrows the clips down by a part of the name.
        sets: which list of the data set is shown.
        tabs: hold both views.

    Signals:
        clip_chosen (object): this `ListedClip` is to be opened.
        place_chosen (object): this `Place` is to be shown.
    """

    clip_chosen = Signal(object)
    place_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clips = ClipModel(self)
        self.places = PlaceModel(self)
        self._shown = _Filter(self)
        self._shown.setSourceModel(self.clips)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Part of a name or state")
        self.filter.setAccessibleName("Part of a clip's name or state")
        self.filter.setClearButtonEnabled(True)
        self.sets = QComboBox()
        self.sets.setAccessibleName("List of the data set")
        self._root = quiet_label()
        self.table = _table(self._shown, "Clips", stretch=0)
        self.todo = _table(self.places, "To look at in all clips", stretch=3)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Clips, and what is to be looked at")
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE)
        self._timer.timeout.connect(self._list_places)
        self.filter.textChanged.connect(self._shown.setFilterFixedString)
        self.filter.returnPressed.connect(self._take_first)
        self.sets.currentIndexChanged.connect(lambda: self._shown.choose(self.sets.currentData()))
        self.table.activated.connect(self._choose_clip)
        self.todo.activated.connect(self._choose_place)
        self._tell()

    def show_catalogue(self, catalogue: Catalogue) -> None:
        """List the clips of a place; nothing is known of them yet."""
        self.clips.set_clips(catalogue.clips)
        self.places.set_places(())
        blocked = self.sets.blockSignals(True)
        self.sets.clear()
        self.sets.addItem("All", None)
        for name in catalogue.sets:
            self.sets.addItem(name, name)
        self.sets.blockSignals(blocked)
        self.sets.setVisible(bool(catalogue.sets))
        self._shown.choose(None)
        self.filter.clear()
        self._root.setText(catalogue.root.name or str(catalogue.root))
        self._root.setToolTip(tip(str(catalogue.root)))
        self.table.selectRow(0)
        self._tell()

    def put(self, found: ClipFound) -> None:
        """Take what was found of a clip."""
        self.clips.put(found)
        if not self._timer.isActive():
            self._timer.start()

    def set_current(self, clip: ListedClip | None) -> None:
        """Show which clip is open, and select it."""
        self.clips.set_current(clip)
        row = self._row_of(clip)
        if row is not None:
            self.table.selectRow(row)

    def step(self, by: int) -> bool:
        """Ask for the clip so many rows after the one that is open; whether there is one."""
        row = self._row_of(self.clips.current)
        if row is None:
            row = self.table.currentIndex().row() - (by if by > 0 else 0)
        return self._choose_row(row + by)

    def next_place(self, frame: int, by: int) -> bool:
        """Ask for the next or previous place that is to be looked at; whether there is one.

        Args:
            frame: the present one of the clip that is open.
            by: 1 or -1.
        """
        self._list_places()
        places, row = self.places.places, self.todo.currentIndex().row()
        here = self.clips.current
        if row >= 0 and places[row].clip == here and places[row].open.frame == frame:
            row += by
        elif row < 0:
            row = 0 if by > 0 else len(places) - 1
        if not 0 <= row < len(places):
            return False
        self.todo.selectRow(row)
        self.place_chosen.emit(places[row])
        return True

    def _lay_out(self) -> None:
        page, head = QWidget(), QHBoxLayout()
        head.addWidget(self.filter, 1)
        head.addWidget(self.sets)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        self.tabs.addTab(page, "")
        self.tabs.addTab(self.todo, "")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(6, 6, 6, 6)
        outer.addWidget(self._root)
        outer.addWidget(self.tabs, 1)

    def _tell(self) -> None:
        self.tabs.setTabText(0, f"Clips ({len(self.clips.clips)})")
        self.tabs.setTabText(1, f"To look at ({len(self.places.places)})")

    def _list_places(self) -> None:
        index = self.todo.currentIndex()
        chosen: Place | None = index.data(ClipRole.PLACE) if index.isValid() else None
        self.places.set_places(self.clips.places())
        if chosen is not None and not self.todo.currentIndex().isValid():
            rows = [row for row, place in enumerate(self.places.places) if place == chosen]
            # What was answered is gone: what came after it moves up.
            self.todo.selectRow(min(rows[0] if rows else index.row(), self.places.rowCount() - 1))
        self._tell()

    def _row_of(self, clip: ListedClip | None) -> int | None:
        if clip is None or clip not in self.clips.clips:
            return None
        row = self._shown.mapFromSource(self.clips.index(self.clips.clips.index(clip), 0)).row()
        return row if row >= 0 else None

    def _choose_row(self, row: int) -> bool:
        if not 0 <= row < self._shown.rowCount():
            return False
        self.table.selectRow(row)
        self._choose_clip(self._shown.index(row, 0))
        return True

    def _choose_clip(self, index: Index) -> None:
        self.clip_chosen.emit(index.data(ClipRole.CLIP))

    def _choose_place(self, index: Index) -> None:
        self.place_chosen.emit(index.data(ClipRole.PLACE))

    def _take_first(self) -> None:
        row = max(0, self.table.currentIndex().row())
        self._choose_row(min(row, self._shown.rowCount() - 1))


class _Filter(QSortFilterProxyModel):
    """Leaves the clips of one list whose name or state has some letters in it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._set: str | None = None
        self.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)

    def choose(self, name: str | None) -> None:
        """Leave the clips of a list, None for all."""
        self.beginFilterChange()
        self._set = name
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, row: int, parent: QModelIndex | Index) -> bool:
        """Whether a clip is listed."""
        model = self.sourceModel()
        clip: ListedClip = model.index(row, 0).data(ClipRole.CLIP)
        if self._set is not None and self._set not in clip.sets:
            return False
        wanted = self.filterRegularExpression()
        texts: Sequence[str] = [model.index(row, column).data() for column in (0, 1)]
        return any(wanted.match(text).hasMatch() for text in texts)


def _table(model: QSortFilterProxyModel | PlaceModel, name: str, stretch: int) -> QTableView:
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName(name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
    return table
