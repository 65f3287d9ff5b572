"""The bar for errors and notices, which does not block the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .theme import drawing, icon, tip

NOTICE_SECONDS = 8
OFFER_SECONDS = 30
"""Of what can be made use of, but need not."""
_LONG_WORD = 40
"""Letters, beyond which a word may be cut."""


class ErrorBar(QFrame):
    """Shows one sentence at a time, with details to unfold; the newest one wins.

    A failure stays until it is dismissed. What a notice says meanwhile is shown beneath it for a while.

    Attributes:
        sentence, details: what is shown.
        beneath: a notice below a failure.
        unfold: shows or hides the details.
        dismiss: takes the bar away.
        offer: does something about it, when there is something to be done.

    Signals:
        dismissed: the person took it away.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bar")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._sign = QLabel()
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sentence.setAccessibleName("Message")
        self.beneath = QLabel()
        self.beneath.setWordWrap(True)
        self.beneath.setTextFormat(Qt.TextFormat.PlainText)
        self.beneath.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.beneath.setAccessibleName("Notice")
        self.offer = QPushButton("Do it")
        self.unfold = QToolButton()
        self.unfold.setText("Details")
        self.unfold.setCheckable(True)
        self.unfold.setAutoRaise(True)
        self.dismiss = QToolButton()
        self.dismiss.setAutoRaise(True)
        self.dismiss.setAccessibleName("Dismiss")
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details of the message")
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.details.setMaximumHeight(9 * self.fontMetrics().height())
        self._act: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go)
        self._failure = False
        self._lay_out()
        self.unfold.toggled.connect(self.details.setVisible)
        self.dismiss.clicked.connect(self._dismiss)
        self.offer.clicked.connect(self._take_offer)
        self.hide()

    def fail(self, sentence: str, details: str = "") -> None:
        """Show that something could not be done; it stays until it is dismissed."""
        self._show(sentence, details, failure=True)

    def begin_anew(self) -> None:
        """Something is tried, again or for the first time: an earlier failure is no news any more.

        One that offers something to be done stays.
        """
        if self._failure and self.offer.isHidden():
            self.hide()

    def show_notice(self, sentence: str) -> None:
        """Show a notice, which disappears by itself. It does not replace a failure."""
        if self.isVisible() and self._failure:
            self.beneath.setText(sentence)
            self.beneath.show()
        else:
            self._show(sentence, "", failure=False)
        self._timer.start(NOTICE_SECONDS * 1000)

    def suggest(self, sentence: str, button: str, act: Callable[[], object]) -> None:
        """Show an error with a button for an action against it."""
        self._show(sentence, "", failure=True)
        self.add_offer(button, act)

    def inform(self, sentence: str, button: str, act: Callable[[], object]) -> None:
        """Show a notice with a button for an action; it disappears by itself, though later."""
        self._show(sentence, "", failure=False)
        self.add_offer(button, act)
        self._timer.start(OFFER_SECONDS * 1000)

    def add_offer(self, button: str, act: Callable[[], object]) -> None:
        """Give what is shown a button for an action."""
        self._act = act
        self.offer.setText(button)
        self.offer.show()

    def offer_choice(
        self, sentence: str, button: str, acts: Mapping[str, Callable[[], object]], *, stays: bool = False
    ) -> None:
        """Show a notice with several possible actions; it disappears by itself, though later.

        Args:
            stays: until it is dismissed, as nothing goes on before it is answered.
        """
        self._show(sentence, "", failure=False)
        menu = QMenu(self.offer)
        for text, act in acts.items():
            menu.addAction(text).triggered.connect(partial(self._take, act))
        self.offer.setText(button)
        self.offer.setMenu(menu)
        self.offer.show()
        if not stays:
            self._timer.start(OFFER_SECONDS * 1000)

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._sign)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.offer)
        row.addWidget(self.unfold)
        row.addWidget(self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 6)
        layout.addLayout(row)
        layout.addWidget(self.details)
        layout.addWidget(self.beneath)

    def _show(self, sentence: str, details: str, *, failure: bool) -> None:
        self._timer.stop()
        self._failure, self._act = failure, None
        self.sentence.setText(sentence)
        # A label breaks lines between words only: a long name of a file is cut.
        cut = max(map(len, sentence.split()), default=0) > _LONG_WORD
        self.sentence.setToolTip(tip(sentence) if cut else "")
        self.details.setPlainText(details)
        self.unfold.setChecked(False)
        self.details.hide()
        self.beneath.hide()
        self.unfold.setVisible(bool(details))
        self.offer.hide()
        if self.offer.menu() is not None:
            self.offer.menu().deleteLater()
            self.offer.setMenu(None)  # type: ignore[arg-type]  # Qt takes none, its stubs do not say so
        # A property and not a colour, so that the style sheet can tell light from dark.
        self.setProperty("failure", failure)
        self.style().unpolish(self)
        self.style().polish(self)
        self._dress()
        self.show()

    def _dress(self) -> None:
        side = self.fontMetrics().height() + 2
        colour = self.palette().color(QPalette.ColorRole.WindowText)
        name = "warning" if self._failure else "info"
        self._sign.setPixmap(drawing(name, side, colour, self.devicePixelRatioF()))
        self.dismiss.setIcon(icon("cancel", self.palette()))
        self.dismiss.setIconSize(QSize(side - 4, side - 4))

    def _go(self) -> None:
        """Time is up; but not while it is read or a choice is open."""
        menu = self.offer.menu()
        if (
            self.underMouse()
            or self.isAncestorOf(self.window().focusWidget() or self.window())
            or (menu is not None and menu.isVisible())
        ):
            self._timer.start(NOTICE_SECONDS * 1000)
        elif self._failure:
            self.beneath.hide()
        else:
            self.hide()

    def _dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()

    def _take(self, act: Callable[[], object], _: bool = False) -> None:
        self.hide()
        act()

    def _take_offer(self) -> None:
        act, self._act = self._act, None
        self.hide()
        if act is not None:
            act()
