"""The menu of the instance under the pointer, and masks that are copied from one cell to another."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from ...engine.types import SoftMask
from ..actions import Act, Actions
from ..canvas import CanvasView
from ..canvas.editor import HIDDEN
from ..instances import InstancePanel
from ..session import Session
from ..theme import plain, shortened

_TO_MASK = (Act.APPROVE, Act.ABSENT, Act.CLEAR_FRAME, Act.CLEAR_RANGE)
_TO_ENGINE = (Act.FIND_AGAIN, Act.PROPAGATE_ONE)
_TO_VIEW = (Act.FIT, Act.ACTUAL_SIZE, Act.OUTLINE, Act.ONION)


class CanvasMenu(QObject):
    """Selects what is clicked with the grab tool, shows the menu, copies and pastes masks.

    Signals:
        notified(sentence): why nothing was done, or what was.
    """

    notified = Signal(str)

    def __init__(
        self, canvas: CanvasView, panel: InstancePanel, session: Session, actions: Actions, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._canvas, self._panel, self._session, self._actions = canvas, panel, session, actions
        self._copied: SoftMask | None = None
        canvas.picked.connect(self._pick)
        canvas.menu_requested.connect(self.show)
        actions.connect(Act.COPY, self.copy)
        actions.connect(Act.PASTE, self.paste)
        session.closed.connect(self._forget)

    def copy(self) -> None:
        """Copy the selected instance's mask in the present frame."""
        session = self._session
        if session.document is None or session.selected is None:
            return
        self._canvas.finish()
        mask = session.annotation.mask(session.frame, session.selected)
        if not mask.box.area:
            self.notified.emit("The selected instance has no mask in this frame: there is nothing to copy.")
            return
        self._copied = mask
        self.notified.emit(f"The mask of {session.instances[session.selected].name} is copied.")

    def paste(self) -> None:
        """Give the selected instance the copied mask in the present frame."""
        session = self._session
        if session.document is None or session.selected is None:
            return
        if self._copied is None:
            self.notified.emit("No mask is copied: copy one first.")
            return
        if session.instances[session.selected].hidden:
            self.notified.emit(HIDDEN)
            return
        self._canvas.finish()
        session.mask_edits.edit_mask(session.frame, session.selected, self._copied, "paste a mask")

    def show(self, place: QPoint, instances: Sequence[int]) -> None:
        """Show the menu at a place of the screen.

        Args:
            instances: those under the pointer, the one on top first; it is selected.
        """
        session = self._session
        if session.document is None:
            return
        if instances and session.selected not in instances:
            session.select(instances[0])
        menu = QMenu(self._canvas)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        if instances and session.selected is not None:
            self._fill(menu, instances)
        else:
            menu.addSection("No instance here")
            menu.addAction(self._panel.actions_.add)
            self._add(menu, (Act.PASTE,))
        menu.addSeparator()
        self._add(menu, _TO_VIEW)
        menu.popup(place)

    def _fill(self, menu: QMenu, instances: Sequence[int]) -> None:
        session, panel = self._session, self._panel.actions_
        assert session.selected is not None
        menu.addSection(plain(shortened(session.instances[session.selected].name)))
        others = [number for number in instances if number != session.selected]
        if others:
            below = menu.addMenu("Select what lies below")
            for number in others:
                name = plain(shortened(session.instances[number].name))
                below.addAction(name).triggered.connect(lambda _=False, k=number: session.select(k))
        menu.addActions([panel.rename, panel.recolour])
        menu.addMenu(panel.class_menu)
        menu.addActions([panel.hide, panel.lock])
        menu.addSeparator()
        self._add(menu, _TO_MASK)
        for action in (panel.delete_range, panel.delete):
            self._repeat(menu, action)
        menu.addSeparator()
        self._add(menu, (Act.COPY, Act.PASTE))
        menu.addSeparator()
        self._add(menu, _TO_ENGINE)

    @staticmethod
    def _repeat(menu: QMenu, action: QAction) -> None:
        """Offer an action of the list of instances without its key, which counts in the list only."""
        offered = menu.addAction(action.text())
        offered.setEnabled(action.isEnabled())
        offered.triggered.connect(action.trigger)

    def _add(self, menu: QMenu, acts: Sequence[Act]) -> None:
        actions: list[QAction] = [self._actions[act] for act in acts]
        menu.addActions(actions)

    def _pick(self, instances: Sequence[int]) -> None:
        """Select what was clicked; clicked again, what lies below it."""
        session = self._session
        if session.document is None:
            return
        if not instances:
            self.notified.emit("There is no instance here.")
            return
        listed = list(instances)
        at = listed.index(session.selected) + 1 if session.selected in listed else 0
        session.select(listed[at % len(listed)])

    def _forget(self) -> None:
        self._copied = None
