"""The table of candidates, and the drawing of a row."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from ...engine.events import Retrieval
from ...engine.types import CellKey
from ...project import Instance
from ..theme import smaller
from ..widgets import least_width
from .queue_model import CandidateRole, Column, Index, QueueModel

MARGIN, GAP = 3, 8


class CandidateDelegate(QStyledItemDelegate):
    """Paints thumbnail, name and figures in a row's upper half; the lower one is the view's."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        retrieval: Retrieval = index.data(CandidateRole.RETRIEVAL)
        instance: Instance | None = index.data(CandidateRole.INSTANCE)
        ink, faint = inks(option.palette, selected=bool(option.state & QStyle.StateFlag.State_Selected))
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        room = option.rect.adjusted(6, MARGIN, -6, -MARGIN)
        side = Qt.AlignmentFlag.AlignRight
        if index.column() == Column.CANDIDATE:
            colour = faint if instance is None else QColor(instance.colour)
            self._draw_picture(painter, picture_place(option.rect), index, colour)
            room.setLeft(picture_place(option.rect).right() + GAP)
            side = Qt.AlignmentFlag.AlignLeft
        room.setHeight(room.height() // 2)
        text = option.fontMetrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, room.width())
        painter.setFont(option.font)
        painter.setPen(ink if retrieval.reason is None else faint)
        painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _draw_picture(self, painter: QPainter, place: QRect, index: Index, colour: QColor) -> None:
        image: QImage | None = index.data(Qt.ItemDataRole.DecorationRole)
        trough = QColor(colour)
        trough.setAlphaF(0.2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(trough)
        painter.drawRoundedRect(place, 3, 3)
        if image is not None and not image.isNull():
            size = image.size().scaled(place.size() - QSize(4, 4), Qt.AspectRatioMode.KeepAspectRatio)
            inner = QRectF(0, 0, size.width(), size.height())
            inner.moveCenter(QRectF(place).center())
            painter.drawImage(inner, image)
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)


def inks(palette: QPalette, *, selected: bool) -> tuple[QColor, QColor]:
    """The colours of text, plain and faint, in a row; both plain where it is selected, to be legible."""
    ink = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
    faint = QColor(ink)
    faint.setAlphaF(1 if selected else 0.65)
    return ink, faint


def picture_place(row: QRect) -> QRect:
    """Where the thumbnail goes: a square at the left."""
    side = row.height() - 2 * MARGIN
    return QRect(row.left() + 4, row.top() + MARGIN, side, side)


class QueueView(QTableView):
    """Candidates, sorted by a click on a column's title.

    Attributes:
        empty: what it says when nothing is listed.

    Signals:
        shown (object): the CellKey of a candidate that the person chose, again too.
    """

    shown = Signal(object)

    def __init__(self, model: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = model
        self._told = False
        self._quiet = False
        self.empty = ""
        self.setModel(model)
        self.setItemDelegate(CandidateDelegate(self))
        self.setAccessibleName("Candidates")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        titles = self.horizontalHeader()
        titles.setHighlightSections(False)
        titles.setFont(smaller(self.font()))
        titles.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        titles.setSectionResizeMode(Column.CANDIDATE, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.SIMILARITY, Qt.SortOrder.DescendingOrder)
        line = self.fontMetrics().height()
        self.verticalHeader().setDefaultSectionSize(2 * line + line // 2)
        self.clicked.connect(self._tell_once)

    def minimumSizeHint(self) -> QSize:
        """As wide as its titles and figures need; a title and two rows high."""
        high = self.horizontalHeader().sizeHint().height() + 2 * self.verticalHeader().defaultSectionSize()
        return QSize(least_width(self), high)

    def choose(self, key: CellKey | None) -> None:
        """Select a candidate without a signal, nothing where it is not listed."""
        row = self._queue.row_of(key)
        self._quiet = True
        if row is None:
            self.selectionModel().clear()
        else:
            self.selectRow(row)
        self._quiet = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Right unfolds a track, Left folds it."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and not event.modifiers():
            self._unfold(event.key() == Qt.Key.Key_Right)
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Unfold a track, or fold it."""
        self._unfold(not self._queue.unfolded(self.indexAt(event.position().toPoint()).row()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Emit a click even when the row was current before."""
        self._told = False
        super().mousePressEvent(event)

    def currentChanged(self, current: QModelIndex | Index, previous: QModelIndex | Index) -> None:
        """Emit the row that the mouse or a key chose."""
        super().currentChanged(current, previous)
        if not self._quiet and current.isValid() and current.row() != previous.row():
            self._tell(current)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The table, or why it is empty."""
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        if self._queue.rowCount():
            self._draw_reasons(painter, event.rect())
            return
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        room = self.viewport().rect().adjusted(12, 6, -12, -6)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty)

    def _draw_reasons(self, painter: QPainter, seen: QRect) -> None:
        """In the lower half of each row, over all columns: they are sentences."""
        painter.setFont(smaller(self.font()))
        metrics = painter.fontMetrics()
        first, last = self.rowAt(seen.top()), self.rowAt(seen.bottom())
        for row in range(first, (last if last >= 0 else self._queue.rowCount() - 1) + 1):
            retrieval = self._queue.retrieval(row)
            if retrieval is None:
                continue
            index = self._queue.index(row, Column.CANDIDATE)
            room = self.visualRect(index).adjusted(0, MARGIN, 0, -MARGIN)
            room.setTop(room.center().y())
            room.setLeft(picture_place(self.visualRect(index)).right() + GAP)
            room.setRight(self.viewport().width() - 6)
            painter.setPen(inks(self.palette(), selected=self.selectionModel().isRowSelected(row))[1])
            text = metrics.elidedText(self._queue.explanation(row), Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _unfold(self, on: bool) -> None:
        retrieval = self._queue.retrieval(self.currentIndex().row())
        self._queue.unfold(self.currentIndex().row(), on)
        self.choose(None if retrieval is None else retrieval.key)

    def _tell_once(self, index: QModelIndex) -> None:
        if not self._told:
            self._tell(index)

    def _tell(self, index: Index) -> None:
        retrieval = self._queue.retrieval(index.row())
        if retrieval is not None:
            self._told = True
            self.shown.emit(retrieval.key)
