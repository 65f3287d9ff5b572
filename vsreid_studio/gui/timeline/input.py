"""Keys that the timeline obeys while it has the focus, and tool tips of its cells and retrieved boxes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Protocol

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QToolTip, QVBoxLayout, QWidget

from ...engine.types import Cell, CellKey
from .state import TimelineBox, TimelineRow, TimelineState

_REST = 250
"""Milliseconds that the mouse rests before the card appears."""
_KEPT = 128
"""Thumbnails kept."""
_SIDE = 128
"""Longest side of a thumbnail, in pixels."""
_OFFSET = QPoint(14, 20)


_STRIDE = 10
"""Frames of a step with Shift."""


def describe(row: TimelineRow, frame: int, cell: Cell | None, box: TimelineBox | None) -> str:
    """The card's text, as HTML: frame, instance, origin, distance, confidence, maker, retrieval."""
    lines = [f"<b>frame {frame} · {escape(row.name)}</b>"]
    if box is not None:
        lines.append(f"retrieved, {box.state} · similarity {box.similarity:.2f}")
    if cell is None:
        return "<br>".join([*lines, "not computed"])
    empty = cell.mask.values.size == 0
    if empty:
        lines.append("marked as not in this frame" if cell.pinned else "not found in this frame")
    distance = abs(cell.origin - frame)
    if distance:
        plural = "" if distance == 1 else "s"
        lines.append(f"from frame {cell.origin}, {distance} frame{plural} away")
        if cell.second is not None:
            lines.append(f"and, with less weight, from frame {cell.second}")
    elif not empty:
        lines.append("checkpoint")
    if not empty:
        known = cell.known_confidence
        lines.append("confidence unknown" if known is None else f"confidence {known:.2f}")
    how = "".join(f", {word}" for word, so in (("smoothed", cell.smoothed), ("pinned", cell.pinned)) if so)
    lines.append(f"made by {cell.made_by}{how}")
    return "<br>".join(lines)


class HoverCard(QFrame):
    """A small card beside the mouse: text, and the thumbnail of a retrieved instance.

    Signals:
        thumbnail_wanted(CellKey): a picture is to be shown that is not known yet.
    """

    thumbnail_wanted = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.ToolTip)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._thumbnails: OrderedDict[CellKey, QPixmap] = OrderedDict()
        self._key: CellKey | None = None
        self._asked: CellKey | None = None
        self._at = QPoint()
        self.picture, self.text = QLabel(self), QLabel(self)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        layout.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.text)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.timeout.connect(self._appear)

    def offer(self, at: QPoint, text: str, key: CellKey | None) -> None:
        """Show a text near a point of the screen once the mouse rests, at once if the card is up.

        Args:
            key: of the retrieved instance whose picture is to be shown, None for none.
        """
        self._at, self._key = at, key
        self.text.setText(text)
        if self.isVisible():
            self._appear()
        else:
            self._timer.start()

    def dismiss(self) -> None:
        """Take the card away."""
        self._timer.stop()
        self._asked = None
        self.hide()

    def forget(self) -> None:
        """Drop all thumbnails, because the video is another."""
        self._thumbnails.clear()
        self.dismiss()

    def set_thumbnail(self, key: CellKey, image: QImage) -> None:
        """Keep a picture, and show it if it is waited for."""
        ratio = self.devicePixelRatioF()
        fitted = QPixmap.fromImage(image).scaled(
            round(_SIDE * ratio),
            round(_SIDE * ratio),
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        fitted.setDevicePixelRatio(ratio)
        self._thumbnails[key] = fitted
        if len(self._thumbnails) > _KEPT:
            self._thumbnails.popitem(last=False)
        if self.isVisible() and key == self._key:
            self._appear()

    def _appear(self) -> None:
        self.setPalette(QToolTip.palette())
        known = self._thumbnails.get(self._key) if self._key else None
        self.picture.setVisible(known is not None)
        if known is not None:
            self.picture.setPixmap(known)
        self.adjustSize()
        screen = QGuiApplication.screenAt(self._at) or self.screen()
        place, free = self._at + _OFFSET, screen.availableGeometry()
        place.setX(max(free.left(), min(place.x(), free.right() - self.width())))
        if place.y() + self.height() > free.bottom():
            place.setY(self._at.y() - self.height() - 8)
        self.move(place)
        self.show()
        # Once a visit, however often the mouse moves before the picture comes.
        if self._key is not None and known is None and self._key != self._asked:
            self._asked = self._key
            self.thumbnail_wanted.emit(self._key)


class KeyTarget(Protocol):
    """What the keys of the timeline can ask for, see `TimelineView`."""

    @property
    def state(self) -> TimelineState:
        """What is shown."""
        ...

    def go_to(self, frame: int) -> None:
        """Go to a frame."""
        ...

    def step(self, frames: int) -> None:
        """Go so many frames on, or back."""
        ...

    def next_checkpoint(self) -> bool:
        """Go to the next checkpoint; False where there is none."""
        ...

    def previous_checkpoint(self) -> bool:
        """Go to the previous checkpoint; False where there is none."""
        ...

    def next_retrieval(self) -> bool:
        """Go to the next retrieved instance that waits; False where there is none."""
        ...

    def previous_retrieval(self) -> bool:
        """Go to the previous retrieved instance that waits; False where there is none."""
        ...

    def clear_range(self) -> None:
        """Choose no range any more."""
        ...


def command(view: KeyTarget, event: QKeyEvent) -> Callable[[], object] | None:
    """What a key asks for, None for a key that means nothing here.

    Left and Right go a frame, with Shift ten, with Ctrl to a checkpoint; Home and End to the ends; N and B to
    the next and the previous retrieval that waits; Escape ends the choice of a range.
    """
    key = Qt.Key(event.key())
    # Arrow keys of the number pad bear a modifier of their own.
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
        way = 1 if key is Qt.Key.Key_Right else -1
        moves: dict[Qt.KeyboardModifier, Callable[[], object]] = {
            Qt.KeyboardModifier.NoModifier: partial(view.step, way),
            Qt.KeyboardModifier.ShiftModifier: partial(view.step, way * _STRIDE),
            Qt.KeyboardModifier.ControlModifier: view.next_checkpoint
            if way > 0
            else view.previous_checkpoint,
        }
        return moves.get(held)
    if held != Qt.KeyboardModifier.NoModifier:
        return None
    if key is Qt.Key.Key_Escape:
        # Without a range the key is for others: the window ends a run with it.
        return view.clear_range if view.state.chosen is not None else None
    others: dict[Qt.Key, Callable[[], object]] = {
        Qt.Key.Key_Home: partial(view.go_to, 0),
        Qt.Key.Key_End: partial(view.go_to, view.state.length - 1),
        Qt.Key.Key_N: view.next_retrieval,
        Qt.Key.Key_B: view.previous_retrieval,
    }
    return others.get(key)
