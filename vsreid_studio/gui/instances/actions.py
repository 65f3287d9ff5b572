"""What can be done to the selected instance, as actions with keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from ...project import Instance
from ..theme import plain, shortened

KEYED = range(1, 10)
"""Instances that a digit key selects."""


class InstanceActions:
    """The actions of an `InstancePanel`; keys may be replaced by those of the key file.

    `delete` and what is without a key act while the focus is in the panel. All others act everywhere in the
    window; add those of `everywhere` to the window too, as the panel may be hidden, or float.

    Attributes:
        add, rename, recolour, hide, lock, move_up, move_down: as they are named.
        absent, delete_range, delete: what takes masks away.
        category: opens `class_menu`.
        merge_menu, class_menu: filled when they are about to show.
        select: the action of each digit, by instance number.
    """

    def __init__(self, panel: QWidget) -> None:
        self._panel = panel
        self.add = self._new("Add instance", "Ctrl+Shift+N", everywhere=True)
        self.rename = self._new("Rename", "F2", everywhere=True)
        self.recolour = self._new("Change colour …", "")
        self.category = self._new("Give a class …", "F3", everywhere=True)
        self.hide = self._new("Hide", "Ctrl+H", everywhere=True)
        self.lock = self._new("Lock", "Ctrl+L", everywhere=True)
        self.move_up = self._new("Move up", "Alt+Up", everywhere=True)
        self.move_down = self._new("Move down", "Alt+Down", everywhere=True)
        self.absent = self._new("Not in this frame", "")
        self.delete_range = self._new("Delete in a range of frames …", "")
        self.delete = self._new("Delete …", "Del")
        self.merge_menu = QMenu("Merge into", panel)
        self.class_menu = QMenu("Class", panel)
        self.select = {n: self._new(f"Select instance {n}", str(n), everywhere=True) for n in KEYED}

    @property
    def everywhere(self) -> list[QAction]:
        """Those whose keys count wherever the focus is in the window."""
        listed = [self.add, self.rename, self.category, self.hide, self.lock, self.move_up, self.move_down]
        return [*listed, *self.select.values()]

    def follow(self, chosen: Instance | None, *, first: bool, last: bool, alone: bool) -> None:
        """Enable what makes sense for the chosen instance.

        Args:
            chosen: None disables all but `add`.
            first, last: whether it is listed first or last.
            alone: whether there is no other.
        """
        for action in (self.rename, self.recolour, self.category, self.hide, self.lock, self.delete):
            action.setEnabled(chosen is not None)
        # A lock guards the masks; looks and name may change.
        unlocked = chosen is not None and not chosen.locked
        for action in (self.absent, self.delete_range, self.delete):
            action.setEnabled(unlocked)
        self.class_menu.setEnabled(chosen is not None)
        self.merge_menu.setEnabled(unlocked and not alone)
        self.move_up.setEnabled(chosen is not None and not first)
        self.move_down.setEnabled(chosen is not None and not last)
        self.hide.setText("Show" if chosen is not None and chosen.hidden else "Hide")
        self.lock.setText("Unlock" if chosen is not None and chosen.locked else "Lock")

    def fill(self, menu: QMenu) -> None:
        """Put everything but `add` and the digits into a menu."""
        menu.addActions([self.rename, self.recolour])
        menu.addMenu(self.class_menu)
        menu.addActions([self.hide, self.lock])
        menu.addSeparator()
        menu.addActions([self.move_up, self.move_down])
        menu.addSeparator()
        menu.addAction(self.absent)
        menu.addMenu(self.merge_menu)
        menu.addSeparator()
        menu.addActions([self.delete_range, self.delete])

    def offer_merges(self, pairs: Iterable[tuple[Instance, Instance]]) -> list[tuple[QAction, int, int]]:
        """Fill the merge menu; each action with the numbers of what would go and what would stay."""
        self.merge_menu.clear()
        offered = []
        for source, target in pairs:
            action = self.merge_menu.addAction(plain(f"{shortened(source.name)} → {shortened(target.name)}"))
            action.setEnabled(not (source.locked or target.locked))
            offered.append((action, source.number, target.number))
        return offered

    def offer_classes(
        self, classes: Mapping[int, str], chosen: int | None
    ) -> list[tuple[QAction, str | None]]:
        """Fill the menu of classes; each action with the name that it gives, None for no class.

        Args:
            classes: names by number.
            chosen: the class that the instance has.
        """
        self.class_menu.clear()
        offered: list[tuple[QAction, str | None]] = []
        for place, (number, name) in enumerate(classes.items(), 1):
            # The first nine have a digit, so that the menu is quick by keys.
            shown = plain(shortened(name))
            text = f"&{place} {shown}" if place < 10 else shown
            offered.append((self._choice(text, number == chosen), name))
        offered.append((self._choice("&No class", chosen is None), None))
        return offered

    def _choice(self, text: str, checked: bool) -> QAction:
        action = self.class_menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(checked)
        return action

    def _new(self, text: str, key: str, *, everywhere: bool = False) -> QAction:
        action = QAction(text, self._panel)
        action.setShortcut(QKeySequence(key))
        contexts = Qt.ShortcutContext
        action.setShortcutContext(
            contexts.WindowShortcut if everywhere else contexts.WidgetWithChildrenShortcut
        )
        action.setAutoRepeat(False)
        if key:
            action.setShortcutVisibleInContextMenu(True)
        self._panel.addAction(action)
        return action
