"""The table of candidates."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
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

from ...engine.retrieval import Retrieval
from ...engine.types import CellKey
from ...project import Instance
from ..look import smaller
from .queue_model import Column, Index, QueueModel, Role
from .words import why_not


class CandidateDelegate(QStyledItemDelegate):
    """Paints the first column: thumbnail, instance, and why it waits or does not."""

    def __init__(self, model: QueueModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one candidate."""
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        retrieval: Retrieval = index.data(Role.RETRIEVAL)
        instance: Instance | None = index.data(Role.INSTANCE)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        ink = option.palette.color(
            QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        )
        faint = QColor(ink)
        faint.setAlphaF(0.65)
        colour = QColor(instance.colour) if instance is not None else faint
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        room = option.rect.adjusted(4, 3, -2, -3)
        side = room.height()
        self._draw_picture(painter, QRect(room.x(), room.y(), side, side), index, colour)
        text = room.adjusted(side + 8, 0, 0, 0)
        waits = retrieval.reason is None
        self._write(painter, text, option.font, ink if waits else faint, index.data(), upper=True)
        reason = why_not(retrieval.reason, self._model.thresholds)
        self._write(painter, text, smaller(option.font), faint, reason, upper=False)
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

    def _write(
        self, painter: QPainter, room: QRect, font: QFont, ink: QColor, text: str, *, upper: bool
    ) -> None:
        half = room.height() // 2
        place = QRect(room.x(), room.y() + (0 if upper else half), room.width(), half)
        painter.setFont(font)
        painter.setPen(ink)
        elided = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)


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
        self.setItemDelegateForColumn(Column.CANDIDATE, CandidateDelegate(model, self))
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
        titles.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        titles.setSectionResizeMode(Column.CANDIDATE, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.SIMILARITY, Qt.SortOrder.DescendingOrder)
        line = self.fontMetrics().height()
        self.verticalHeader().setDefaultSectionSize(2 * line + line // 2)
        self.clicked.connect(self._tell_once)

    def choose(self, key: CellKey | None) -> None:
        """Select a candidate without a signal, nothing where it is not listed."""
        row = self._queue.row_of(key)
        self._quiet = True
        if row is None:
            self.selectionModel().clear()
        else:
            self.selectRow(row)
        self._quiet = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click tells even when the row was current before."""
        self._told = False
        super().mousePressEvent(event)

    def currentChanged(self, current: QModelIndex | Index, previous: QModelIndex | Index) -> None:
        """Tell which row the mouse or a key went to."""
        super().currentChanged(current, previous)
        if not self._quiet and current.isValid() and current.row() != previous.row():
            self._tell(current)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The table, or why it is empty."""
        super().paintEvent(event)
        if self._queue.rowCount():
            return
        painter = QPainter(self.viewport())
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        room = self.viewport().rect().adjusted(12, 6, -12, -6)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty)

    def _tell_once(self, index: QModelIndex) -> None:
        if not self._told:
            self._tell(index)

    def _tell(self, index: Index) -> None:
        retrieval = self._queue.retrieval(index.row())
        if retrieval is not None:
            self._told = True
            self.shown.emit(retrieval.key)
