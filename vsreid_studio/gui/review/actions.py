"""The answers that a person can give to a proposal, as actions with keys."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget


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
