"""What goes in and out of the window: documents, masks, data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from .. import __version__
from ..engine.video import ReadOptions
from ..errors import UserError
from ..formats.catalogue import ExportRequest
from ..formats.clip_folders import input_beside
from ..formats.exports import frames_not_computed
from ..formats.frame_names import fit_name, mask_files_by_frame
from ..formats.mask_coding import Reading
from ..project import absolute_path
from ..project.same_video import VideoChanged, Way, refuse_changed
from ..project.schema import classes_of
from ..project.sources import points_of, sources_of
from . import widgets
from .clip_scanner import Catalogue
from .conductor import Conductor
from .edits import IMPORT_CHANGED, IMPORT_LABEL
from .error_bar import ErrorBar
from .export_dialog import ExportDialog
from .opening import VideoMissing, fresh_demo, holds_pictures, home_of, masks_beside
from .session import Imported, Session
from .video_reading import ReadingDialog, notes_of, reading_of
from .worker import Outcome
from .worker.jobs import Export

_READINGS = {
    Reading.PALETTE: "Palette indices or grey levels are instance numbers",
    Reading.COLOURS: "Each colour is an object",
    Reading.BINARY: "All that is not background is one object",
    Reading.SOFT: "Grey levels are one soft-edged object",
    Reading.ALPHA: "What is opaque is one object",
    Reading.OBJECTS: "Each file is an object",
}

_ONE_OBJECT = {Reading.BINARY, Reading.SOFT, Reading.ALPHA}
"""Readings of pictures that do not number their object: it is the selected one."""

_ABOUT = (
    "<b>vsreid-studio {version}</b><p>Cut objects out of video: mask propagation with reviewable "
    "re-identification, after Li et al., Video Object Segmentation with Re-identification, 2017.</p>"
    "<p>Licence: Apache-2.0</p>"
)


class Files(QObject):
    """Asks for files where needed, then acts; each act can be called without a question, too.

    Signals:
        truth_offered (object): the folder of exact masks that the person wants to compare with.
        clips_wanted (object): the clips of a folder are to be listed; `take_catalogue` follows.
    """

    truth_offered = Signal(object)
    clips_wanted = Signal(object)

    def __init__(
        self, window: QWidget, session: Session, conductor: Conductor, bar: ErrorBar, data: Path
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._conductor = window, session, conductor
        self._bar, self._data = bar, data
        self._exporting: tuple[ExportRequest, int] | None = None
        self._asked: ExportRequest | None = None
        self._listing: tuple[Path, Callable[[], object] | None] | None = None
        session.closed.connect(self._forget_export)
        session.video_missing.connect(self._offer_search)
        session.imported.connect(self._tell_reading)
        session.video_changed.connect(self._offer_ways)
        conductor.finished.connect(self._tell_export)

    def open(self, path: Path, video: Path | None = None, then: Callable[[], object] | None = None) -> bool:
        """Open a video, a folder of pictures or a project in place of what is open.

        Args:
            video: where a project's video is now.
            then: called once it is open.

        Returns:
            Whether that was begun.
        """
        try:
            many = path.is_dir() and not holds_pictures(path)
        except OSError as error:
            self._bar.fail(f"{path} cannot be read: {error.strerror}.")
            return False
        if many:
            self._listing = absolute_path(path), then
            self.clips_wanted.emit(path)
            return True
        return self._open_one(path, video, then)

    def take_catalogue(self, catalogue: Catalogue) -> bool:
        """The clips of a folder that was to be opened are known; whether there are several."""
        listing, self._listing = self._listing, None
        if len(catalogue.clips) > 1:
            self._bar.show_notice(
                f"{len(catalogue.clips)} clips are listed. Return or a double click opens one."
            )
            return True
        if listing is not None and listing[0] == catalogue.root:
            self._open_one(next((it.path for it in catalogue.clips), catalogue.root), None, listing[1])
        return False

    def _open_one(self, path: Path, video: Path | None, then: Callable[[], object] | None) -> bool:
        def opened() -> None:
            self._offer_masks()
            self._tell_video()
            if then is not None:
                then()

        return self._session.open(path, video, opened)

    def _offer_masks(self) -> None:
        """Offer a document without masks those of its data set, or what lies beside its clip."""
        session = self._session
        # What the bar says already comes first.
        if self._bar.isVisible() or any(True for _ in session.annotation.cells()):
            return
        folder = masks_beside(session.video.path)
        if folder is None:
            self._offer_given(input_beside(session.video.path))
            return
        self._bar.offer_choice(
            f"The data set has masks of this sequence, in {folder}.",
            "Use them",
            {
                "First mask, to propagate from": partial(self._take_first, folder),
                "Ground truth, to compare with": partial(self.truth_offered.emit, folder),
                "Masks of all frames, not pinned": partial(
                    session.mask_edits.import_masks, folder, machine=True
                ),
            },
        )

    def _offer_given(self, given: Path | None) -> None:
        # Points are for `run`, which answers them by the network; here a person clicks.
        if given is None or given.name.endswith(".points.json"):
            return
        take = partial(self._session.mask_edits.import_masks, given)
        self._bar.offer_choice(
            f"{given.name} lies beside this clip.", "Use it", {"Masks to propagate from": take}
        )

    def _take_first(self, folder: Path) -> bool:
        """The mask of the earliest frame."""
        files = mask_files_by_frame(folder, self._session.video)
        first = min(files, default=None)
        if first is None:
            self._bar.fail(f"{folder} holds no mask of a frame of this sequence.")
            return False
        self._session.go(first)
        return self._session.mask_edits.import_masks(files[first])

    def open_demo(self) -> bool:
        """Open a fresh copy of the bundled clip with its first masks, and let the engine begin."""
        if not self._session.close():
            return False
        try:
            clip, mask = fresh_demo(self._data / "demo")
        except UserError as error:
            self._bar.fail(str(error))
            return False
        return self.open(clip, then=partial(self._begin_demo, mask))

    def _begin_demo(self, mask: Path) -> None:
        """Import the first masks, and let the engine begin once they are there."""
        session, conductor = self._session, self._conductor

        def begin(done: int, total: int) -> None:
            if not total:
                session.importing.disconnect(begin)
                conductor.propagate()

        session.importing.connect(begin)
        session.mask_edits.import_masks(mask)

    def export(self, request: ExportRequest) -> bool:
        """Write a data set or a video, on the engine's thread."""
        session, self._asked = self._session, request
        colours = {number: one.colour for number, one in session.instances.items() if not one.hidden}
        names = {number: one.name for number, one in session.instances.items()}
        weights, settings = session.project.last_weights, session.project.last_settings
        sources = sources_of(session.project, session.video.path)
        video, maps = session.video, session.annotation.copy()
        points = points_of(session.settings)
        classes = classes_of(session.categories, session.instances)
        options = video.options
        work = Export(
            request,
            video.path,
            maps,
            colours,
            names,
            classes,
            weights,
            settings,
            sources,
            options,
            points,
            video.order,
            partial(refuse_changed, session.project),
        )
        if not self._conductor.start(work):
            return False
        # What is said there may be that an earlier one failed.
        self._bar.hide()
        self._exporting = request, frames_not_computed(maps)
        return True

    def ask_open(self) -> None:
        """Ask for a video or a project."""
        self._bar.begin_anew()
        folder = self._beside
        widgets.ask_file(self._window, "Open a video or a project", widgets.OPENABLE, folder, self.open)

    def ask_folder(self) -> None:
        """Ask for a folder of pictures."""
        self._bar.begin_anew()
        title = "Open a folder of pictures, a folder of clips or a data set"
        widgets.ask_folder(self._window, title, self._beside, self.open)

    def ask_mask(self) -> None:
        """Ask for a picture of masks for the present frame."""
        self._bar.begin_anew()
        take = self._session.mask_edits.import_masks
        widgets.ask_file(self._window, "Import a mask", widgets.MASKS, self._place, take)

    def ask_masks(self) -> None:
        """Ask for a folder of masks."""
        self._bar.begin_anew()
        take = self._session.mask_edits.import_masks
        widgets.ask_folder(self._window, "Import a folder of masks", self._place, take)

    def ask_reading(self) -> None:
        """Ask which track of the open video is read, and which values are black and white."""
        ReadingDialog(self._window, self._session.video, self.read_as).open()

    def read_as(self, options: ReadOptions) -> bool:
        """Open the video again and read it so; another track is another video, with a project of its own."""
        session = self._session
        same_track = options.track == session.video.options.track
        before = session.project.path
        path = before if same_track else session.video.path
        # A project is open once: that of another track is looked for beside this one.
        if not session.close():
            return False
        return session.open(path, then=self._tell_video, options=options, otherwise=before)

    def _tell_video(self) -> None:
        """Say what is to be known of how the video is read, unless something else is being said."""
        if self._bar.isVisible():
            return
        video = self._session.video
        sentences = " ".join(one for one in (notes_of(video), reading_of(video)) if one)
        if reading_of(video):
            self._bar.inform(sentences, "Choose …", self.ask_reading)
        elif sentences:
            self._bar.show_notice(sentences)

    def ask_export(self) -> None:
        """Ask what to export and where."""
        self._bar.begin_anew()
        name = fit_name(self._session.video.name)
        # Beside the project, but not where only the program looks.
        for place in (self._session.project.path.parent, home_of(self._session.video.path), Path.home()):
            if not place.is_relative_to(self._data):
                break
        folder = place / f"{name}-export"
        sources = sources_of(self._session.project, self._session.video.path)
        dialog = ExportDialog(self._window, sequence=name, folder=folder, sources=sources, last=self._asked)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.export_requested.connect(self.export)
        dialog.open()

    def about(self) -> None:
        """Show what this program is."""
        box = QMessageBox(self._window)
        box.setWindowTitle("About")
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setText(_ABOUT.format(version=__version__))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    @property
    def _place(self) -> Path | None:
        return self._session.project.path.parent if self._session.document is not None else None

    @property
    def _beside(self) -> Path | None:
        """Where the open video lies: others are often beside it."""
        return self._session.video.path.parent if self._session.document is not None else None

    def _offer_search(self, missing: VideoMissing) -> None:
        def ask() -> None:
            title, place = "Where is the video now?", missing.project.parent
            if missing.folder:
                widgets.ask_folder(self._window, title, place, take)
            else:
                widgets.ask_file(self._window, title, "All files (*)", place, take)

        def take(video: Path) -> bool:
            return self.open(missing.project, video)

        self._bar.suggest(str(missing), "Find it …", ask)

    def _tell_reading(self, done: Imported) -> None:
        """Say what masks were taken for, and offer the other ways to take them."""
        masks = "1 mask" if done.left == 1 else f"{done.left} masks"
        kept = f"The import left {masks} as drawn meanwhile." if done.left else ""
        if done.reading is Reading.PALETTE:
            if kept:
                self._bar.show_notice(kept)
            return
        one = self._session.instances.get(done.instance) if done.reading in _ONE_OBJECT else None
        told = done.text if one is None else f"{done.text}, {one.name}"
        sentence = f"{done.path.name} was read as {told}. {kept}".rstrip()
        if done.reading is None:
            self._bar.show_notice(sentence)
            return
        others = {
            text: partial(self._read_otherwise, done, reading)
            for reading, text in _READINGS.items()
            if reading is not done.reading
        }
        self._bar.offer_choice(sentence, "Read otherwise", others)

    def _read_otherwise(self, done: Imported, reading: Reading) -> bool:
        """Import the same once more in place of what was imported, where nothing came after it."""
        session = self._session
        if session.undo_label != IMPORT_LABEL:
            self._bar.show_notice(IMPORT_CHANGED)
            return False
        session.go(done.frame)
        session.select(done.instance)
        return session.mask_edits.import_masks(done.path, reading, machine=done.machine, replaces=done.step)

    def _offer_ways(self, change: VideoChanged) -> None:
        """Ask what becomes of the masks of a video that has changed."""
        ways: dict[str, Way | Literal["new"]] = {"Open a new project, and leave this one": "new"}
        if not change.differences.size:
            ways = {
                "Keep the masks of all frames that are still there": "keep",
                "Clear the masks of frames that differ": "clear",
                **ways,
            }
        open_with = partial(self._session.open, change.project, change.video)
        acts = {text: partial(open_with, changed=way) for text, way in ways.items()}
        self._bar.offer_choice(str(change), "What to do", acts, stays=True)

    def _forget_export(self) -> None:
        self._asked = None

    def _tell_export(self, outcome: Outcome) -> None:
        if self._exporting is None:
            return
        (request, lacking), self._exporting = self._exporting, None
        if outcome is Outcome.DONE:
            # What is there now is replaced only if that is asked for again.
            self._asked = replace(request, overwrite=False)
            more = f" In {lacking} frames some objects are not computed yet." if lacking else ""
            self._bar.show_notice(f"{request.sequence} is in {request.folder}.{more}")
        elif outcome is Outcome.CANCELLED:
            self._bar.show_notice("The export was cancelled; nothing was written.")
        else:
            self._bar.add_offer("Export again …", self.ask_export)
