"""The menus and the toolbar."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar, QToolButton

from .actions import TOOLS, Act, Actions, Group

_TOOLBAR: tuple[tuple[Act, ...], ...] = (
    (Act.OPEN, Act.UNDO, Act.REDO),
    TOOLS,
    (Act.APPROVE, Act.ABSENT),
    (Act.PROPAGATE, Act.PROPAGATE_ONE, Act.FIND_AGAIN, Act.ADAPT, Act.PAUSE, Act.CANCEL, Act.FOLLOW),
    (Act.EXPORT,),
)
_BEFORE_THESE = {
    *(Act.START_PAGE, Act.IMPORT, Act.EXPORT, Act.QUIT, Act.APPROVE, Act.CLEAR_FRAME),
    *(Act.SMALLER, Act.PAUSE, Act.FOLLOW, Act.NEXT_CHECKPOINT, Act.NEXT_RETRIEVAL, Act.RANGE_START),
    Act.OUTLINE,
}
"""Actions that a separator stands before."""


def add_menus(window: QMainWindow, actions: Actions, docks: Sequence[QDockWidget]) -> None:
    """Every action, by group; the docks below the view's."""
    for group in Group:
        menu = window.menuBar().addMenu(group.value)
        menu.setToolTipsVisible(True)
        for action in actions.of(group):
            if any(actions[act] is action for act in _BEFORE_THESE):
                menu.addSeparator()
            menu.addAction(action)
        if group is Group.VIEW:
            menu.addSeparator()
            menu.addActions([dock.toggleViewAction() for dock in docks])
        # Also while the menu bar is not shown. Keys of the canvas alone are added there: the window, which
        # is above every widget, would let them count everywhere.
        window.addActions([actions[act] for act in actions if actions.spans_window(act, group)])


def add_toolbar(window: QMainWindow, actions: Actions) -> QToolBar:
    """What is used all the time."""
    bar = QToolBar("Toolbar", window)
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setIconSize(QSize(22, 22))
    for place, acts in enumerate(_TOOLBAR):
        if place:
            bar.addSeparator()
        bar.addActions([actions[act] for act in acts])
    # The one that everything leads to is named.
    main = bar.widgetForAction(actions[Act.PROPAGATE])
    if isinstance(main, QToolButton):
        main.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    window.addToolBar(bar)
    return bar
