"""The document's instances, and the clips of a folder, in their panels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ...engine.types import CellKey
from ...project.summary import Open, Summary, summary_of
from ..clip_models import Place
from ..clip_scanner import Catalogue, ClipFound, ListedClip, Scanner
from ..clips import ClipPanel
from ..conductor import Conductor
from ..instances import InstancePanel
from ..instances.dialogs import ClassDialog
from ..opening import project_places

_COUNT_EVERY = 300
"""Milliseconds between two counts while a run changes cells all the time."""


_AFTER = 700
"""Milliseconds after a change before the open clip is looked at again."""
Opener = Callable[[Path, Callable[[], object]], bool]


class InstanceBinder(QObject):
    """Keeps the panel true, and does what it asks for.

    Attributes:
        panel: the widget.

    Signals:
        notified(sentence): information for the person.
    """

    notified = Signal(str)

    def __init__(self, panel: InstancePanel, conductor: Conductor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self._session = session = conductor.session
        self._classes: ClassDialog | None = None
        for signal in (session.instances_changed, session.failed, session.refused):
            signal.connect(self._show_listed)
        for told in (session.failed, session.refused):
            told.connect(self._tell_listed)
        session.closed.connect(self._close_listed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_EVERY)
        self._timer.timeout.connect(self._count)
        follower = session.turns.follower
        for signal in (session.opened, session.instances_changed, session.closed):
            signal.connect(follower(self._show))
        session.changed.connect(self._count_soon)
        session.selection_changed.connect(follower(panel.set_selected))
        panel.selected.connect(session.select)
        panel.add_requested.connect(session.instance_edits.add_instance)
        panel.renamed.connect(session.instance_edits.rename)
        panel.recoloured.connect(session.instance_edits.recolour)
        panel.hidden_changed.connect(session.instance_edits.hide)
        panel.locked_changed.connect(session.instance_edits.lock)
        panel.moved.connect(self._move)
        panel.delete_requested.connect(session.instance_edits.delete)
        panel.merge_requested.connect(session.instance_edits.merge)
        panel.class_requested.connect(session.instance_edits.set_class)
        panel.classes_requested.connect(self.show_classes)
        panel.notified.connect(self.notified)
        panel.absent_requested.connect(lambda k: session.mask_edits.mark_absent(k, [session.frame]))
        panel.delete_range_requested.connect(lambda k, *frames: session.mask_edits.clear_range([k], *frames))
        for signal in (session.opened, session.range_changed, session.frame_changed):
            signal.connect(follower(self._tell_frames, bare=True))
        self._show()

    def show_classes(self) -> ClassDialog:
        """Show the list of classes, beside the window."""
        self._close_listed()
        session = self._session
        dialog = ClassDialog(session.categories, self.panel)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.added.connect(lambda name: session.instance_edits.add_classes({1: name}))
        dialog.renamed.connect(session.instance_edits.rename_class)
        dialog.removed.connect(session.instance_edits.remove_class)
        dialog.import_requested.connect(session.instance_edits.import_classes)
        dialog.export_requested.connect(self._export_classes)
        dialog.destroyed.connect(partial(self._forget, dialog))
        self._classes = dialog
        dialog.show()
        return dialog

    def _forget(self, dialog: ClassDialog) -> None:
        if self._classes is dialog:
            self._classes = None

    def _show_listed(self) -> None:
        """Also what was refused: the list is as it was."""
        if self._classes is not None:
            self._classes.set_classes(self._session.categories)

    def _tell_listed(self, sentence: str) -> None:
        """In the list, too, which may cover the bar."""
        if self._classes is not None:
            self._classes.tell(sentence)

    def _close_listed(self) -> None:
        if self._classes is not None:
            self._classes.close()

    def _export_classes(self, path: Path) -> None:
        def done() -> None:
            sentence = f"The list of classes is in {path}."
            self.notified.emit(sentence)
            self._tell_listed(sentence)

        self._session.instance_edits.export_classes(path, done)

    def _show(self) -> None:
        self.panel.set_classes(self._session.categories)
        self.panel.set_instances(self._session.instances)
        self.panel.set_selected(self._session.selected)
        self._count()

    def _count_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _count(self) -> None:
        if self._session.document is None:
            return
        annotation = self._session.annotation
        masks = {k: annotation.count_masks(k) for k in self._session.instances}
        self.panel.set_counts({k: _words(n, len(annotation.checkpoints(k))) for k, n in masks.items()})

    def _move(self, instance: int, place: int) -> None:
        order = [k for k in self._session.instances if k != instance]
        order.insert(place, instance)
        self._session.instance_edits.reorder(order)

    def _tell_frames(self) -> None:
        session = self._session
        if session.document is not None:
            self.panel.set_frames(session.video.length, session.range or (session.frame, session.frame))


def _words(masks: int, checkpoints: int) -> str:
    if not masks:
        return "no mask yet"
    first = "1 mask" if masks == 1 else f"{masks} masks"
    return f"{first}, 1 checkpoint" if checkpoints == 1 else f"{first}, {checkpoints} checkpoints"


class ClipBinder(QObject):
    """Keeps the panel true, and opens what is chosen in it.

    Attributes:
        panel: the widget.
        scanner: reads folders and projects.

    Signals:
        listed(Catalogue): the clips of a folder that was asked for; the panel shows several.
        notified(sentence): information for the person.
        failed(sentence, details): a folder cannot be read.
    """

    listed = Signal(object)
    notified = Signal(str)
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
            self.notified.emit("Open a folder of clips first (File menu).")
        elif not self.panel.step(by):
            self.notified.emit("This is the last clip." if by > 0 else "This is the first clip.")

    def next_place(self, by: int) -> None:
        """Go to the next or previous doubtful frame, in any clip."""
        if not self.panel.clips.clips:
            self.notified.emit("Open a folder of clips first (File menu).")
        elif not self.panel.next_place(self._session.frame, by):
            self.notified.emit(
                "Nothing waits and nothing is doubtful in these clips."
                if not self.panel.places.places
                else "There is nothing more to look at in this direction."
            )

    def _list(self, catalogue: Catalogue) -> None:
        if len(catalogue.clips) > 1:
            self._before = None
            self.panel.show_catalogue(catalogue)
            self._mark_open()
            self.scanner.scan(catalogue.clips)
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
            self.scanner.scan([self._before])
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
