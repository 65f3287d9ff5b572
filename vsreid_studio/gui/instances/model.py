"""The instances as Qt's views read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeAlias

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from ...project import Instance

Index: TypeAlias = QModelIndex | QPersistentModelIndex

MIME = "application/x-vsreid-instance"
"""Form of a dragged row: the instance's number in decimal digits."""


class Role(IntEnum):
    """What the delegate asks for beside the name."""

    INSTANCE = Qt.ItemDataRole.UserRole + 1
    COUNT = Qt.ItemDataRole.UserRole + 2


class InstanceModel(QAbstractListModel):
    """One row an instance, in the order in which they are listed.

    It changes nothing itself: an edit becomes a signal, and the new state comes back by `set_instances`.

    Signals:
        renamed (int, str): a name was typed for this instance.
    """

    renamed = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._instances: list[Instance] = []
        self._counts: Mapping[int, str] = {}
        self._classes: Mapping[int, str] = {}

    def set_instances(self, instances: Mapping[int, Instance]) -> bool:
        """Show these, by their `order`.

        Returns:
            whether rows came, went or moved, so that the view's selection is lost.
        """
        listed = sorted(instances.values(), key=lambda it: (it.order, it.number))
        if [it.number for it in listed] != [it.number for it in self._instances]:
            self.beginResetModel()
            self._instances = listed
            self.endResetModel()
            return True
        old, self._instances = self._instances, listed
        self._tell([row for row, pair in enumerate(zip(old, listed, strict=True)) if pair[0] != pair[1]])
        return False

    def set_counts(self, counts: Mapping[int, str]) -> None:
        """Set what is shown for each instance, e.g. '120 masks, 3 checkpoints'."""
        old, self._counts = self._counts, dict(counts)
        self._tell([row for row, n in enumerate(self.numbers) if old.get(n) != self._counts.get(n)])

    def set_classes(self, classes: Mapping[int, str]) -> None:
        """Set the names of the classes by number."""
        old, self._classes = self._classes, dict(classes)
        if old != self._classes:
            self._tell(range(len(self._instances)))

    def class_of(self, instance: Instance) -> str:
        """The name of an instance's class; empty where it has none."""
        return self._classes.get(-1 if instance.category is None else instance.category, "")

    @property
    def numbers(self) -> list[int]:
        """Of the instances, as listed."""
        return [instance.number for instance in self._instances]

    def row_of(self, number: int) -> int | None:
        """Where an instance is listed, None where it is not."""
        return self.numbers.index(number) if number in self.numbers else None

    def instance(self, index: Index) -> Instance | None:
        """The one in a row; None for no row."""
        return self._instances[index.row()] if index.isValid() else None

    def count(self, number: int) -> str:
        """What the instance has, in words; empty when that is not known."""
        return self._counts.get(number, "")

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        """How many instances there are."""
        return 0 if parent.isValid() else len(self._instances)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The name, the record, or words for a screen reader."""
        instance = self.instance(index)
        if instance is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return instance.name
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(instance)
            case Role.INSTANCE:
                return instance
            case Role.COUNT:
                return " · ".join(it for it in (self.class_of(instance), self.count(instance.number)) if it)
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for another name; one that is blank or the same asks for nothing."""
        instance = self.instance(index)
        name = str(value).strip()
        if instance is None or role != Qt.ItemDataRole.EditRole or not name or name == instance.name:
            return False
        self.renamed.emit(instance.number, name)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be renamed and dragged; dropped only between rows."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled

    def supportedDropActions(self) -> Qt.DropAction:
        """Rows are moved, never copied."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """Only rows of such a list can be dropped."""
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The dragged row: the first one of several."""
        mime = QMimeData()
        instance = self.instance(indexes[0]) if indexes else None
        if instance is not None:
            mime.setData(MIME, str(instance.number).encode())
        return mime

    def _tell(self, rows: Sequence[int]) -> None:
        for row in rows:
            self.dataChanged.emit(self.index(row), self.index(row))

    def _spoken(self, instance: Instance) -> str:
        named = self.class_of(instance)
        parts = [f"{instance.name}, instance {instance.number}", f"class {named}" if named else ""]
        parts.append(self.count(instance.number))
        parts += ["hidden"] * instance.hidden + ["locked"] * instance.locked
        return ", ".join(part for part in parts if part)
