"""The list of instances: how a row is drawn, and what mouse and drag do in it.

The signs of a row are drawn, so that they are sharp at any scale and follow the palette.
"""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDropEvent,
    QFontMetrics,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from ...project import Instance
from ..theme import smaller, tip
from .model import MIME, Index, InstanceModel, Role

LONGEST_NAME = 255
"""Letters that can be typed."""
EMPTY = "Nothing to cut out yet.\n\nAdd an instance, then draw it\nin the frame where it is seen best."


def draw_swatch(painter: QPainter, place: QRectF, colour: QColor, rim: QColor) -> None:
    """A rounded square of the instance's colour, with a rim so that no colour drowns in the background."""
    painter.save()
    faint = QColor(rim)
    faint.setAlphaF(0.35)
    painter.setPen(QPen(faint, 1))
    painter.setBrush(colour)
    radius = place.width() / 4
    painter.drawRoundedRect(place, radius, radius)
    painter.restore()


def draw_eye(painter: QPainter, place: QRectF, colour: QColor, *, is_open: bool) -> None:
    """An eye; struck through when the instance is hidden."""
    painter.save()
    _stroke(painter, place, colour)
    middle, width, height = place.center(), place.width() / 2, place.height() * 0.42
    lid = QPainterPath(middle - QPointF(width, 0))
    lid.quadTo(middle - QPointF(0, 2 * height), middle + QPointF(width, 0))
    lid.quadTo(middle + QPointF(0, 2 * height), middle - QPointF(width, 0))
    painter.drawPath(lid)
    pupil = place.width() / 6
    if is_open:
        painter.setBrush(colour)
    painter.drawEllipse(middle, pupil, pupil)
    if not is_open:
        reach = QPointF(0.8 * width, -0.8 * width)
        painter.drawLine(middle - reach, middle + reach)
    painter.restore()


def draw_lock(painter: QPainter, place: QRectF, colour: QColor, *, closed: bool) -> None:
    """A padlock; its shackle hangs open when the instance may be edited."""
    painter.save()
    _stroke(painter, place, colour)
    width, height = place.width() * 0.68, place.height() * 0.46
    body = QRectF(place.center().x() - width / 2, place.bottom() - height, width, height)
    bow = QRectF(0, 0, width * 0.62, height * 1.1)
    bow.moveCenter(QPointF(body.center().x() if closed else body.right(), body.top()))
    shackle = QPainterPath(QPointF(bow.left(), body.top()))
    shackle.arcTo(bow, 180, -180)
    painter.drawPath(shackle)
    if closed:
        painter.setBrush(colour)
    painter.drawRoundedRect(body, 1.5, 1.5)
    painter.restore()


def _stroke(painter: QPainter, place: QRectF, colour: QColor) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(colour, max(1.2, place.width() / 11))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)


class RowPart(Enum):
    """Of a row, as the mouse meets them."""

    SWATCH = auto()
    TEXT = auto()
    EYE = auto()
    LOCK = auto()


class InstanceDelegate(QStyledItemDelegate):
    """Paints swatch, number, name, counts, eye and lock; all sizes follow the font."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines of text and a margin."""
        line = option.fontMetrics.height()
        return QSize(8 * line, line + self._small(option).height() + line // 2)

    def part_at(self, row: QRect, metrics: QFontMetrics, point: QPoint) -> RowPart:
        """What of a row lies at a point, both in the view's coordinates."""
        swatch, _, eye, lock = self._places(row, metrics)
        reach = metrics.height() // 4  # a target larger than the sign
        for part, place in ((RowPart.SWATCH, swatch), (RowPart.EYE, eye), (RowPart.LOCK, lock)):
            if place.left() - reach <= point.x() <= place.right() + reach:
                return part
        return RowPart.TEXT

    def place_of(self, row: QRect, metrics: QFontMetrics, part: RowPart) -> QRect:
        """Where a part of a row lies, in the view's coordinates."""
        swatch, text, eye, lock = self._places(row, metrics)
        return {RowPart.SWATCH: swatch, RowPart.TEXT: text, RowPart.EYE: eye, RowPart.LOCK: lock}[part]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        instance: Instance = index.data(Role.INSTANCE)
        self._background(painter, option)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        group = QPalette.ColorGroup.Normal if option.widget.isEnabled() else QPalette.ColorGroup.Disabled
        ink = option.palette.color(
            group, QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        )
        swatch, text, eye, lock = self._places(option.rect, option.fontMetrics)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(0.4 if instance.hidden else 1)
        draw_swatch(painter, QRectF(swatch).adjusted(0.5, 0.5, -0.5, -0.5), QColor(instance.colour), ink)
        painter.setOpacity(1)
        self._write(painter, option, text, (f"{instance.number}", instance.name, index.data(Role.COUNT)), ink)
        # What is as usual stays quiet; what differs stands out.
        quiet = QColor(ink)
        quiet.setAlphaF(0.45)
        draw_eye(painter, QRectF(eye), ink if instance.hidden else quiet, is_open=not instance.hidden)
        draw_lock(painter, QRectF(lock), ink if instance.locked else quiet, closed=instance.locked)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """A line for the name."""
        editor = QLineEdit(parent)
        editor.setAccessibleName("Name of the instance")
        editor.setMaxLength(LONGEST_NAME)
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Fill the line, but not over what was typed: counts may change in a run meanwhile."""
        if isinstance(editor, QLineEdit) and not editor.isModified():
            editor.setText(index.data(Qt.ItemDataRole.EditRole))
            editor.selectAll()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """Over the text, not over the signs."""
        place = self.place_of(option.rect, option.fontMetrics, RowPart.TEXT)
        height = editor.sizeHint().height()
        editor.setGeometry(place.x(), place.center().y() - height // 2, place.width(), height)

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Show what a click on this part does."""
        instance = index.data(Role.INSTANCE)
        if event.type() != QEvent.Type.ToolTip or not isinstance(instance, Instance):
            return super().helpEvent(event, view, option, index)
        words = {
            RowPart.SWATCH: "Double-click to change the colour",
            RowPart.TEXT: f"{instance.name}: double-click to rename, drag to reorder",
            RowPart.EYE: "Show" if instance.hidden else "Hide",
            RowPart.LOCK: "Let it be edited" if instance.locked else "Lock against editing",
        }
        part = self.part_at(option.rect, option.fontMetrics, event.pos())
        QToolTip.showText(event.globalPos(), tip(words[part]), view)
        return True

    def _background(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)

    def _write(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        place: QRect,
        words: tuple[str, str, str],
        ink: QColor,
    ) -> None:
        """Number and name, the counts beneath them; in the middle where there are none."""
        number, name, count = words
        line = option.fontMetrics.height()
        small = self._small(option)
        top = place.center().y() - (line + (small.height() if count else 0)) // 2 + 1
        column = option.fontMetrics.horizontalAdvance("00 ")
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        faint = QColor(ink)
        # On the ground of what is selected, small text needs all the contrast there is.
        faint.setAlphaF(1 if option.state & QStyle.StateFlag.State_Selected else 0.65)
        painter.setFont(option.font)
        painter.setPen(faint)
        painter.drawText(QRect(place.x(), top, column, line), left, number)
        painter.setPen(ink)
        room = place.width() - column
        elided = option.fontMetrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRect(place.x() + column, top, room, line), left, elided)
        if count:
            painter.setFont(smaller(option.font))
            painter.setPen(faint)
            elided = small.elidedText(count, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(place.x() + column, top + line, room, small.height()), left, elided)

    def _small(self, option: QStyleOptionViewItem) -> QFontMetrics:
        return QFontMetrics(smaller(option.font))

    def _places(self, row: QRect, metrics: QFontMetrics) -> tuple[QRect, QRect, QRect, QRect]:
        """Swatch, text, eye and lock."""
        side, gap = metrics.height(), metrics.height() // 2
        top = row.center().y() - side // 2
        swatch = QRect(row.left() + gap, top, side, side)
        lock = QRect(row.right() - gap - side, top, side, side)
        eye = lock.translated(-side - gap, 0)
        text = QRect(swatch.right() + gap, row.top(), eye.left() - swatch.right() - 2 * gap, row.height())
        return swatch, text, eye, lock


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
        """Emit where the row went; the list changes when the document does."""
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
