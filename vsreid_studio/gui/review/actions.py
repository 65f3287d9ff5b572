"""Actions of the review of proposals, and the words that it uses."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from itertools import pairwise

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QKeySequence, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QMenu, QPushButton, QStyle, QStyleOptionButton, QStylePainter, QWidget

from ...config import ReidConfig
from ...engine.events import Proposal, Reason
from ...engine.extensions.proposals import FAILED

NOTHING = (
    "Nothing waits.\n\n"
    "Propagate, and when an object that was lost is found again, it is shown here before anything is changed."
)
AT_WORK = "The engine is at work.\n\nWhat it finds again is shown here, and waits for your answer."
_LEFT = "{} for your answer, in the list below.\n\nChoose one there, or press N, to see and answer it."
UNSEEN = "Its mask is computed when you accept it; you can undo that."
_NO_QUEUE = "No candidates yet. They are listed here when the engine has searched for lost objects."
_NONE_WAITS = "No proposal waits. The list of all candidates tells why the others are not offered."


_WHY = {
    None: "Waits for you",
    Reason.SETTLED: "You decided on it before",
    Reason.SKIPPED: "Skipped in this run",
    Reason.EMPTY: "Nothing was recovered in its box",
    Reason.UNSURE: "The confidence of its mask is too low",
    Reason.WORSE: "The present mask is as good",
    Reason.ELSEWHERE: "Tracked to a reliable frame, it is another object",
    Reason.BELOW: "Its similarity is too low (needs {reid})",
    Reason.LOOKALIKE: "More similar to what stood beside the instance",
    Reason.PRESENT: "Has a mask in this frame already",
    Reason.CONSISTENT: "Agrees with the present mask (overlap {occ} or more)",
    Reason.OCCUPIED: "Lies on another instance",
    Reason.RIVAL: "More similar to another instance",
    Reason.OUTDATED: "The masks it was compared with are gone: find again",
}


def nothing(waiting: int, *, running: bool) -> str:
    """Why there is no proposal.

    Args:
        waiting: proposals that are to be answered.
        running: whether the engine is at work.
    """
    if waiting:
        return _LEFT.format("One proposal waits" if waiting == 1 else f"{waiting} proposals wait")
    return AT_WORK if running else NOTHING


def empty(*, candidates: int, waiting: int, rejections: bool) -> str:
    """Why a list of candidates is empty.

    Args:
        candidates: all that are known.
        waiting: those that wait for an answer, of another object where the list is of one.
        rejections: whether the list is that of what was rejected.
    """
    if rejections:
        return "Nothing was rejected."
    if waiting:
        return "No candidate of this object."
    return _NONE_WAITS if candidates else _NO_QUEUE


def figure(value: float) -> str:
    """A share or a similarity in percent: '83 %', '−5 %'."""
    percent = round(100 * value)
    return f"{'−' if percent < 0 else ''}{abs(percent)} %"


def frame_ranges(frames: Sequence[int]) -> str:
    """Ascending frames as compact ranges: '3, 41–58'."""
    if not frames:
        return "none"
    starts = [frames[0], *(after for before, after in pairwise(frames) if after != before + 1)]
    ends = [*(before for before, after in pairwise(frames) if after != before + 1), frames[-1]]
    pairs = zip(starts, ends, strict=True)
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in pairs)


def frame_count(count: int) -> str:
    """'1 frame', '18 frames'."""
    return f"{count} frame" if count == 1 else f"{count} frames"


def unseen(proposal: Proposal) -> bool:
    """Whether no run has recovered its mask yet; where one found nothing, the similarity shows it."""
    return not proposal.recovered.area and proposal.similarity > FAILED


def consequence(proposal: Proposal) -> str:
    """What accepting it changes."""
    frames = proposal.overwrites
    return f"Would overwrite {frame_ranges(frames)} ({frame_count(len(frames))})"


def why_not(reason: Reason | None, thresholds: ReidConfig) -> str:
    """Why a candidate is not offered, in a sentence short enough for a list; or that it waits."""
    # A reason that has no words here yet has its own.
    known = _WHY[reason] if reason in _WHY else str(reason).capitalize()
    return known.format(reid=figure(thresholds.rho_reid), occ=figure(thresholds.rho_occ))


class Mode(Enum):
    """What the panel waits for."""

    NOTHING = auto()
    """No proposal is there, or it was answered just now."""
    ASKING = auto()
    REDRAWING = auto()
    """The person draws another box on the canvas."""
    CORRECTING = auto()
    """The person paints the recovered mask right."""


_TITLES = {Mode.REDRAWING: "Redraw box", Mode.CORRECTING: "Correct"}


class ReviewActions:
    """The actions of a `ReviewPanel`. They act everywhere in the panel's window while a proposal waits.

    A panel in a floating dock is in another window than the canvas: that window may `addActions(everything)`.

    Attributes:
        accept, reject, reject_frame, give, redraw, correct, skip, accept_all: as they are named; `redraw`
            and `correct` also lead back.
        give_menu: the instances that it may be given to.
    """

    def __init__(self, panel: QWidget) -> None:
        self._panel = panel
        self.accept = self._new("Accept", "A", "Take the recovered mask and propagate from it")
        self.reject = self._new(
            "Reject", "R", "It is not this instance, in none of the frames that it was followed through"
        )
        self.reject_frame = self._new("Reject here", "Shift+R", "It is not this instance, in this frame only")
        self.give = self._new("Give to …", "G", "It is another instance")
        self.redraw = self._new(
            _TITLES[Mode.REDRAWING], "D", "Drag the box on the canvas, then look into it anew"
        )
        self.correct = self._new(
            _TITLES[Mode.CORRECTING], "C", "Paint the recovered mask right, then accept it"
        )
        self.skip = self._new("Skip", "Shift+S", "Not now: the next run may ask again")
        self.accept_all = self._new("Accept all", "Shift+A", "")
        self.give_menu = QMenu("Give to", panel)
        self.redraw.setCheckable(True)
        self.correct.setCheckable(True)

    @property
    def everything(self) -> list[QAction]:
        """All of them, in the order of their importance."""
        return [
            self.accept,
            self.reject,
            self.reject_frame,
            self.give,
            self.redraw,
            self.correct,
            self.skip,
            self.accept_all,
        ]

    def follow(self, mode: Mode, *, recovered: bool, others: bool) -> None:
        """Enable what can be answered now.

        Args:
            recovered: whether there is a mask to accept.
            others: whether there is another instance to give it to.
        """
        asking = mode is Mode.ASKING
        for action in (self.reject, self.reject_frame, self.skip):
            action.setEnabled(asking)
        self.accept.setEnabled((asking and recovered) or mode is Mode.CORRECTING)
        self.accept.setText("Accept corrected" if mode is Mode.CORRECTING else "Accept")
        self.accept_all.setEnabled(asking and recovered)
        self.give.setEnabled(asking and others)
        for action, own in ((self.redraw, Mode.REDRAWING), (self.correct, Mode.CORRECTING)):
            action.setEnabled(asking or mode is own)
            action.setChecked(mode is own)
            action.setText("Back" if mode is own else _TITLES[own])

    def _new(self, text: str, key: str, tip: str) -> QAction:
        action = QAction(text, self._panel)
        action.setShortcut(QKeySequence(key))
        action.setToolTip(tip)
        # A key that is held down must not answer the proposals to come.
        action.setAutoRepeat(False)
        self._panel.addAction(action)
        return action


class KeyButton(QPushButton):
    """Follows an action: its text, key, tool tip and whether it can be triggered.

    Attributes:
        action_: what a click triggers.
    """

    def __init__(self, action: QAction, *, main: bool = False, parent: QWidget | None = None) -> None:
        """Bind the button.

        Args:
            main: draw it in the palette's highlight, as the one that is meant most often.
        """
        super().__init__(parent)
        self.action_ = action
        self._main = main
        self.setAutoDefault(False)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    @property
    def key(self) -> str:
        """The key as it is written on the cap; empty without one."""
        return self.action_.shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def sizeHint(self) -> QSize:
        """Text and cap."""
        hint = super().sizeHint()
        return QSize(max(hint.width() + self._cap_width() - 8, hint.height()), hint.height())

    def minimumSizeHint(self) -> QSize:
        """Never so narrow that the text would be cut."""
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + self._cap_width() + 16, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button without its text, then text and cap."""
        painter = QStylePainter(self)
        lit = self._main and self.isEnabled()
        if lit:
            self._draw_lit(painter)
        else:
            option = QStyleOptionButton()
            self.initStyleOption(option)
            option.text = ""
            if self.action_.isChecked():
                option.state |= QStyle.StateFlag.State_On
            painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        role = QPalette.ColorRole.HighlightedText if lit else QPalette.ColorRole.ButtonText
        ink = self.palette().color(role)
        painter.setPen(ink)
        cap = self._cap_width()
        room = self.rect().adjusted(8, 0, -8 - cap, 0)
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, align, self.text().replace("&&", "&"))
        if self.key:
            self._draw_cap(painter, ink, cap)

    def _draw_lit(self, painter: QPainter) -> None:
        """In the plain highlight: styles lighten a button's colour, which would take the text's contrast."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self.palette().color(QPalette.ColorRole.Highlight)
        painter.setBrush(colour.darker(120) if self.isDown() else colour)
        rim = self.palette().color(QPalette.ColorRole.WindowText) if self.hasFocus() else colour.darker(115)
        painter.setPen(QPen(rim, 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 1.5, -0.5, -0.5), 3, 3)
        painter.restore()

    def _draw_cap(self, painter: QPainter, ink: QColor, width: int) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        faint = QColor(ink)
        faint.setAlphaF(0.4 * ink.alphaF())
        height = self.fontMetrics().height() + 1
        cap = QRectF(self.rect().right() - width - 3, 0, width - 4, height)
        cap.moveTop(self.rect().center().y() - height / 2 + 0.5)
        painter.setPen(QPen(faint, 1))
        painter.drawRoundedRect(cap, 3, 3)
        text = QColor(ink)
        text.setAlphaF(0.8 * ink.alphaF())
        painter.setPen(text)
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, self.key)

    def _cap_width(self) -> int:
        return self.fontMetrics().horizontalAdvance(self.key) + 14 if self.key else 0

    def _follow(self) -> None:
        self.setText(self.action_.text())
        self.setEnabled(self.action_.isEnabled())
        self.setToolTip(self.action_.toolTip())
        spoken = self.action_.text().replace("…", "").strip()
        self.setAccessibleName(f"{spoken}, key {self.key}" if self.key else spoken)
        self.updateGeometry()
        self.update()
