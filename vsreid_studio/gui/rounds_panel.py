"""Rounds in the window: what each changed, two of them compared, and the way back to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from ..project import Instance
from ..project.history import StepKind
from ..project.undo import RoundRecord
from .theme import quiet_label

_NONE = "No rounds yet. Each run and each answer is listed here, with what it changed."
_HINT = "Compare shows the masks before and after a round, or after each of two chosen ones."
_ROLE = Qt.ItemDataRole.UserRole
_KINDS = {StepKind.RUN: "Run", StepKind.ANSWER: "Answer", StepKind.EDIT: "Edit"}


class Side(IntEnum):
    """What a comparison shows: a place of the wipe in percent of the picture's width."""

    AFTER = 0
    HALF = 50
    BEFORE = 100


class RoundPanel(QWidget):
    """The list of rounds, the newest first.

    Attributes:
        entries: the list.
        edits: whether edits are listed, too.
        compare: starts and ends a comparison.
        wipe: how much of the picture, from the left, shows the masks from before.
        back: goes back to the chosen round.

    Signals:
        compare_requested (int, int): show the masks after these two steps, 0 for before the first.
        compare_left (): show what is there again.
        wiped (int): in percent.
        back_requested (object): the `RoundRecord` to go back to.
    """

    compare_requested = Signal(int, int)
    compare_left = Signal()
    wiped = Signal(int)
    back_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rounds: Sequence[RoundRecord] = ()
        self._instances: Mapping[int, Instance] = {}
        self._scores: Mapping[int, float] = {}
        self.entries = QListWidget()
        self.entries.setAccessibleName("Rounds")
        self.entries.setWordWrap(True)
        self.entries.setSpacing(2)
        self.entries.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.entries.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.edits = QCheckBox("Show edits")
        self.compare = QPushButton("Compare")
        self.compare.setCheckable(True)
        self.compare.setToolTip(_HINT)
        self.back = QPushButton("Go back")
        self.back.setToolTip("Make everything as it was after this round; a step that can be undone")
        self.wipe = QSlider(Qt.Orientation.Horizontal)
        self.wipe.setRange(Side.AFTER, Side.BEFORE)
        self.wipe.setValue(Side.HALF)
        self.wipe.setAccessibleName("Share of the picture that shows the masks from before")
        self.before, self.after = QPushButton("Before"), QPushButton("After")
        self._none = quiet_label(_NONE)
        self._lay_out()
        self.entries.itemSelectionChanged.connect(self._enable)
        self.edits.toggled.connect(lambda _: self._list())
        self.compare.toggled.connect(self._compare)
        self.wipe.valueChanged.connect(self.wiped)
        self.before.clicked.connect(lambda: self.wipe.setValue(Side.BEFORE))
        self.after.clicked.connect(lambda: self.wipe.setValue(Side.AFTER))
        self.back.clicked.connect(self._go_back)
        self._list()

    def put(self, rounds: Sequence[RoundRecord], instances: Mapping[int, Instance]) -> None:
        """Show these, the oldest first."""
        self._rounds, self._instances = rounds, instances
        self._list()

    def put_scores(self, scores: Mapping[int, float]) -> None:
        """J&F after each round, by number; of some it may not be known."""
        self._scores = scores
        self._list()

    def leave(self) -> None:
        """Show that nothing is compared; no signal."""
        blocked = self.compare.blockSignals(True)
        self.compare.setChecked(False)
        self.compare.blockSignals(blocked)
        self._enable()

    def chosen(self) -> list[RoundRecord]:
        """The rounds that are chosen, the oldest first."""
        found = [item.data(_ROLE) for item in self.entries.selectedItems()]
        return sorted(found, key=lambda one: one.number)

    def describe(self, one: RoundRecord) -> str:
        """A round in words."""
        made = one.made.astimezone().strftime(" · %H:%M") if one.made is not None else ""
        title = f"{_KINDS[one.kind]}: {one.label}{made}"
        names = [self._instances[k].name for k in one.instances if k in self._instances]
        what = "no masks"
        if one.cells:
            where = f"frame {one.first}" if one.first == one.last else f"frames {one.first}–{one.last}"
            what = f"{one.cells} {'mask' if one.cells == 1 else 'masks'} in {where}"
        score = ""
        if one.number in self._scores:
            score = f" · J&F {self._scores[one.number]:.3f}"
            before = self._scores.get(self._before(one))
            if before is not None:
                score += f" ({self._scores[one.number] - before:+.3f})"
        return f"{title}\n{what}{' of ' + ', '.join(names) if names else ''}{score}"

    def _before(self, one: RoundRecord) -> int:
        """The step right before a round; 0 for none."""
        return max((other.number for other in self._rounds if other.number < one.number), default=0)

    def _list(self) -> None:
        chosen = {one.number for one in self.chosen()}
        self.entries.clear()
        for one in reversed(self._rounds):
            if one.kind is StepKind.EDIT and not self.edits.isChecked():
                continue
            item = QListWidgetItem(self.describe(one))
            item.setData(_ROLE, one)
            self.entries.addItem(item)
            item.setSelected(one.number in chosen)
        self._none.setVisible(self.entries.count() == 0)
        self._enable()

    def _enable(self) -> None:
        count, comparing = len(self.chosen()), self.compare.isChecked()
        self.compare.setEnabled(comparing or 1 <= count <= 2)
        self.compare.setText("End comparison" if comparing else "Compare")
        self.back.setEnabled(count == 1)
        for widget in (self.wipe, self.before, self.after):
            widget.setEnabled(comparing)

    def _compare(self, on: bool) -> None:
        chosen = self.chosen()
        if on and chosen:
            first = self._before(chosen[0]) if len(chosen) == 1 else chosen[0].number
            self.compare_requested.emit(first, chosen[-1].number)
        elif not on:
            self.compare_left.emit()
        self._enable()

    def _go_back(self) -> None:
        chosen = self.chosen()
        if len(chosen) == 1:
            self.back_requested.emit(chosen[0])

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._none)
        layout.addWidget(self.entries, 1)
        row = QHBoxLayout()
        for widget in (self.compare, self.back, self.edits):
            row.addWidget(widget)
        row.addStretch(1)
        layout.addLayout(row)
        sides = QHBoxLayout()
        sides.addWidget(self.before)
        sides.addWidget(self.wipe, 1)
        sides.addWidget(self.after)
        layout.addLayout(sides)
