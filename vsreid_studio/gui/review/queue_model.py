"""The candidates as Qt's views read them: sorted, and with thumbnails that are asked for when seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeAlias

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QImage

from ...config import ReidConfig
from ...engine.algorithm.retrieve import Retrieval
from ...engine.types import Box, CellKey
from ...project import Instance
from .words import figure, why_not

Index: TypeAlias = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """Of the table."""

    CANDIDATE = 0
    FRAME = 1
    SIMILARITY = 2
    GAIN = 3


class Role(IntEnum):
    """What the delegate asks for beside the texts."""

    RETRIEVAL = Qt.ItemDataRole.UserRole + 1
    INSTANCE = Qt.ItemDataRole.UserRole + 2


_TITLES = {
    Column.CANDIDATE: ("Candidate", "What was found, and why it is not offered"),
    Column.FRAME: ("Frame", "Where it was found"),
    Column.SIMILARITY: ("Similar", "Cosine to what is known of the instance"),
    Column.GAIN: ("Gain", "How many frames get a new mask when it is accepted"),
}


class QueueModel(QAbstractTableModel):
    """One row a candidate.

    Signals:
        thumbnail_wanted (object): the CellKey of a row that is seen and has no thumbnail yet.
    """

    thumbnail_wanted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.thresholds = ReidConfig()
        self._all: list[Retrieval] = []
        self._shown: list[Retrieval] = []
        self._gains: Mapping[CellKey, int] = {}
        self._instances: Mapping[int, Instance] = {}
        self._pictures: dict[CellKey, tuple[Box, QImage]] = {}
        self._wanted: dict[CellKey, Box] = {}
        self._asked: dict[CellKey, Box] = {}
        self._column, self._order = Column.SIMILARITY, Qt.SortOrder.DescendingOrder
        self._all_shown = False
        self._readers: dict[int, Callable[[Retrieval, Column], Any]] = {
            Role.RETRIEVAL: lambda retrieval, _: retrieval,
            Role.INSTANCE: lambda retrieval, _: self._instances.get(retrieval.instance),
            Qt.ItemDataRole.DisplayRole: self._text,
            Qt.ItemDataRole.AccessibleTextRole: self._spoken,
            Qt.ItemDataRole.ToolTipRole: self._tip,
            Qt.ItemDataRole.DecorationRole: self._picture,
        }
        # Views ask for data while they paint, which is no time to let others act.
        self._later = QTimer(self, interval=0, singleShot=True)
        self._later.timeout.connect(self._ask)

    def set_queue(self, retrievals: Sequence[Retrieval], gains: Mapping[CellKey, int]) -> None:
        """Show these candidates.

        Args:
            gains: frames that accepting one would overwrite; those without are not told.
        """
        self._all, self._gains = list(retrievals), dict(gains)
        keys = {it.key for it in self._all}
        self._pictures = {key: value for key, value in self._pictures.items() if key in keys}
        self._asked = {key: box for key, box in self._asked.items() if key in keys}
        self._arrange()

    def set_instances(self, instances: Mapping[int, Instance]) -> None:
        """Their names and colours."""
        self._instances = dict(instances)
        self._arrange()

    def set_thresholds(self, thresholds: ReidConfig) -> None:
        """The figures that the reasons name."""
        if thresholds != self.thresholds:
            self.thresholds = thresholds
            self._arrange()

    def set_thumbnail(self, key: CellKey, image: QImage) -> None:
        """The picture of a candidate, as it was wanted."""
        for row, retrieval in enumerate(self._shown):
            if retrieval.key == key:
                self._pictures[key] = self._asked.get(key, retrieval.box), image
                self.dataChanged.emit(self.index(row, 0), self.index(row, 0))

    def show_all(self, shown: bool) -> None:
        """Whether to list those too that are not offered."""
        self._all_shown = shown
        self._arrange()

    def waiting(self, similarity: float = -1) -> int:
        """How many are offered, at or above a similarity."""
        return sum(it.reason is None and it.similarity >= similarity for it in self._all)

    @property
    def withheld(self) -> int:
        """How many are not offered."""
        return len(self._all) - self.waiting()

    def retrieval(self, row: int) -> Retrieval | None:
        """The candidate of a row."""
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def row_of(self, key: CellKey | None) -> int | None:
        """Where a candidate is listed, None where it is not."""
        return next((row for row, it in enumerate(self._shown) if it.key == key), None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        """How many are listed."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Always the same."""
        return 0 if parent.isValid() else len(Column)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles and what they mean."""
        if orientation == Qt.Orientation.Horizontal:
            title, tip = _TITLES[Column(section)]
            match role:
                case Qt.ItemDataRole.DisplayRole:
                    return title
                case Qt.ItemDataRole.ToolTipRole:
                    return tip
                case Qt.ItemDataRole.TextAlignmentRole:
                    side = Qt.AlignmentFlag.AlignHCenter if section else Qt.AlignmentFlag.AlignLeft
                    return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The figures; the first column is painted from the records."""
        retrieval = self.retrieval(index.row())
        if retrieval is None:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() != Column.CANDIDATE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        read = self._readers.get(role)
        return None if read is None else read(retrieval, Column(index.column()))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """List by another column; those that are offered always come first."""
        self._column, self._order = Column(column), order
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        listed = self._all if self._all_shown else [it for it in self._all if it.reason is None]
        down = self._order == Qt.SortOrder.DescendingOrder
        # Two stable sorts: offered ones first, whichever way the column runs.
        self._shown = sorted(
            sorted(listed, key=self._rank, reverse=down), key=lambda it: it.reason is not None
        )
        self.endResetModel()

    def _rank(self, retrieval: Retrieval) -> float:
        match self._column:
            case Column.CANDIDATE:
                return retrieval.instance
            case Column.FRAME:
                return retrieval.frame
            case Column.SIMILARITY:
                return retrieval.similarity
            case Column.GAIN:
                return self._gains.get(retrieval.key, -1)

    def _name(self, retrieval: Retrieval) -> str:
        instance = self._instances.get(retrieval.instance)
        return f"instance {retrieval.instance}" if instance is None else instance.name

    def _text(self, retrieval: Retrieval, column: Column) -> str:
        gain = self._gains.get(retrieval.key)
        figures = str(retrieval.frame), figure(retrieval.similarity), "" if gain is None else str(gain)
        return (self._name(retrieval), *figures)[column]

    def _spoken(self, retrieval: Retrieval, column: Column) -> str:
        if column is not Column.CANDIDATE:
            return self._text(retrieval, column)
        return f"{self._name(retrieval)}, {why_not(retrieval.reason, self.thresholds)}"

    def _tip(self, retrieval: Retrieval, column: Column) -> str:
        reason = why_not(retrieval.reason, self.thresholds)
        return f"{self._name(retrieval)}, frame {retrieval.frame}: {reason[0].lower()}{reason[1:]}"

    def _picture(self, retrieval: Retrieval, column: Column) -> QImage | None:
        if column is not Column.CANDIDATE:
            return None
        box, image = self._pictures.get(retrieval.key, (None, None))
        if box != retrieval.box and self._asked.get(retrieval.key) != retrieval.box:
            self._wanted[retrieval.key] = retrieval.box
            self._later.start()
        return image

    def _ask(self) -> None:
        wanted, self._wanted = self._wanted, {}
        self._asked |= wanted
        for key in wanted:
            self.thumbnail_wanted.emit(key)
