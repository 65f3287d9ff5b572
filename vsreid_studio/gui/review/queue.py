"""The list of candidates with its heading, and the search on demand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage, QPalette
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...config import ReidConfig
from ...engine.events import Retrieval
from ...engine.types import CellKey
from ...project import Instance
from ..widgets import Elided
from .actions import empty, frame_ranges
from .queue_model import Listed, QueueModel
from .queue_view import QueueView

_ALL = "All objects"


class CandidateList(QWidget):
    """All candidates, and 'Find again' for the selected instance.

    Attributes:
        model, view: the table.
        choice: which are listed.
        whose: the instance whose candidates are listed, or all.
        take_back: takes the rejection of the chosen track back.
        find_button: starts the search.

    Signals:
        shown (object): the CellKey of a candidate that the person chose.
        find_requested (int): this instance is to be searched for.
        thumbnail_wanted (object): the CellKey of a candidate whose picture is wanted.
        taken_back (object): the CellKeys of rejected candidates that are to be candidates again.
    """

    shown = Signal(object)
    find_requested = Signal(int)
    thumbnail_wanted = Signal(object)
    taken_back = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = QueueModel(self)
        self.view = QueueView(self.model, self)
        self._title = QLabel()
        self.choice = QComboBox()
        self.choice.setToolTip(
            "List what waits, what you rejected, or all candidates with why they are not offered"
        )
        self.choice.setAccessibleName("Candidates that are listed")
        for listed in Listed:
            self.choice.addItem("", listed)
        self.whose = QComboBox()
        self.whose.setToolTip("List the candidates of one object, or of all")
        self.whose.setAccessibleName("Object whose candidates are listed")
        self.whose.addItem(_ALL, None)
        self.take_back = QPushButton("Take back")
        self.take_back.setToolTip("Lift the rejection: the next run may propose it again")
        self.take_back.setEnabled(False)
        self.find_button = QPushButton("Find again")
        self.find_button.setToolTip("Look for the selected instance again, in the selected range of frames")
        self._scope = Elided()
        self._scope.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._instance: Instance | None = None
        row = QHBoxLayout()
        row.addWidget(self._title, 1)
        row.addWidget(self.choice)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.whose)
        layout.addWidget(self.view, 1)
        search = QHBoxLayout()
        search.addWidget(self.find_button)
        search.addWidget(self._scope, 1)
        search.addWidget(self.take_back)
        layout.addLayout(search)
        self.view.shown.connect(self.shown)
        self.model.thumbnail_wanted.connect(self.thumbnail_wanted)
        self.choice.currentIndexChanged.connect(self._show)
        self.whose.activated.connect(lambda _: self.show_only(self.whose.currentData()))
        self.take_back.clicked.connect(self._take_back)
        self.view.selectionModel().currentChanged.connect(self._offer_taking_back)
        self.find_button.clicked.connect(self._search)
        self.set_search(None, None)
        self._tell()

    @property
    def waiting(self) -> int:
        """How many proposals wait for an answer."""
        return self.model.count(Listed.WAITING)

    def set_queue(
        self,
        retrievals: Sequence[Retrieval],
        gains: Mapping[CellKey, int],
        rejected: Collection[CellKey] = (),
    ) -> None:
        """Show these candidates; the chosen one stays chosen. See `QueueModel.set_queue`."""
        self._keeping(lambda: self.model.set_queue(retrievals, gains, rejected))

    def set_instances(self, instances: Mapping[int, Instance]) -> None:
        """Their names and colours."""
        self._keeping(lambda: self.model.set_instances(instances))
        only = self.model.only if self.model.only in instances else None
        self.whose.clear()
        self.whose.addItem(_ALL, None)
        for number, one in instances.items():
            self.whose.addItem(one.name, number)
        self.show_only(only)

    def show_only(self, instance: int | None) -> None:
        """List the candidates of one instance, or with None of all."""
        self.whose.setCurrentIndex(max(0, self.whose.findData(instance)))
        if self.whose.currentData() != self.model.only:
            self._keeping(lambda: self.model.show_only(self.whose.currentData()))

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

    def _show(self) -> None:
        self._keeping(lambda: self.model.show(self.choice.currentData()))

    def _tell(self) -> None:
        counts = {listed: self.model.count(listed) for listed in Listed}
        waiting = counts[Listed.WAITING]
        self._title.setText(
            f"{waiting} {'proposal' if waiting == 1 else 'proposals'}" if waiting else "Candidates"
        )
        for place, listed in enumerate(Listed):
            self.choice.setItemText(place, listed.value.format(counts[listed]))
        self.choice.setVisible(counts[Listed.ALL] > 0)
        self.whose.setVisible(self.model.only is not None or self.model.has_several)
        rejections = self.choice.currentData() is Listed.REJECTED
        self.view.empty = empty(candidates=counts[Listed.ALL], waiting=waiting, rejections=rejections)
        self.view.viewport().update()
        self._offer_taking_back()

    def _offer_taking_back(self) -> None:
        self.take_back.setEnabled(self.model.rejected(self.view.currentIndex().row()))

    def _take_back(self) -> None:
        """The row of a track takes back all of it, an unfolded row its own frame."""
        row = self.view.currentIndex().row()
        retrieval = self.model.retrieval(row)
        if retrieval is not None and self.model.rejected(row):
            whole = self.model.is_group(row) and not self.model.unfolded(row)
            self.taken_back.emit([it.key for it in self.model.track(row)] if whole else [retrieval.key])

    def _search(self) -> None:
        if self._instance is not None:
            self.find_requested.emit(self._instance.number)
