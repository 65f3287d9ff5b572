"""The clips, and what is to be looked at in all of them, as Qt's views read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from ..project.summary import ClipState, Open, Summary
from .clip_scanner import ClipFound, ListedClip

Index: TypeAlias = QModelIndex | QPersistentModelIndex
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ROOT = QModelIndex()
_BOLD = QFont()
_BOLD.setBold(True)


class ClipRole(IntEnum):
    """What others ask of a row beside its texts."""

    CLIP = Qt.ItemDataRole.UserRole + 1
    PLACE = Qt.ItemDataRole.UserRole + 2


@dataclass(frozen=True, slots=True)
class Place:
    """Something to be looked at, and in which clip.

    Attributes:
        clip: the clip.
        open: what and where.
    """

    clip: ListedClip
    open: Open


class _TitledTable(QAbstractTableModel):
    """A table whose columns have fixed titles."""

    TITLES: ClassVar[tuple[str, ...]]

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Number of facts shown of each."""
        return 0 if parent.isValid() else len(self.TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The titles of the columns."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.TITLES[section]
        return None


class ClipModel(_TitledTable):
    """One row a clip: its name and how far it is."""

    TITLES = ("Clip", "State")

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clips: list[ListedClip] = []
        self._rows: dict[ListedClip, int] = {}
        self._found: dict[ListedClip, ClipFound] = {}
        self._current: ListedClip | None = None

    @property
    def clips(self) -> Sequence[ListedClip]:
        """All, as listed."""
        return self._clips

    @property
    def current(self) -> ListedClip | None:
        """The one that is open."""
        return self._current

    def set_clips(self, clips: Sequence[ListedClip]) -> None:
        """List these; nothing is known of them yet."""
        self.beginResetModel()
        self._clips, self._found, self._current = list(clips), {}, None
        self._rows = {clip: row for row, clip in enumerate(self._clips)}
        self.endResetModel()

    def put(self, found: ClipFound) -> None:
        """Take what was found of a clip."""
        row = self._rows.get(found.clip)
        if row is not None:
            self._found[found.clip] = found
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.TITLES) - 1))

    def set_current(self, clip: ListedClip | None) -> None:
        """Show which one is open."""
        before, self._current = self._current, clip
        for one in {before, clip} - {None}:
            row = self._rows.get(one) if one is not None else None
            if row is not None:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.TITLES) - 1))

    def summary(self, clip: ListedClip) -> Summary | None:
        """What is known of a clip's project."""
        found = self._found.get(clip)
        return found.summary if found is not None else None

    def state(self, clip: ListedClip) -> str:
        """How far a clip is, in words; empty while it was not looked at."""
        found = self._found.get(clip)
        if found is None:
            return ""
        if found.summary is None:
            return "cannot be read" if found.trouble else ClipState.NOTHING.value
        summary = found.summary
        if summary.open:
            told = ((summary.waiting, "waiting"), (summary.doubtful, "doubtful"))
            return ", ".join(f"{count} {word}" for count, word in told if count)
        if summary.state is ClipState.PROPAGATED and summary.share < 1:
            return f"propagated, {100 * summary.share:.0f} %"
        return summary.state.value

    def places(self) -> list[Place]:
        """What is to be looked at in all clips: proposals by falling similarity, then doubtful masks."""
        found = [
            Place(clip, one)
            for clip in self._clips
            if (summary := self.summary(clip)) is not None
            for one in summary.open
        ]
        return sorted(found, key=lambda it: (not it.open.waiting, -it.open.weight))

    def rowCount(self, parent: Index = _ROOT) -> int:
        """How many clips there are."""
        return 0 if parent.isValid() else len(self._clips)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, the clip, or words for a screen reader."""
        clip = self._clips[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(clip, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                found = self._found.get(clip)
                return "\n".join(it for it in (str(clip.path), found.trouble if found else "") if it)
            case Qt.ItemDataRole.FontRole if clip == self._current:
                return _BOLD
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(clip)
        return clip if role == ClipRole.CLIP else None

    def _spoken(self, clip: ListedClip) -> str:
        texts = (self._text(clip, column) for column in range(len(self.TITLES)))
        told = [f"{title}: {text}" for title, text in zip(self.TITLES, texts, strict=True) if text]
        return ", ".join([*told, *(["open"] if clip == self._current else [])])

    def _text(self, clip: ListedClip, column: int) -> str:
        return self.state(clip) if column else clip.name


class PlaceModel(_TitledTable):
    """One row for each proposal that waits and each doubtful stretch of all clips."""

    TITLES = ("Clip", "Instance", "Frame", "What")

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._places: list[Place] = []

    @property
    def places(self) -> Sequence[Place]:
        """All, as listed."""
        return self._places

    def set_places(self, places: Sequence[Place]) -> None:
        """List these."""
        if list(places) == self._places:
            return
        self.beginResetModel()
        self._places = list(places)
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        """How many places there are."""
        return 0 if parent.isValid() else len(self._places)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, or the place."""
        place = self._places[index.row()]
        texts = (place.clip.name, place.open.name, str(place.open.frame), place.open.text)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return texts[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return place.open.text
            case Qt.ItemDataRole.TextAlignmentRole if index.column() == 2:
                return _RIGHT
            case Qt.ItemDataRole.AccessibleTextRole:
                clip, name, frame, text = texts
                return f"{clip}, {name}, frame {frame}: {text}"
            case ClipRole.PLACE:
                return place
        return None
