"""Data sets in DAVIS layout, as a person meets them: a root to choose from, masks beside the frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .theme import quiet_label

FRAMES, MASKS = "JPEGImages", "Annotations"
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
_PATH = Qt.ItemDataRole.UserRole + 1


def sequences_under(folder: Path) -> list[Path]:
    """The folders of frames of a data set, by name; of several resolutions the smallest, '480p', if there.

    Args:
        folder: the root of the data set, its `JPEGImages`, or a resolution in that.

    Returns:
        none for a folder that holds pictures itself or is no data set.
    """
    if (folder / FRAMES).is_dir():
        folder /= FRAMES
    elif FRAMES not in folder.parts:
        return []
    if _holds_pictures(folder):
        return []
    found = [one for one in _folders(folder) if _holds_pictures(one)]
    if not found:
        sizes = [size for size in _folders(folder) if any(map(_holds_pictures, _folders(size)))]
        sizes.sort(key=lambda size: (size.name != "480p", size.name))
        found = [one for one in _folders(sizes[0]) if _holds_pictures(one)] if sizes else []
    return found


def masks_beside(frames: Path) -> Path | None:
    """The folder of masks of a sequence of a data set, None where there is none."""
    parts = frames.parts
    if FRAMES not in parts:
        return None
    place = len(parts) - 1 - parts[::-1].index(FRAMES)
    folder = Path(*parts[:place], MASKS, *parts[place + 1 :])
    return folder if folder.is_dir() and any(one.suffix == ".png" for one in folder.iterdir()) else None


class SequenceDialog(QDialog):
    """Lets a person choose one sequence of a data set; it does not block the window.

    Attributes:
        list: the sequences.
        filter: narrows them down by a part of the name.

    Signals:
        chosen (object): the Path of the frames.
    """

    chosen = Signal(object)

    def __init__(self, root: Path, sequences: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open a sequence")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Part of the name")
        self.filter.setAccessibleName("Part of the name")
        self.filter.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Sequences")
        for path in sequences:
            item = QListWidgetItem(path.name)
            item.setData(_PATH, str(path))
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        layout = QVBoxLayout(self)
        layout.addWidget(quiet_label(f"{root} holds {len(sequences)} sequences. Choose one."))
        layout.addWidget(self.filter)
        layout.addWidget(self.list, 1)
        layout.addWidget(buttons)
        line = self.fontMetrics().height()
        self.resize(32 * line, 30 * line)
        self.filter.textChanged.connect(self._narrow)
        self.list.itemDoubleClicked.connect(self.accept)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)

    def accept(self) -> None:
        """Close, and tell what was chosen."""
        item = self.list.currentItem()
        if item is not None and not item.isHidden():
            super().accept()
            self.chosen.emit(Path(item.data(_PATH)))

    def _narrow(self, text: str) -> None:
        items = [self.list.item(row) for row in range(self.list.count())]
        for item in items:
            item.setHidden(text.lower() not in item.text().lower())
        seen = [item for item in items if not item.isHidden()]
        if seen and self.list.currentItem() not in seen:
            self.list.setCurrentItem(seen[0])


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def _holds_pictures(folder: Path) -> bool:
    return any(one.suffix.lower() in _PICTURES and not one.name.startswith(".") for one in folder.iterdir())
