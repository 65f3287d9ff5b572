"""The clips of a folder in their panel: what is open, and the last scan of each project."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from ...engine.types import CellKey
from ...project.summary import Open, Summary, summary_of
from ..clip_models import Place
from ..clip_scanner import Catalogue, ClipFound, ListedClip, Scanner
from ..clips import ClipPanel
from ..conductor import Conductor
from ..opening import project_places

_AFTER = 700
"""Milliseconds after a change before the open clip is looked at again."""
Opener = Callable[[Path, Callable[[], object]], bool]


class ClipBinder(QObject):
    """Keeps the panel true, and opens what is chosen in it.

    Attributes:
        panel: the widget.
        scanner: reads folders and projects.

    Signals:
        listed(Catalogue): the clips of a folder that was asked for; the panel shows several.
        told(sentence): information for the person.
        failed(sentence, details): a folder cannot be read.
    """

    listed = Signal(object)
    told = Signal(str)
    failed = Signal(str, str)

    def __init__(
        self, panel: ClipPanel, conductor: Conductor, data: Path, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.panel = panel
        self.opener: Opener | None = None
        self._conductor, self._session, self._data = conductor, conductor.session, data
        self._before: ListedClip | None = None
        self.scanner = Scanner(data, self)
        self.scanner.listed.connect(self._list)
        self.scanner.found.connect(panel.put)
        self.scanner.failed.connect(lambda sentence: self.failed.emit(sentence, ""))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER)
        self._timer.timeout.connect(self._look_at_open)
        session = self._session
        session.opened.connect(self._mark_open)
        session.closed.connect(self._mark_open)
        session.saved.connect(self._look_soon)
        session.retrievals_changed.connect(self._look_soon)
        panel.clip_chosen.connect(self._open)
        panel.place_chosen.connect(self._show)

    def stop(self) -> None:
        """End the scanner's thread."""
        self.scanner.stop()

    def step(self, by: int) -> None:
        """Open the next or previous clip."""
        if not self.panel.clips.clips:
            self.told.emit("Open a folder of clips first (File menu).")
        elif not self.panel.step(by):
            self.told.emit("This is the last clip." if by > 0 else "This is the first clip.")

    def next_place(self, by: int) -> None:
        """Go to the next or previous doubtful frame, in any clip."""
        if not self.panel.clips.clips:
            self.told.emit("Open a folder of clips first (File menu).")
        elif not self.panel.next_place(self._session.frame, by):
            self.told.emit(
                "Nothing waits and nothing is doubtful in these clips."
                if not self.panel.places.places
                else "There is nothing more to look at in this direction."
            )

    def _list(self, catalogue: Catalogue) -> None:
        if len(catalogue.clips) > 1:
            self._before = None
            self.panel.show_catalogue(catalogue)
            self._mark_open()
            self.scanner.look(catalogue.clips)
        self.listed.emit(catalogue)

    def _clip_open(self) -> ListedClip | None:
        """The clip of the list that the open document is of."""
        session = self._session
        if session.document is None:
            return None
        video, project = session.video.path.absolute(), session.project.path
        for clip in self.panel.clips.clips:
            if clip.path in {video, project}:
                return clip
        return None

    def _mark_open(self) -> None:
        clip = self._clip_open()
        if self._before is not None and self._before != clip:
            # It is closed: its file can be read again.
            self.scanner.look([self._before])
        self._before = clip
        self.panel.set_current(clip)
        if clip is not None:
            self._look_soon()

    def _look_soon(self) -> None:
        if self._before is not None and not self._timer.isActive():
            self._timer.start()

    def _look_at_open(self) -> None:
        """Have the open document summarised on its own thread, as nobody else can read its file."""
        clip = self._before
        if clip is None or self._session.document is None:
            return
        project = self._session.project
        done: Callable[[Summary], object] = lambda summary: self.panel.put(ClipFound(clip, summary))  # noqa: E731
        self._session.work_out(partial(summary_of, project), done)

    def _open(self, clip: ListedClip, then: Callable[[], object] | None = None) -> None:
        if self.opener is not None:
            # A project that was moved away from its clip is opened by itself.
            places = [clip.path, *project_places(clip.path, self._data)]
            found = next((place for place in places if place.exists()), clip.path)
            self.opener(found, then or (lambda: None))

    def _show(self, place: Place) -> None:
        self._open(place.clip, partial(self._go, place.open))

    def _go(self, place: Open) -> None:
        session = self._session
        session.select(place.instance)
        session.go(place.frame)
        if place.waiting:
            self._conductor.review.show_proposal(CellKey(place.frame, place.instance))
