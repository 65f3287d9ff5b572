"""Widgets that hold another one (under a bar, in a dock that scrolls), and file dialogs that do not block."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QValidator
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDockWidget,
    QFileDialog,
    QFrame,
    QHeaderView,
    QLabel,
    QMainWindow,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..engine.video.pictures import VIDEOS
from .theme import tip

_LEAST_LINES = 5
"""Of text, that show of a dock that scrolls."""
_TURN_MS = 10
"""Milliseconds from one turn to the next, in which Qt asks for a paint and does it."""

_PATTERNS = " ".join(f"*{suffix}" for suffix in sorted(VIDEOS))
OPENABLE = f"Videos and projects ({_PATTERNS} *.vsreid);;All files (*)"
MASKS = "Masks (*.png *.tif *.tiff *.bmp *.gif *.webp *.json *.xml *.txt);;All files (*)"


_NUMBER = re.compile(r"[+\-−]?\d{0,9}([.,]\d{0,9})?")
"""What can be typed into a field for a number, also when it is not complete."""
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")


class Overlaid(QWidget):
    """Shows a bar over the top of what it holds, which therefore stays in place when the bar comes and goes.

    In a layout the picture would jump from under the pen each time.
    """

    def __init__(self, below: QWidget, bar: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(below)
        self._bar = bar
        bar.setParent(self)
        bar.setAutoFillBackground(True)
        bar.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Give the bar the height that its content needs."""
        if watched is self._bar and event.type() in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follow the width."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        bar, width = self._bar, self.width()
        high = bar.heightForWidth(width) if bar.hasHeightForWidth() else bar.sizeHint().height()
        bar.setGeometry(0, 0, width, min(high, self.height()))
        bar.raise_()


class Pages(QStackedWidget):
    """Pages of which one shows, and only that one takes room; a plain stack is as large as the largest."""

    def setCurrentWidget(self, page: QWidget) -> None:
        """Show a page."""
        for place in range(self.count()):
            if (one := self.widget(place)) is not None:
                policy = QSizePolicy.Policy.Preferred if one is page else QSizePolicy.Policy.Ignored
                one.setSizePolicy(policy, policy)
        super().setCurrentWidget(page)


class Elided(QLabel):
    """A line of text that is cut at its end where there is no room, with all of it in the tool tip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def minimumSizeHint(self) -> QSize:
        """It may be cut to nothing."""
        return QSize(0, super().minimumSizeHint().height())

    @property
    def shown(self) -> str:
        """As much of the text as there is room for."""
        metrics, room = self.fontMetrics(), self.contentsRect().width()
        return metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room)

    def setText(self, text: str) -> None:
        """Show another text."""
        super().setText(text)
        self._explain()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text again."""
        super().resizeEvent(event)
        self._explain()

    def _explain(self) -> None:
        text = self.text()
        self.setToolTip("" if self.shown == text else tip(text))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what there is room for."""
        room, shown = self.contentsRect(), self.shown
        self.style().drawItemText(
            QPainter(self),
            room,
            Qt.AlignmentFlag.AlignVCenter,
            self.palette(),
            self.isEnabled(),
            shown,
            self.foregroundRole(),
        )


class StaggeredPainting(QObject):
    """Lets widgets that are shown at once be painted one after the other.

    All are laid out before, but the paint of one is over before that of the next begins, so that the window
    has its turn between them.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._held: deque[QWidget] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(_TURN_MS)
        self._timer.timeout.connect(self._release)

    def hold(self, widgets: Iterable[QWidget]) -> None:
        """Keep widgets from being painted until it is their turn; call it before they are shown."""
        for one in widgets:
            if one not in self._held:
                one.setUpdatesEnabled(False)
                self._held.append(one)
        self._timer.start()

    @property
    def waiting(self) -> int:
        """Widgets whose turn is still to come."""
        return len(self._held)

    def _release(self) -> None:
        while self._held:
            one = self._held.popleft()
            one.setUpdatesEnabled(True)
            if one.isVisible():
                return
        self._timer.stop()


class Scrolled(QScrollArea):
    """Shows a widget as large as there is room, and scrolls it down where there is less than it needs.

    It is never narrower than the widget needs, so that it scrolls vertically only.
    """

    def __init__(self, held: QWidget, lines: int = _LEAST_LINES, parent: QWidget | None = None) -> None:
        """Hold a widget.

        Args:
            lines: of text that always show.
        """
        super().__init__(parent)
        self._held, self._lines = held, lines
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self._shrinking = _Shrinking(held)
        self.setWidget(self._shrinking)
        held.installEventFilter(self)

    def sizeHint(self) -> QSize:
        """What the widget would like."""
        return self._held.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """As wide as the widget needs, with room for the scroll bar; a few lines high."""
        least = self._held.minimumSizeHint().expandedTo(self._held.minimumSize())
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(least.width() + bar, min(least.height(), self._lines * self.fontMetrics().height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take notice when the widget needs another width or height."""
        if watched is self._held and event.type() is QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._shrinking.updateGeometry()
        return super().eventFilter(watched, event)


class _Shrinking(QWidget):
    """Holds a widget that gets as low as it can be before it is scrolled.

    A scroll area gives a widget with wrapped text the height that it would like, and scrolls although lists
    in it could be shorter.
    """

    def __init__(self, held: QWidget) -> None:
        super().__init__()
        self._held = held
        held.setParent(self)
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """What the widget would like."""
        return self._held.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """What the widget needs."""
        return self._held.minimumSizeHint()

    def heightForWidth(self, width: int) -> int:
        """The least height at which nothing is cut."""
        layout = self._held.layout()
        return -1 if layout is None else layout.totalMinimumHeightForWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give all the room to the widget."""
        super().resizeEvent(event)
        self._held.setGeometry(self.rect())


def reveal(widget: QWidget) -> None:
    """Bring a widget into view: its dock to the front, and its place in what scrolls."""
    areas = []
    above = widget.parentWidget()
    while above is not None:
        if isinstance(above, QDockWidget):
            above.show()
            above.raise_()
        if isinstance(above, QScrollArea):
            areas.append(above)
        above = above.parentWidget()
    for area in areas:
        # Its place is known only when what holds it has been laid out again.
        QTimer.singleShot(0, widget, partial(_scroll, area, widget))


def _scroll(area: QScrollArea, widget: QWidget) -> None:
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    area.ensureWidgetVisible(widget, 0, 0)


def dock(window: QMainWindow, name: str, title: str, widget: QWidget) -> QDockWidget:
    """A dock for a widget. A click on a button in it leaves the focus, and so the keys, where they are.

    Args:
        name: Qt saves the dock's place by it.
    """
    for button in widget.findChildren(QAbstractButton):
        button.setFocusPolicy(button.focusPolicy() & Qt.FocusPolicy.TabFocus)
    made = QDockWidget(title, window)
    made.setObjectName(name)
    made.setWidget(widget)
    return made


def least_width(table: QTableView) -> int:
    """The width at which no title and no figure of a table is cut; the first column may cut its texts."""
    header: QHeaderView = table.horizontalHeader()
    columns = range(header.count())
    widths = [max(header.sectionSizeHint(c), table.sizeHintForColumn(c) if c else 0) for c in columns]
    return sum(widths) + table.verticalScrollBar().sizeHint().width() + 2 * table.frameWidth()


def ask_file(
    parent: QWidget, title: str, kinds: str, folder: Path | None, take: Callable[[Path], object]
) -> QFileDialog:
    """Ask for a file that exists.

    Args:
        kinds: as Qt writes filters.
        folder: where to begin, None for where the last one ended.
        take: receives what was chosen.
    """
    dialog = _dialog(parent, title, folder, take)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(kinds.split(";;"))
    dialog.open()
    return dialog


def ask_folder(
    parent: QWidget, title: str, folder: Path | None, take: Callable[[Path], object]
) -> QFileDialog:
    """Ask for a folder that exists; see `ask_file`."""
    dialog = _dialog(parent, title, folder, take)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()
    return dialog


def ask_target(
    parent: QWidget, title: str, kinds: str, folder: Path | None, take: Callable[[Path], object]
) -> QFileDialog:
    """Ask for a file to write, which may be new; see `ask_file`. One that is there is asked about."""
    dialog = _dialog(parent, title, folder, take)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(kinds.split(";;"))
    dialog.setDefaultSuffix("txt")
    dialog.open()
    return dialog


def _dialog(parent: QWidget, title: str, folder: Path | None, take: Callable[[Path], object]) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(folder) if folder is not None else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: take(Path(name)))
    return dialog


class NumberBox(QSpinBox):
    """A spin box that takes a number out of its range for the nearest one in it.

    A plain spin box refuses the digit that leads out of the range: 150 typed into a field that ends at 100
    would be 15, and 1.5 as well. Here a fraction is rounded. A new value is emitted when the edit is done,
    not with each digit.
    """

    def __init__(self, least: int, most: int, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(least, most)
        self.setSuffix(unit)
        self.setKeyboardTracking(False)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let be typed what leads out of the range, and a fraction."""
        state, text, position = super().validate(text, position)
        if state is QValidator.State.Invalid and _NUMBER.fullmatch(self._bare(text)):
            state = QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        """The nearest number of the range, when the edit is done."""
        try:
            typed = round(float(self._bare(text).replace(",", ".").replace("−", "-")))
        except ValueError:
            return super().fixup(text)
        return self.textFromValue(min(max(typed, self.minimum()), self.maximum())) + self.suffix()

    def _bare(self, text: str) -> str:
        """Without the unit, which may be pasted with a number beside the field's own; also of thousands."""
        while self.suffix() and text.endswith(self.suffix()):
            text = text.removesuffix(self.suffix())
        text = text.strip()
        return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
