"""Questions for files. None of them blocks the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from ..engine.video.pictures import VIDEOS

_PATTERNS = " ".join(f"*{suffix}" for suffix in sorted(VIDEOS))
OPENABLE = f"Videos and projects ({_PATTERNS} *.vsreid);;All files (*)"
MASKS = "Masks (*.png *.tif *.tiff *.bmp *.gif *.webp *.json *.xml *.txt);;All files (*)"


def ask_file(
    parent: QWidget, title: str, kinds: str, folder: Path | None, take: Callable[[Path], object]
) -> QFileDialog:
    """Ask for a file that exists.

    Args:
        kinds: as Qt writes filters.
        folder: where to begin, None for where the last one ended.
        take: receives what was chosen.
    """
    dialog = _dialog(parent, title, folder, take)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(kinds.split(";;"))
    dialog.open()
    return dialog


def ask_folder(
    parent: QWidget, title: str, folder: Path | None, take: Callable[[Path], object]
) -> QFileDialog:
    """Ask for a folder that exists; see `ask_file`."""
    dialog = _dialog(parent, title, folder, take)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()
    return dialog


def ask_target(
    parent: QWidget, title: str, kinds: str, folder: Path | None, take: Callable[[Path], object]
) -> QFileDialog:
    """Ask for a file to write, which may be new; see `ask_file`. One that is there is asked about."""
    dialog = _dialog(parent, title, folder, take)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(kinds.split(";;"))
    dialog.setDefaultSuffix("txt")
    dialog.open()
    return dialog


def _dialog(parent: QWidget, title: str, folder: Path | None, take: Callable[[Path], object]) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(folder) if folder is not None else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: take(Path(name)))
    return dialog
