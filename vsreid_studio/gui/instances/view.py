"""The list itself: what mouse and drag do in it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QDropEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QWidget

from .delegate import InstanceDelegate, RowPart
from .model import MIME, InstanceModel

EMPTY = "Nothing to cut out yet.\n\nAdd an instance, then draw it\nin the frame where it is seen best."


class InstanceView(QListView):
    """A list in which a click on eye or lock switches it and a drag reorders.

    Signals:
        toggled (int, object): the instance whose `RowPart.EYE` or `RowPart.LOCK` was clicked.
        recolour_asked (int): its swatch was double-clicked.
        moved (int, int): the instance was dragged to this place in the list, counted without it.
    """

    toggled = Signal(int, object)
    recolour_asked = Signal(int)
    moved = Signal(int, int)

    def __init__(self, model: InstanceModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._list = model
        self._signs = InstanceDelegate(self)
        self.setModel(model)
        self.setItemDelegate(self._signs)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Instances")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.EditKeyPressed | triggers.DoubleClicked)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setUniformItemSizes(True)

    def part_at(self, point: QPoint) -> tuple[QModelIndex, RowPart]:
        """The row and its part at a point of the viewport."""
        index = self.indexAt(point)
        return index, self._signs.part_at(self.visualRect(index), self.fontMetrics(), point)

    def place_of(self, number: int, part: RowPart) -> QRect:
        """Where a part of an instance's row lies in the viewport; empty for one that is not listed."""
        row = self._list.row_of(number)
        if row is None:
            return QRect()
        return self._signs.place_of(self.visualRect(self._list.index(row)), self.fontMetrics(), part)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Eye and lock switch and leave the selection alone."""
        if not self._switch(event):
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The second press on a sign counts as another press; one on the swatch asks for a colour."""
        index, part = self.part_at(event.position().toPoint())
        instance = self._list.instance(index)
        if self._switch(event):
            return
        if instance is not None and part is RowPart.SWATCH:
            self.recolour_asked.emit(instance.number)
            return
        super().mouseDoubleClickEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell where the row went; the list changes when the document does."""
        dragged = bytes(event.mimeData().data(MIME).data())
        number = int(dragged) if dragged else 0
        start = self._list.row_of(number)
        self.stopAutoScroll()
        self.setState(QAbstractItemView.State.NoState)
        self.viewport().update()
        if start is None:
            event.ignore()
            return
        # No move, or the view would take the row out of its model when the drag returns.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        gap = self._gap_at(event.position().toPoint())
        place = gap - 1 if gap > start else gap
        if place != start:
            self.moved.emit(number, place)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The list, or what to do when it is empty."""
        super().paintEvent(event)
        if self._list.rowCount():
            return
        painter = QPainter(self.viewport())
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        room = self.viewport().rect().adjusted(12, 12, -12, -12)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, EMPTY)

    def _switch(self, event: QMouseEvent) -> bool:
        index, part = self.part_at(event.position().toPoint())
        instance = self._list.instance(index)
        left = event.button() == Qt.MouseButton.LeftButton
        if instance is None or not left or part not in (RowPart.EYE, RowPart.LOCK):
            return False
        self.toggled.emit(instance.number, part)
        event.accept()
        return True

    def _gap_at(self, point: QPoint) -> int:
        """The gap between rows that is nearest to a point: 0 above the first row."""
        index = self.indexAt(point)
        if not index.isValid():
            return self._list.rowCount()
        return index.row() + (point.y() > self.visualRect(index).center().y())
