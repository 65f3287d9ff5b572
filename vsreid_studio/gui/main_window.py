"""The window: what it consists of, and how its parts find one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QMainWindow

from ..engine.events import Progress, Proposal
from ..engine.parallel import load_torch, use_threads
from ..errors import UserError
from .actions import Act, Actions
from .bind.canvas_menu import CanvasMenu
from .clip_scanner import Catalogue
from .commands import Commands
from .compare import LOW, Comparison
from .conductor import Conductor
from .editor_keys import EditorKeys, edits
from .error_bar import ErrorBar
from .files import Files
from .frames import FrameLoader
from .key_sheet import KeySheet
from .keys import FILE, keyed, load_keys, with_usual
from .preferences import PreferenceFile, Preferences, apply_keys
from .preferences_dialog import PreferencesDialog
from .round_history import RoundHistory
from .session import Session
from .session.opener import config_folder, data_folder
from .start_page import StartPage
from .status import Status
from .theme import Theme
from .transport import Transport
from .unavailable import Unavailable
from .widgets import Overlaid, Pages, StaggeredPainting, reveal
from .worker import Runner
from .worker.jobs import EngineFactory, ModuleMaker
from .worker.worker import shipped_engine
from .workspace import Workspace, add_menus, add_toolbar

if TYPE_CHECKING:
    from ..engine.runtime.clicker import Clicker

_CLOSE_ANYWAY = "Close anyway"
"""A button beside what could not be saved."""
_PLACES = 3
"""Counts up when the docks change, so that places saved by an older version are not applied."""
_SHARE = 0.9
"""Of the screen that a first window may take."""


class MainWindow(QMainWindow):
    """Start page or document, with toolbar, menus and docks.

    Attributes:
        session: the document.
        conductor: the engine.
        loader: decodes frames.
        actions_: what the window can be asked.
        files: opens, imports and exports.
        comparison: with a ground truth.
        rounds: what runs and answers changed.
        parts: what shows the document.
        bar: shows errors and notices.
        start: the page without a document.
        transport: goes through the frames.
        status: the texts of the status bar.
        commands: what the actions do.
        preferences: what the person likes.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        engine: EngineFactory | None = None,
        clicker: Callable[[], Clicker] | None = None,
        config: Path | None = None,
        data: Path | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            engine: makes the engine, None for the shipped one.
            clicker: makes the click network, on its own thread; None for a window without one.
            config, data: folders for the person's settings and data, None for the system's places.
        """
        super().__init__()
        self._theme = theme
        self._config = config or config_folder()
        data = data or data_folder()
        self.session = Session(self, config=self._config, data=data, waits=False)
        self._preference_file = PreferenceFile(self._config)
        self.preferences = self._preference_file.read()
        runner = Runner(engine or self._make_engine, self)
        self.conductor = Conductor(self.session, runner, self, self.preferences.config.reid)
        self.loader = FrameLoader(self)
        self.loader.start()
        self.actions_ = Actions(self)
        self.bar = ErrorBar()
        self.start = StartPage()
        self.parts = Workspace(self, self.conductor, self.loader, self.preferences.config.reid, data, clicker)
        self.transport = Transport(self.actions_, self.session)
        self.statusBar().addWidget(self.transport)
        self.status = Status(self.statusBar(), self.conductor)
        self.files = Files(self, self.session, self.conductor, self.bar, data)
        self.comparison = Comparison(self, self.session, self.bar, self.parts.review_dock)
        self.rounds = RoundHistory(
            self.parts.rounds,
            self.conductor,
            self.comparison,
            self.parts.on_canvas,
            self.parts.on_timeline,
            self,
        )
        self._engine_known = False
        self._turns = StaggeredPainting(self)
        self._docking = QTimer(self)
        self._docking.setSingleShot(True)
        self._docking.timeout.connect(self._show_docks)
        self._lay_out()
        self.commands = Commands(self.actions_, self.parts, self.conductor, self)
        menu = CanvasMenu(self.parts.canvas, self.parts.instances, self.session, self.actions_, self)
        menu.notified.connect(self.bar.show_notice)
        editors = EditorKeys(self, self.parts.canvas, self.actions_[Act.UNDO], self.actions_[Act.REDO])
        self.session.leaving.connect(editors.end_typing)
        self._keyed = keyed(self.actions_, self.parts.instances.actions_, self.parts.review.actions_)
        self._connect()
        self._settings = QSettings(str(self._config / "window.ini"), QSettings.Format.IniFormat)
        self._docked = self._kept("docks")
        if not self.restoreGeometry(self._kept("window")):
            self.resize(QSize(1440, 900).boundedTo(self.screen().availableSize() * _SHARE))
        self._show_start()
        self._key_faults = load_keys(self._config / FILE, self._keyed)
        self._keyed = with_usual(self._keyed)
        self._unavailable = Unavailable(self._keyed, self.conductor, self.parts.review)
        self._prefer(self.preferences)
        self._tell_key_faults()

    def show_keys(self) -> KeySheet:
        """Show the sheet of keys, beside the window."""
        sheet = KeySheet(self._keyed, self._config / FILE, self)
        sheet.show()
        return sheet

    def show_preferences(self) -> PreferencesDialog:
        """Show what can be chosen, beside the window."""
        dialog = PreferencesDialog(self.preferences, self._keyed, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(self._change_preferences)
        dialog.show()
        return dialog

    def _change_preferences(self, preferences: Preferences) -> None:
        try:
            self._preference_file.write(preferences)
        except UserError as error:
            self.bar.fail(str(error))
        self._prefer(preferences)

    def _prefer(self, preferences: Preferences) -> None:
        """Do as the person likes it."""
        before, self.preferences = self.preferences, preferences
        self._theme.choose(preferences.scheme)
        self.session.instance_edits.colours = preferences.colours
        if preferences.opacity != before.opacity or before is preferences:
            self.parts.options.opacity.setValue(round(100 * preferences.opacity))
        faults = apply_keys(self._keyed, preferences.keys)
        if before is preferences:
            self._key_faults += faults
        if not self._engine_known:
            # Later ones count when the program starts again: the engine keeps those that it began with.
            self.parts.on_review.set_thresholds(preferences.config.reid)

    def _make_engine(self) -> ModuleMaker:
        """On the engine's thread."""
        load_torch()
        if self.preferences.threads:
            use_threads(self.preferences.threads)
        return shipped_engine(self.preferences.config)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the first of the files."""
        dropped = event.mimeData().urls()
        paths = [Path(url.toLocalFile()) for url in dropped if url.isLocalFile()]
        if not paths:
            self.bar.show_notice("Only files and folders of this computer can be opened.")
            return
        event.acceptProposedAction()
        rest = f"the other {len(dropped) - 1}" if len(dropped) > 2 else "the other one"
        alone = f"{paths[0].name} is open. One document is open at a time: {rest} was not opened."
        self.files.open(paths[0], then=(lambda: self.bar.show_notice(alone)) if len(dropped) > 1 else None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Say why a key did nothing: no enabled action and no widget has taken it."""
        own = event.isAutoRepeat() or edits(QApplication.focusWidget())
        why = "" if own else self._unavailable.why(event)
        if why:
            self.bar.show_notice(why)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the docks out for the height."""
        super().resizeEvent(event)
        self._share_corner()

    def _share_corner(self) -> None:
        """On a low window, and with a comparison below the review, what is on the right needs the height."""
        lines = self.height() / self.fontMetrics().height()
        right = lines < LOW or not self.comparison.dock.isHidden()
        area = Qt.DockWidgetArea.RightDockWidgetArea if right else Qt.DockWidgetArea.BottomDockWidgetArea
        if self.corner(Qt.Corner.BottomRightCorner) is not area:
            self.setCorner(Qt.Corner.BottomRightCorner, area)

    def focusNextPrevChild(self, forwards: bool) -> bool:
        """Tab may lead into a dock that is a tab behind another one: show it."""
        moved = super().focusNextPrevChild(forwards)
        focused = self.focusWidget()
        if moved and focused is not None:
            reveal(focused)
        return moved

    def closeEvent(self, event: QCloseEvent) -> None:
        """Put on disk what is on its way there, end the threads and go; stay where that fails."""
        self._keep_docks()
        place = self.saveGeometry()
        if self.conductor.runner.busy:
            # The step under way may take a moment; the person need not watch.
            self.hide()
        if not self.session.close():
            event.ignore()
            self.show()
            self.bar.add_offer(_CLOSE_ANYWAY, self._close_anyway)
            return
        self._settings.setValue("docks", self._docked)
        self._settings.setValue("window", place)
        self.hide()
        self.loader.stop()
        self.parts.on_canvas.clicks.stop()
        self.parts.on_clips.stop()
        self.comparison.stop()
        self.parts.checker.stop()
        self.rounds.stop()
        self.conductor.runner.stop()
        event.accept()

    def _close_anyway(self) -> None:
        self.session.close(discard=True)
        self.close()

    def _lay_out(self) -> None:
        self._pages = Pages()
        self._pages.addWidget(self.start)
        self._pages.addWidget(self.parts.canvas)
        self.setCentralWidget(Overlaid(self._pages, self.bar))
        self.setAcceptDrops(True)
        self._toolbar = add_toolbar(self, self.actions_)
        add_menus(self, self.actions_, [*self.parts.docks, self.parts.clips_dock, self.comparison.dock])
        # A panel may float, and its keys shall count here all the same.
        self.addActions(self.parts.review.actions_.everything)
        self.addActions(self.parts.instances.actions_.everywhere)

    def _connect(self) -> None:
        session, conductor, bar, files = self.session, self.conductor, self.bar, self.files
        session.opening.connect(lambda path: bar.show_notice(f"Opening {path.name} …"))
        session.opened.connect(self._show_document)
        session.closed.connect(self._show_start)
        session.kept_open.connect(lambda: bar.add_offer(_CLOSE_ANYWAY, partial(session.close, discard=True)))
        for source in (session, conductor, self.loader):
            source.failed.connect(bar.fail)
        conductor.notified.connect(bar.show_notice)
        session.refused.connect(bar.show_notice)
        conductor.device_known.connect(lambda _: setattr(self, "_engine_known", True))
        conductor.progress.connect(self._follow_run)
        self.parts.on_canvas.notified.connect(bar.show_notice)
        self.parts.on_instances.notified.connect(bar.show_notice)
        session.proposal_changed.connect(self._raise_review)
        self.commands.nothing_open.connect(bar.hide)
        self.comparison.dock.visibilityChanged.connect(self._share_corner)
        self.parts.canvas.cursor_moved.connect(self.status.show_pixel)
        self.parts.canvas.zoomed.connect(self.status.show_zoom)
        playback = self.parts.playback
        playback.changed.connect(lambda: self.status.show_speed(playback.speed))
        self.parts.on_canvas.clicks.state_changed.connect(self.status.show_clicks)
        clips = self.parts.on_clips
        clips.opener = lambda path, then: files.open(path, then=then)
        clips.failed.connect(bar.fail)
        clips.notified.connect(bar.show_notice)
        clips.listed.connect(self._take_catalogue)
        files.clips_wanted.connect(clips.scanner.list)
        files.truth_offered.connect(self.comparison.compare)
        self.start.open_requested.connect(files.ask_open)
        self.start.folder_requested.connect(files.ask_folder)
        self.start.demo_requested.connect(files.open_demo)
        self.start.chosen.connect(files.open)
        self._theme.changed.connect(lambda: self.actions_.set_icons(self.palette()))
        for act, do in {
            Act.OPEN: files.ask_open,
            Act.OPEN_FOLDER: files.ask_folder,
            Act.DEMO: files.open_demo,
            Act.START_PAGE: session.close,
            Act.IMPORT: files.ask_mask,
            Act.IMPORT_FOLDER: files.ask_masks,
            Act.COMPARE: self.comparison.ask,
            Act.READING: files.ask_reading,
            Act.EXPORT: self._ask_export,
            Act.CLIPS: self.parts.show_clips,
            Act.NEXT_CLIP: lambda: clips.step(1),
            Act.PREVIOUS_CLIP: lambda: clips.step(-1),
            Act.NEXT_PLACE: lambda: self._next_place(1),
            Act.PREVIOUS_PLACE: lambda: self._next_place(-1),
            Act.QUIT: self.close,
            Act.KEYS: self.show_keys,
            Act.PREFERENCES: self.show_preferences,
            Act.ABOUT: files.about,
        }.items():
            self.actions_.connect(act, do)

    def _next_place(self, by: int) -> None:
        """Go to what waits or is doubtful in all clips, or in the only one that is open."""
        if self.session.document is None or self.parts.clips.clips.clips:
            self.parts.on_clips.next_place(by)
        else:
            self.actions_[Act.NEXT_DOUBT if by > 0 else Act.PREVIOUS_DOUBT].trigger()

    def _ask_export(self) -> None:
        # What is drawn is seen, so it is exported, too.
        self.parts.canvas.finish()
        self.files.ask_export()

    def _show_document(self) -> None:
        self.bar.hide()
        self._tell_key_faults()
        self._key_faults = []
        self.setWindowTitle(f"{self.session.project.path.stem} — vsreid-studio")
        # All parts filled, laid out and painted in one event would hold the window up.
        self._docking.start()

    def _show_docks(self) -> None:
        """Lay the docks out, to be painted in turn."""
        size = self.size()
        self._turns.hold([self._pages, *self.parts.docks, self.parts.clips_dock])
        self._pages.setCurrentWidget(self.parts.canvas)
        if self._docked.isEmpty() or not self.restoreState(self._docked, _PLACES):
            self.parts.show_docks(True)
        # The kept places may be of a document that was opened alone.
        self.parts.keep_clips()
        self._toolbar.show()
        self.statusBar().show()
        self.comparison.recall()
        self.parts.canvas.setFocus()
        # The docks may have made it larger, which it learns only later.
        QTimer.singleShot(0, self, partial(self._keep_on_screen, size))

    def _keep_on_screen(self, before: QSize) -> None:
        """Move to where all of the window shows, if it has grown."""
        if self.isMaximized() or self.isFullScreen() or before.expandedTo(self.size()) == before:
            return
        room, frame = self.screen().availableGeometry(), self.frameGeometry()
        left = max(room.left(), min(frame.left(), room.right() + 1 - frame.width()))
        top = max(room.top(), min(frame.top(), room.bottom() + 1 - frame.height()))
        self.move(left, top)

    def _keep_docks(self) -> None:
        """Note where the docks are, if they are shown."""
        if self._pages.currentWidget() is self.parts.canvas:
            self._docked = self.saveState(_PLACES)

    def _show_start(self) -> None:
        self._docking.stop()
        self._keep_docks()
        self.parts.show_docks(False)
        self.comparison.dock.hide()
        self._toolbar.hide()
        self.statusBar().hide()
        # Last: between the docks it would make the window larger.
        self._pages.setCurrentWidget(self.start)
        self.start.set_recent(self.session.recent.projects())
        self.start.open_button.setFocus()
        self.setWindowTitle("vsreid-studio")

    def _take_catalogue(self, catalogue: Catalogue) -> None:
        if self.files.take_catalogue(catalogue):
            self.parts.show_clips()

    def _tell_key_faults(self) -> None:
        """Once, and again when a document opens at once, which takes the bar away."""
        if self._key_faults:
            rest = len(self._key_faults) - 1
            more = f" ({rest} more in the details)" if rest else ""
            self.bar.fail(f"{self._key_faults[0]}{more} All other keys hold.", "\n".join(self._key_faults))

    def _raise_review(self, proposal: Proposal | None) -> None:
        """It may be a tab behind the comparison."""
        if proposal is not None:
            self.parts.review_dock.raise_()

    def _follow_run(self, progress: Progress) -> None:
        # Another frame would end what is drawn, and drop an open polygon.
        if (
            progress.frame is not None
            and self.actions_[Act.FOLLOW].isChecked()
            and not self.parts.canvas.drawing
        ):
            self.session.go(progress.frame)

    def _kept(self, key: str) -> QByteArray:
        value = self._settings.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
