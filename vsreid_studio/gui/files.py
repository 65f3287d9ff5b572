"""What goes in and out of the window: documents, masks, data sets."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from .. import __version__
from ..errors import UserError
from ..formats.catalogue import ExportRequest
from . import dialogs
from .conductor import Conductor
from .demo import fresh_demo
from .error_bar import ErrorBar
from .export_dialog import ExportDialog
from .exporting import Export
from .opening import VideoMissing
from .session import Session
from .worker import Outcome

_ABOUT = (
    "<b>vsreid-studio {version}</b><p>Cut objects out of video: mask propagation with reviewable "
    "re-identification, after Li et al., Video Object Segmentation with Re-identification, 2017.</p>"
    "<p>Licence: Apache-2.0</p>"
)


class Files(QObject):
    """Asks for files where needed, then acts; each act can be called without a question, too."""

    def __init__(
        self, window: QWidget, session: Session, conductor: Conductor, bar: ErrorBar, data: Path
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._conductor = window, session, conductor
        self._bar, self._data = bar, data
        self._exporting: ExportRequest | None = None
        self._folder: Path | None = None
        session.closed.connect(self._forget_folder)
        session.video_missing.connect(self._offer_search)
        conductor.finished.connect(self._tell_export)

    def open(self, path: Path, video: Path | None = None) -> bool:
        """Open a video, a folder of pictures or a project in place of what is open.

        Args:
            video: where a project's video is now.
        """
        return self._session.open(path, video)

    def open_demo(self) -> bool:
        """Open a fresh copy of the bundled clip with its first masks, and let the engine begin."""
        self._session.close()
        try:
            clip, mask = fresh_demo(self._data / "demo")
        except UserError as error:
            self._bar.fail(str(error))
            return False
        return self.open(clip) and self._session.import_masks(mask) and self._conductor.propagate()

    def export(self, request: ExportRequest) -> bool:
        """Write a data set or a video, on the engine's thread."""
        session = self._session
        colours = {number: one.colour for number, one in session.instances.items() if not one.hidden}
        names = {number: one.name for number, one in session.instances.items()}
        weights = session.project.last_weights
        work = Export(request, session.video.path, session.annotation.copy(), colours, names, weights)
        if not self._conductor.start(work):
            return False
        self._exporting, self._folder = request, request.folder
        return True

    def ask_open(self) -> None:
        """Ask for a video or a project."""
        dialogs.ask_file(self._window, "Open a video or a project", dialogs.OPENABLE, None, self.open)

    def ask_folder(self) -> None:
        """Ask for a folder of pictures."""
        dialogs.ask_folder(self._window, "Open a folder of pictures", None, self.open)

    def ask_mask(self) -> None:
        """Ask for a picture of masks for the present frame."""
        take = self._session.import_masks
        dialogs.ask_file(self._window, "Import a mask", dialogs.MASKS, self._place, take)

    def ask_masks(self) -> None:
        """Ask for a folder of masks."""
        take = self._session.import_masks
        dialogs.ask_folder(self._window, "Import a folder of masks", self._place, take)

    def ask_export(self) -> None:
        """Ask what to export and where."""
        name = re.sub(r"[\s/\\:]+", "_", self._session.video.name).lstrip("._") or "video"
        # Where the last one went, else beside the project.
        folder = self._folder or self._session.project.path.parent / f"{name}-export"
        dialog = ExportDialog(self._window, sequence=name, folder=folder)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.export_requested.connect(self.export)
        dialog.open()

    def about(self) -> None:
        """Tell what this is."""
        box = QMessageBox(self._window)
        box.setWindowTitle("About")
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setText(_ABOUT.format(version=__version__))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    @property
    def _place(self) -> Path | None:
        return self._session.project.path.parent if self._session.document is not None else None

    def _offer_search(self, missing: VideoMissing) -> None:
        def ask() -> None:
            title, place = "Where is the video now?", missing.project.parent
            if missing.folder:
                dialogs.ask_folder(self._window, title, place, take)
            else:
                dialogs.ask_file(self._window, title, "All files (*)", place, take)

        def take(video: Path) -> bool:
            return self.open(missing.project, video)

        self._bar.suggest(str(missing), "Find it …", ask)

    def _forget_folder(self) -> None:
        self._folder = None

    def _tell_export(self, outcome: Outcome) -> None:
        request, self._exporting = self._exporting, None
        if request is not None and outcome is Outcome.DONE:
            self._bar.tell(f"{request.sequence} is in {request.folder}.")
        elif request is not None and outcome is Outcome.CANCELLED:
            self._bar.tell("The export was cancelled; nothing was written.")
