"""Looking around: a widget that shows a frame at any scale and place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from .stroke import Point
from .viewport import Viewport

_ZOOM_A_NOTCH = 1.25


class NavigationWidget(QWidget):
    """Zooms with the wheel at the mouse, pans with the middle button or Space, fits with F.

    Attributes:
        viewport: where the frame is in the widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport = Viewport()
        self._content = (0, 0)
        self._fitted = True
        self._space = False
        self._pan_from: QPointF | None = None
        self._pan_button = Qt.MouseButton.NoButton

    def fit(self) -> None:
        """Show the whole frame, and keep doing so when the widget changes its size."""
        self._fitted = True
        if all(self._content):
            self.look(Viewport.fitted(self._content, (self.width(), self.height())))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge around a point of the widget, by default its middle."""
        if all(self._content):
            self._fitted = False
            at = at if at is not None else QPointF(self.rect().center())
            viewport = self.viewport.zoomed(factor, (at.x(), at.y()), self._content)
            self.look(viewport.kept_in_sight(self._content, (self.width(), self.height())))

    def point(self, at: QPointF) -> Point:
        """The frame's point under a point of the widget."""
        return self.viewport.to_frame(at.x(), at.y())

    def in_view(self, at: Point) -> QPointF:
        """The widget's point over a point of the frame."""
        return QPointF(*self.viewport.to_view(*at))

    def look(self, viewport: Viewport) -> None:
        """Show the frame at another scale or place."""
        self.viewport = viewport.snapped(self.devicePixelRatioF())
        self.update()

    def set_content(self, size: tuple[int, int]) -> None:
        """Set the frame's (width, height); a new size is fitted."""
        if size != self._content:
            self._content = size
            self.fit()

    def left_pans(self) -> bool:
        """Whether the left button pans now."""
        return self._space

    def cursor_shape(self) -> Qt.CursorShape:
        """How the mouse looks: what the left button would do."""
        if self._pan_from is not None:
            return Qt.CursorShape.ClosedHandCursor
        return Qt.CursorShape.OpenHandCursor if self.left_pans() else Qt.CursorShape.ArrowCursor

    def update_cursor(self) -> None:
        """Show what the left button would do."""
        shape = self.cursor_shape()
        if shape != self.cursor().shape():
            self.setCursor(shape)

    def pan_press(self, event: QMouseEvent) -> bool:
        """Begin to pan if this button does; returns whether it does."""
        button = event.button()
        left = button == Qt.MouseButton.LeftButton and self.left_pans()
        if self._pan_from is None and (left or button == Qt.MouseButton.MiddleButton):
            self._pan_from, self._pan_button = event.position(), button
            self.update_cursor()
            return True
        return False

    def pan_move(self, event: QMouseEvent) -> bool:
        """Follow the mouse if panning; returns whether it is."""
        if self._pan_from is None:
            return False
        way, self._pan_from = event.position() - self._pan_from, event.position()
        self._fitted = False
        viewport = self.viewport.moved(way.x(), way.y())
        self.look(viewport.kept_in_sight(self._content, (self.width(), self.height())))
        return True

    def pan_release(self, event: QMouseEvent) -> bool:
        """End panning; returns whether this button did."""
        if self._pan_from is None or event.button() != self._pan_button:
            return False
        self._pan_from = None
        self.update_cursor()
        return True

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the mouse."""
        notches = (event.angleDelta() or QPoint()).y() / 120
        if notches:
            self.zoom(_ZOOM_A_NOTCH**notches, event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F fits; Space makes the left button pan while it is held."""
        if event.key() == Qt.Key.Key_Space:
            self._hold_space(True)
        elif event.key() == Qt.Key.Key_F and not event.modifiers():
            self.fit()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of Space."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._hold_space(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keys let go elsewhere are not told of."""
        self._hold_space(False)
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the whole frame in sight, or what is in the middle in the middle."""
        if self._fitted or not event.oldSize().isValid():
            if self._fitted:
                self.fit()
            return
        grown = event.size() - event.oldSize()
        self.look(self.viewport.moved(grown.width() / 2, grown.height() / 2))

    def changeEvent(self, event: QEvent) -> None:
        """Follow a change between dark and light."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def _hold_space(self, held: bool) -> None:
        if held != self._space:
            self._space = held
            self.update_cursor()
