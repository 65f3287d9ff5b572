"""The candidates as Qt's views read them: sorted, and with thumbnails that are asked for when seen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum, IntEnum
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
from ...engine.events import Retrieval
from ...engine.types import Box, CellKey
from ...project import Instance
from ...project.tracks import best, proposal_tracks
from ..theme import tip as as_tip
from .actions import figure, frame_ranges, why_not

Index: TypeAlias = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """Of the table."""

    CANDIDATE = 0
    FRAME = 1
    SIMILARITY = 2
    GAIN = 3


class Listed(Enum):
    """Which candidates are listed; the value heads the choice, with their number."""

    WAITING = "{} waiting"
    REJECTED = "{} rejected"
    ALL = "All {}"


class CandidateRole(IntEnum):
    """What the delegate asks for beside the texts."""

    RETRIEVAL = Qt.ItemDataRole.UserRole + 1
    INSTANCE = Qt.ItemDataRole.UserRole + 2


_TITLES = {
    Column.CANDIDATE: ("Candidate", "What was found, and why it is not offered"),
    Column.FRAME: ("Frame", "Where it was found"),
    Column.SIMILARITY: ("Similarity", "How similar it is to the known appearance of the instance"),
    Column.GAIN: ("Gain", "How many frames get a new mask when it is accepted"),
}


class QueueModel(QAbstractTableModel):
    """One row for each track: its best candidate, which unfolds to one row for each frame.

    Attributes:
        thresholds: the figures that the reasons name.
        only: the instance whose candidates are listed, None for all.

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
        self._listed = Listed.WAITING
        self.only: int | None = None
        self._rejected: frozenset[CellKey] = frozenset()
        self._heads: set[CellKey] = set()
        self._tracks: dict[CellKey, tuple[Retrieval, ...]] = {}
        self._unfolded: set[CellKey] = set()
        self._readers: dict[int, Callable[[Retrieval, Column], Any]] = {
            CandidateRole.RETRIEVAL: lambda retrieval, _: retrieval,
            CandidateRole.INSTANCE: lambda retrieval, _: self._instances.get(retrieval.instance),
            Qt.ItemDataRole.DisplayRole: self._text,
            Qt.ItemDataRole.AccessibleTextRole: self._spoken,
            Qt.ItemDataRole.ToolTipRole: self._tip,
            Qt.ItemDataRole.DecorationRole: self._picture,
        }
        # Views ask for data while they paint, which is no time to let others act.
        self._later = QTimer(self, interval=0, singleShot=True)
        self._later.timeout.connect(self._ask)

    def set_queue(
        self,
        retrievals: Sequence[Retrieval],
        gains: Mapping[CellKey, int],
        rejected: Collection[CellKey] = (),
    ) -> None:
        """Show these candidates.

        Args:
            gains: frames that accepting one would overwrite; others are left out.
            rejected: cells among them that a person rejected.
        """
        self._all, self._gains, self._rejected = list(retrievals), dict(gains), frozenset(rejected)
        keys = {it.key for it in self._all}
        self._pictures = {key: value for key, value in self._pictures.items() if key in keys}
        self._asked = {key: box for key, box in self._asked.items() if key in keys}
        self._unfolded &= keys
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

    def show(self, listed: Listed) -> None:
        """Choose which candidates to list."""
        self._listed = listed
        self._arrange()

    def show_only(self, instance: int | None) -> None:
        """Choose whose candidates to list."""
        self.only = instance
        self._arrange()

    @property
    def has_several(self) -> bool:
        """Whether there are candidates of more than one instance."""
        return len({it.instance for it in self._all}) > 1

    def count(self, listed: Listed) -> int:
        """How many tracks a choice lists."""
        return len(proposal_tracks(self._chosen(listed)))

    def waiting(self, similarity: float = -1) -> int:
        """How many candidates are offered, at or above a similarity."""
        return sum(it.reason is None and it.similarity >= similarity for it in self._all)

    def track(self, row: int) -> tuple[Retrieval, ...]:
        """The candidates of the track that a row belongs to."""
        retrieval = self.retrieval(row)
        return () if retrieval is None else self._tracks[retrieval.key]

    def rejected(self, row: int) -> bool:
        """Whether a person rejected the candidate of a row."""
        retrieval = self.retrieval(row)
        return retrieval is not None and retrieval.key in self._rejected

    def is_group(self, row: int) -> bool:
        """Whether a row represents several candidates."""
        retrieval = self.retrieval(row)
        return retrieval is not None and retrieval.key in self._heads and len(self.track(row)) > 1

    def unfolded(self, row: int) -> bool:
        """Whether the candidates of a track have rows of their own."""
        retrieval = self.retrieval(row)
        return retrieval is not None and retrieval.key in self._unfolded

    def unfold(self, row: int, on: bool) -> None:
        """Give each candidate of a track a row of its own, or take those rows away."""
        retrieval = self.retrieval(row)
        if retrieval is None or not self.is_group(row) or on == self.unfolded(row):
            return
        self._unfolded ^= {retrieval.key}
        self._arrange()

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
                    return as_tip(tip)
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
        grouped = {best(track): track for track in proposal_tracks(self._chosen(self._listed))}
        down = self._order == Qt.SortOrder.DescendingOrder
        # Two stable sorts: offered ones first, whichever way the column runs.
        heads = sorted(sorted(grouped, key=self._rank, reverse=down), key=lambda it: it.reason is not None)
        self._heads = {it.key for it in heads}
        self._tracks = {one.key: track for track in grouped.values() for one in track}
        self._shown = []
        for head in heads:
            self._shown.append(head)
            if head.key in self._unfolded:
                self._shown += [it for it in grouped[head] if it is not head]
        self.endResetModel()

    def _chosen(self, listed: Listed) -> list[Retrieval]:
        them = self._all if self.only is None else [it for it in self._all if it.instance == self.only]
        match listed:
            case Listed.WAITING:
                return [it for it in them if it.reason is None and it.key not in self._rejected]
            case Listed.REJECTED:
                return [it for it in them if it.key in self._rejected]
            case Listed.ALL:
                return them

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
        track = self._tracks.get(retrieval.key, ())
        head = retrieval.key in self._heads and len(track) > 1
        frames = f"{track[0].frame}–{track[-1].frame}" if head else str(retrieval.frame)
        figures = frames, figure(retrieval.similarity), "" if gain is None else str(gain)
        sign = ("▾ " if retrieval.key in self._unfolded else "▸ ") if head else ""
        return (sign + self._name(retrieval), *figures)[column]

    def explanation(self, row: int) -> str:
        """Why a row's candidate is not offered, or that it waits; and for how many it stands."""
        retrieval = self.retrieval(row)
        if retrieval is None:
            return ""
        why = "Rejected" if retrieval.key in self._rejected else why_not(retrieval.reason, self.thresholds)
        return f"{why}, {len(self.track(row))} frames" if self.is_group(row) else why

    def _spoken(self, retrieval: Retrieval, column: Column) -> str:
        if column is not Column.CANDIDATE:
            return self._text(retrieval, column)
        row = self.row_of(retrieval.key)
        return f"{self._name(retrieval)}, {self.explanation(row if row is not None else -1)}"

    def _tip(self, retrieval: Retrieval, column: Column) -> str:
        track = self._tracks.get(retrieval.key, (retrieval,))
        reason = why_not(retrieval.reason, self.thresholds)
        tip = f"{self._name(retrieval)}, frame {retrieval.frame}: {reason[0].lower()}{reason[1:]}"
        if retrieval.key in self._heads and len(track) > 1:
            tip += f"\nStands for {frame_ranges([it.frame for it in track])}; double-click or Right unfolds."
        return tip

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
