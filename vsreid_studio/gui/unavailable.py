"""Why a key does nothing now."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from ..engine.runtime.run import State
from .actions import NEED_SELECTION, SPECS, Act, Group
from .conductor import Conductor
from .keys import Keyed
from .review import ReviewPanel
from .review.actions import Mode

_CHOSEN = {Act.CLEAR_RANGE, Act.RANGE_NONE}


class Unavailable:
    """Finds the action of a key that came to nothing, and says why.

    Qt asks the actions first: a key comes here only if no enabled action and no widget has taken it.
    """

    def __init__(self, listed: Sequence[Keyed], conductor: Conductor, review: ReviewPanel) -> None:
        """Know the actions.

        Args:
            listed: all that have keys.
        """
        self._listed, self._conductor, self._review = listed, conductor, review

    def why(self, event: QKeyEvent) -> str:
        """A sentence, empty for a key without an action."""
        # The keys of the number pad are the same.
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        pressed = QKeySequence(QKeyCombination(held, Qt.Key(event.key())))
        found = [one for one in self._listed if pressed in one.action.shortcuts()]
        # Canvas and list have a key in common: the one that cannot be done now is more informative.
        found.sort(key=lambda one: one.action.isEnabled())
        return self._reason(found[0]) if found else ""

    def _reason(self, one: Keyed) -> str:
        name = one.action.text().replace("&", "").removesuffix(" …")
        if one.action.isEnabled():
            local = one.table == "window" and SPECS[Act(one.name)].canvas
            if local and SPECS[Act(one.name)].group is Group.FRAMES:
                # A list or a button that is at its end, not a key that went astray.
                return ""
            place = "the picture or the timeline" if local else "the list of instances"
            return f"{name} works on {place}: click there first."
        session = self._conductor.session
        if session.document is None:
            return f"{name} needs a video: open one first."
        match one.table:
            case "review":
                return self._of_review(one.name)
            case "instances":
                return self._of_instances(one.name)
            case _:
                return self._of_window(Act(one.name), name)

    def _of_review(self, action: str) -> str:
        match self._review.mode:
            case Mode.NOTHING:
                if self._review.queue.waiting:
                    return "No proposal is shown: choose one in the list of the review, or press N."
                return "No proposal waits for an answer."
            case Mode.REDRAWING:
                return "The box is being redrawn: drag it on the canvas, or press Esc to go back."
            case Mode.CORRECTING:
                return "The mask is being corrected: accept it, or press Esc to go back."
        if action == "give":
            return "There is no other instance with a mask to give it to."
        return "No mask was found in this box: redraw it."

    def _of_instances(self, action: str) -> str:
        session = self._conductor.session
        if session.selected is None:
            return "Select an instance first."
        one = session.instances[session.selected]
        if action in ("move_up", "move_down"):
            return f"{one.name} is the {'first' if action == 'move_up' else 'last'} of the list."
        return f"{one.name} is locked: unlock it first."

    def _of_window(self, act: Act, name: str) -> str:
        session = self._conductor.session
        reasons = (
            (act in NEED_SELECTION and session.selected is None, "Select an instance first."),
            (act in _CHOSEN, "No frames are selected: drag on the timeline with Shift, or press I and O."),
            (act is Act.CANCEL, "No run is in progress."),
            (act in (Act.UNDO, Act.REDO), f"There is nothing to {act.value}."),
            (act is Act.FORGET and session.adaptation is None, "The network is not adapted to this video."),
            (self._conductor.state is not State.IDLE, f"{name} has to wait for the end of the run (Esc)."),
        )
        return next((text for holds, text in reasons if holds), f"{name} is not possible here.")
