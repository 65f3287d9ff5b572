"""The parts of the window: menus, toolbar, panels with their docks, and answers drawn on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar, QToolButton

from ..config import ReidConfig
from .actions import TOOLS, Act, Actions, Group
from .bind import CanvasBinder, ClipBinder, InstanceBinder, ReviewBinder, TimelineBinder
from .canvas import CanvasView
from .check import CheckBinder, Checker
from .check_panel import CheckPanel
from .clips import ClipPanel
from .conductor import Conductor
from .frames import FrameLoader
from .instances import InstancePanel
from .review import ReviewPanel
from .rounds_panel import RoundPanel
from .timeline import TimelineView
from .tool_options import ToolOptionsPanel
from .transport import Playback
from .widgets import Scrolled, dock

if TYPE_CHECKING:
    from ..engine.runtime.clicker import Clicker

_LEFT, _RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea


class Workspace:
    """Widgets and their binders.

    Attributes:
        canvas, timeline, instances, options, review, check, rounds, clips: the widgets.
        checker: finds doubtful frames and gaps.
        playback: plays the video.
        review_dock, check_dock, rounds_dock: hold the review, the doubtful frames and gaps, and the rounds.
        clips_dock: holds the clips of a folder; hidden until one is open.
        docks: those that can be moved and hidden, in the order of the View menu.
        on_canvas, on_timeline, on_instances, on_review, on_check, on_clips: bind them to the document.
    """

    def __init__(
        self,
        window: QMainWindow,
        conductor: Conductor,
        loader: FrameLoader,
        thresholds: ReidConfig,
        data: Path,
        clicker: Callable[[], Clicker] | None = None,
    ) -> None:
        """Make the widgets.

        Args:
            data: the person's data, where projects of read-only folders lie.
            clicker: makes the click network, None where there is none.
        """
        self.canvas = CanvasView(window)
        self.timeline = TimelineView()
        self.instances = InstancePanel()
        self.options = ToolOptionsPanel()
        self.review = ReviewPanel()
        self.clips = ClipPanel()
        self.check = CheckPanel()
        self.rounds = RoundPanel()
        self.docks = [
            dock(window, "instances", "Instances", Scrolled(self.instances)),
            dock(window, "tools", "Tool options", Scrolled(self.options, lines=12)),
            dock(window, "review", "Review", Scrolled(self.review)),
            dock(window, "timeline", "Timeline", self.timeline),
            dock(window, "check", "Where to look", Scrolled(self.check)),
            dock(window, "rounds", "Rounds", Scrolled(self.rounds)),
        ]
        left, tools, review, below, check, rounds = self.docks
        self.review_dock = review
        self.clips_dock = dock(window, "clips", "Clips", self.clips)
        for area in (Qt.Corner.BottomLeftCorner, Qt.Corner.BottomRightCorner):
            window.setCorner(area, Qt.DockWidgetArea.BottomDockWidgetArea)
        window.addDockWidget(_LEFT, left)
        window.splitDockWidget(left, tools, Qt.Orientation.Vertical)
        window.tabifyDockWidget(left, self.clips_dock)
        self.clips_dock.hide()
        window.addDockWidget(_RIGHT, review)
        window.tabifyDockWidget(review, check)
        window.tabifyDockWidget(check, rounds)
        review.raise_()
        self.check_dock, self.rounds_dock = check, rounds
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, below)
        line = window.fontMetrics().height()
        window.resizeDocks([left, review], [15 * line, 24 * line], Qt.Orientation.Horizontal)
        window.resizeDocks([left, tools], [30 * line, 12 * line], Qt.Orientation.Vertical)
        window.resizeDocks([below], [15 * line], Qt.Orientation.Vertical)
        self.on_canvas = CanvasBinder(self.canvas, conductor, loader, clicker, window)
        self.playback = Playback(conductor.session, loader, window)
        self.on_timeline = TimelineBinder(self.timeline, conductor, loader, window)
        self.on_instances = InstanceBinder(self.instances, conductor, window)
        self.on_review = ReviewBinder(self.review, conductor, loader, thresholds, window)
        self.on_clips = ClipBinder(self.clips, conductor, data, window)
        self.checker = Checker(conductor, window)
        self.on_check = CheckBinder(self.check, self.checker, conductor, window)

    def show_docks(self, shown: bool) -> None:
        """Show what was open, or hide everything behind the start page."""
        for one in self.docks:
            one.setVisible(shown)
        self.keep_clips()

    def keep_clips(self) -> None:
        """Show the list of clips, if there are clips, and with a document where it was: in front or not."""
        front = not self.docks[0].visibleRegion().isEmpty()
        self.clips_dock.setVisible(bool(self.clips.clips.clips))
        if front:
            self.docks[0].raise_()

    def show_clips(self) -> None:
        """Bring the clips to the front, with the keys in their list."""
        self.clips_dock.show()
        self.clips_dock.raise_()
        self.clips.tabs.setCurrentIndex(0)
        self.clips.table.setFocus()


_TOOLBAR: tuple[tuple[Act, ...], ...] = (
    (Act.OPEN, Act.UNDO, Act.REDO),
    TOOLS,
    (Act.APPROVE, Act.ABSENT),
    (Act.PROPAGATE, Act.PROPAGATE_ONE, Act.FIND_AGAIN, Act.ADAPT, Act.PAUSE, Act.CANCEL, Act.FOLLOW),
    (Act.EXPORT,),
)

_BEFORE_THESE = {
    *(
        Act.COPY,
        Act.START_PAGE,
        Act.IMPORT,
        Act.EXPORT,
        Act.QUIT,
        Act.APPROVE,
        Act.CLEAR_FRAME,
        Act.PREFERENCES,
    ),
    *(Act.SMALLER, Act.PAUSE, Act.FOLLOW, Act.NEXT_CHECKPOINT, Act.NEXT_RETRIEVAL, Act.RANGE_START),
    *(Act.OUTLINE, Act.CLIPS, Act.NEXT_PLACE),
}
"""Actions that a separator stands before."""


def add_menus(window: QMainWindow, actions: Actions, docks: Sequence[QDockWidget]) -> None:
    """Every action, by group; the docks below the view's."""
    for group in Group:
        menu = window.menuBar().addMenu(group.menu_title)
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


class DrawnAnswers(QObject):
    """Answers to a proposal that a person draws on the canvas: a corrected mask, or another box."""

    def __init__(self, actions: Actions, workspace: Workspace, conductor: Conductor, parent: QObject) -> None:
        super().__init__(parent)
        self._actions, self._parts, self._conductor = actions, workspace, conductor
        self._session = conductor.session
        self._tool_before = Act.BRUSH
        panel = workspace.review
        panel.correct_requested.connect(self._correct)
        panel.redraw_requested.connect(self._redraw)
        panel.edit_left.connect(self._leave_edit)
        panel.correction_done.connect(self._take_correction)
        workspace.on_canvas.redrawn.connect(self._restore_tool)

    def _correct(self) -> None:
        self._conductor.review.following = False
        self._parts.on_canvas.begin_correction()
        self._parts.canvas.setFocus()

    def _redraw(self) -> None:
        self._tool_before = next((act for act in TOOLS if self._actions[act].isChecked()), Act.BRUSH)
        proposal = self._session.proposal
        if proposal is not None:
            self._session.go(proposal.frame)
            self._session.select(proposal.instance)
            self._parts.on_canvas.redrawing = True
            self._actions[Act.BOX].trigger()
            self._parts.canvas.setFocus()

    def _leave_edit(self) -> None:
        if self._parts.on_canvas.redrawing:
            self._parts.on_canvas.redrawing = False
            self._restore_tool()
        self._parts.on_canvas.end_correction()

    def _restore_tool(self) -> None:
        self._actions[self._tool_before].trigger()

    def _take_correction(self) -> None:
        correction = self._parts.on_canvas.correction
        if correction is not None and not self._conductor.review.correct(correction.mask):
            self._parts.on_canvas.end_correction()
