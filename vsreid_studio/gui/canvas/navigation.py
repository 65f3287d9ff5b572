"""Looking around: where the frame lies in the widget, and how wheel, buttons and keys move it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from ...engine.types import Box

ZOOM_A_NOTCH = 1.25
MARGIN = 12.0
"""Least space around a fitted frame, in pixels of the widget."""
LARGEST_SCALE = 64.0
_SMALLEST_SIDE = 48.0
_ALWAYS_SEEN = 32.0


@dataclass(frozen=True, slots=True)
class Viewport:
    """A map from the frame's pixels to the widget's.

    Frame coordinates are continuous: pixel (i, j) covers [i, i + 1) x [j, j + 1). The stage's ViewBox shows
    what is worked out here. Its own zoom and limits cannot replace this: they hold the view inside the frame,
    or let the frame be lost, where a part of it shall stay in sight; they know no margin in pixels around a
    fitted frame; and they do not place an unscaled frame on whole pixels of the screen, without which it is
    drawn blurred.

    Attributes:
        scale: widget pixels a frame pixel.
        x, y: where the frame's top left corner is in the widget.
    """

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @classmethod
    def fitted(cls, size: tuple[int, int], room: tuple[int, int]) -> Viewport:
        """The whole frame, as large as possible and centred.

        Args:
            size: (width, height) of the frame.
            room: (width, height) of the widget.
        """
        space = (max(room[0] - 2 * MARGIN, 1.0), max(room[1] - 2 * MARGIN, 1.0))
        scale = min(space[0] / size[0], space[1] / size[1], LARGEST_SCALE)
        return cls(scale, (room[0] - size[0] * scale) / 2, (room[1] - size[1] * scale) / 2)

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """The frame's point under a point of the widget."""
        return (x - self.x) / self.scale, (y - self.y) / self.scale

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """The widget's point over a point of the frame."""
        return x * self.scale + self.x, y * self.scale + self.y

    def covered(self, box: Box) -> tuple[float, float, float, float]:
        """A box of the frame in the widget: (x, y, width, height)."""
        x, y = self.to_view(box.x0, box.y0)
        return x, y, box.width * self.scale, box.height * self.scale

    def zoomed(self, factor: float, at: tuple[float, float], size: tuple[int, int]) -> Viewport:
        """Scaled within limits, with the frame's point under the widget's point `at` kept in place.

        Args:
            size: (width, height) of the frame.
        """
        least = min(_SMALLEST_SIDE / max(size), 1.0, self.scale)
        scale = min(max(self.scale * factor, least), LARGEST_SCALE)
        x, y = self.to_frame(*at)
        return Viewport(scale, at[0] - x * scale, at[1] - y * scale)

    def moved(self, dx: float, dy: float) -> Viewport:
        """Shifted in the widget."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def kept_in_sight(self, size: tuple[int, int], room: tuple[int, int]) -> Viewport:
        """Shifted back so far that some of the frame stays in the widget."""
        x, y = (
            min(max(place, _ALWAYS_SEEN - side * self.scale), space - _ALWAYS_SEEN)
            for place, side, space in zip((self.x, self.y), size, room, strict=True)
        )
        return replace(self, x=x, y=y)

    def snapped(self, ratio: float) -> Viewport:
        """Shifted by less than a pixel of the screen, so that an unscaled frame is drawn sharp.

        Args:
            ratio: screen pixels a widget pixel.
        """
        return replace(self, x=round(self.x * ratio) / ratio, y=round(self.y * ratio) / ratio)


class Navigation(QObject):
    """Scale and place of the frame in a widget, and panning with a button held.

    Attributes:
        viewport: where the frame is in the widget.
        space: whether Space is held, so that the left button pans.

    Signals:
        changed: the viewport is another one.
    """

    changed = Signal()

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.viewport = Viewport()
        self.space = False
        self._widget = widget
        self._content = (0, 0)
        self._fitted = True
        self._from: QPointF | None = None
        self._button = Qt.MouseButton.NoButton

    @property
    def panning(self) -> bool:
        """Whether a button is held that moves the frame."""
        return self._from is not None

    def set_content(self, size: tuple[int, int]) -> None:
        """Set the frame's (width, height); a new size is fitted."""
        if size != self._content:
            self._content = size
            self.fit()

    def fit(self) -> None:
        """Show the whole frame, and keep doing so when the widget changes its size."""
        self._fitted = True
        if all(self._content):
            self._look(Viewport.fitted(self._content, self._room))

    def actual_size(self) -> None:
        """Show a pixel of the frame as one of the screen, around the middle."""
        if all(self._content):
            self.zoom(1 / self._widget.devicePixelRatioF() / self.viewport.scale)

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge around a point of the widget, by default its middle."""
        if all(self._content):
            self._fitted = False
            at = at if at is not None else QPointF(self._widget.rect().center())
            viewport = self.viewport.zoomed(factor, (at.x(), at.y()), self._content)
            self._look(viewport.kept_in_sight(self._content, self._room))

    def resized(self, old: QSize, new: QSize) -> None:
        """Keep the whole frame in sight, or what is in the middle in the middle."""
        if self._fitted:
            self.fit()
        elif old.isValid():
            grown = new - old
            self._look(self.viewport.moved(grown.width() / 2, grown.height() / 2))

    def press(self, event: QMouseEvent, *, left_pans: bool) -> bool:
        """Begin to pan if this button does; returns whether it does."""
        button = event.button()
        left = button == Qt.MouseButton.LeftButton and left_pans
        if self._from is None and (left or button == Qt.MouseButton.MiddleButton):
            self._from, self._button = event.position(), button
            return True
        return False

    def move(self, event: QMouseEvent) -> bool:
        """Follow the mouse if panning; returns whether it is."""
        if self._from is None:
            return False
        way, self._from = event.position() - self._from, event.position()
        self._fitted = False
        viewport = self.viewport.moved(way.x(), way.y())
        self._look(viewport.kept_in_sight(self._content, self._room))
        return True

    def release(self, event: QMouseEvent) -> bool:
        """End panning; returns whether this button did."""
        if self._from is None or event.button() != self._button:
            return False
        self._from = None
        return True

    @property
    def _room(self) -> tuple[int, int]:
        return self._widget.width(), self._widget.height()

    def _look(self, viewport: Viewport) -> None:
        self.viewport = viewport.snapped(self._widget.devicePixelRatioF())
        self.changed.emit()
