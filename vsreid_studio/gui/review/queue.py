"""The list of candidates with its heading, and the search on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...config import ReidConfig
from ...engine.algorithm.retrieve import Retrieval
from ...engine.types import CellKey
from ...project import Instance
from ..look import quiet_label
from .queue_model import QueueModel
from .queue_view import QueueView
from .words import NO_QUEUE, NONE_OFFERED, frame_ranges


class Queue(QWidget):
    """All candidates, and 'Find again' for the selected instance.

    Attributes:
        model, view: the table.
        all_shown: lists those too that are not offered.
        find_button: starts the search.

    Signals:
        shown (object): the CellKey of a candidate that the person chose.
        find_requested (int): this instance is to be searched for.
        thumbnail_wanted (object): the CellKey of a candidate whose picture is wanted.
    """

    shown = Signal(object)
    find_requested = Signal(int)
    thumbnail_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = QueueModel(self)
        self.view = QueueView(self.model, self)
        self._title = QLabel()
        self.all_shown = QCheckBox()
        self.all_shown.setToolTip("Also list candidates that are not offered, and why")
        self.find_button = QPushButton("Find again")
        self.find_button.setToolTip("Look for the selected instance again, in the selected range of frames")
        self._scope = quiet_label()
        self._instance: Instance | None = None
        row = QHBoxLayout()
        row.addWidget(self._title, 1)
        row.addWidget(self.all_shown)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        search = QHBoxLayout()
        search.addWidget(self.find_button)
        search.addWidget(self._scope, 1)
        layout.addLayout(search)
        self.view.shown.connect(self.shown)
        self.model.thumbnail_wanted.connect(self.thumbnail_wanted)
        self.all_shown.toggled.connect(self._show_all)
        self.find_button.clicked.connect(self._search)
        self.set_search(None, None)
        self._tell()

    def set_queue(self, retrievals: Sequence[Retrieval], gains: Mapping[CellKey, int]) -> None:
        """Show these candidates; the chosen one stays chosen."""
        self._keeping(lambda: self.model.set_queue(retrievals, gains))

    def set_instances(self, instances: Mapping[int, Instance]) -> None:
        """Their names and colours."""
        self._keeping(lambda: self.model.set_instances(instances))

    def set_thresholds(self, thresholds: ReidConfig) -> None:
        """The figures that the reasons name."""
        self._keeping(lambda: self.model.set_thresholds(thresholds))

    def set_thumbnail(self, key: CellKey, image: QImage) -> None:
        """The picture of a candidate."""
        self.model.set_thumbnail(key, image)

    def set_search(self, instance: Instance | None, frames: range | None) -> None:
        """What 'Find again' would search for.

        Args:
            instance: None disables the search.
            frames: where, None for the whole video.
        """
        self._instance = instance
        name = "Select an instance first." if instance is None else instance.name
        where = "whole video" if frames is None else f"frames {frame_ranges(frames)}"
        self._scope.setText(name if instance is None else f"{name}, {where}")
        self.find_button.setAccessibleDescription(self._scope.text())
        self.find_button.setEnabled(instance is not None)

    def _keeping(self, act: Callable[[], None]) -> None:
        """Do what empties the table's selection, and choose the same candidate again."""
        retrieval = self.model.retrieval(self.view.currentIndex().row())
        act()
        self.view.choose(None if retrieval is None else retrieval.key)
        self._tell()

    def _show_all(self, shown: bool) -> None:
        self._keeping(lambda: self.model.show_all(shown))

    def _tell(self) -> None:
        waiting, withheld = self.model.waiting(), self.model.withheld
        self._title.setText(f"{waiting} waiting" if waiting else "Candidates")
        self.all_shown.setText(f"Show the {withheld} not offered")
        self.all_shown.setVisible(withheld > 0)
        self.view.empty = NONE_OFFERED if withheld else NO_QUEUE
        self.view.viewport().update()

    def _search(self) -> None:
        if self._instance is not None:
            self.find_requested.emit(self._instance.number)
