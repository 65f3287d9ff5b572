"""The list of classes, where it is written, imported and exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .. import dialogs
from ..theme import quiet_label

FILTER = "Lists of classes (*.txt *.json);;All files (*)"
_NUMBER = Qt.ItemDataRole.UserRole + 1


class ClassDialog(QDialog):
    """Shows the classes of the project and asks for what is to become of them; changes nothing itself.

    Attributes:
        list: a class in each row; F2 or a double click renames.
        name: takes the name of a new class.
        add, remove, take, give: the buttons; to import is to take, to export to give.

    Signals:
        added (str): a class is wanted.
        renamed (int, str): the class of a number gets another name.
        removed (int): it is to go.
        import_requested (object), export_requested (object): from or to a file's Path.
    """

    added = Signal(str)
    renamed = Signal(int, str)
    removed = Signal(int)
    import_requested = Signal(object)
    export_requested = Signal(object)

    def __init__(self, classes: Mapping[int, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Classes")
        self._quiet = False
        self.list = QListWidget()
        self.list.setAccessibleName("Classes")
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of a new class")
        self.name.setAccessibleName("Name of a new class")
        self.add, self.remove = QPushButton("Add"), QPushButton("Remove")
        self.take, self.give = QPushButton("Import …"), QPushButton("Export …")
        self.take.setToolTip("Add the classes of a text file (a name a line) or of COCO JSON (categories)")
        self.give.setToolTip("Write the list as text (.txt) or as COCO JSON (.json)")
        for button, what in (
            (self.add, "Add a class"),
            (self.remove, "Remove the class"),
            (self.take, "Import a list of classes"),
            (self.give, "Export the list of classes"),
        ):
            button.setAutoDefault(False)
            button.setAccessibleName(what)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        # Return in the line adds a class.
        close.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.name, 1)
        top.addWidget(self.add)
        for button in (self.remove, self.take, self.give):
            foot.addWidget(button)
        foot.addStretch(1)
        foot.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addWidget(quiet_label("Exports use a class as the category of its instances."))
        layout.addLayout(top)
        layout.addWidget(self.list, 1)
        layout.addLayout(foot)
        line = self.fontMetrics().height()
        self.resize(28 * line, 24 * line)
        self.name.returnPressed.connect(self._add)
        self.add.clicked.connect(self._add)
        self.remove.clicked.connect(self._remove)
        self.take.clicked.connect(self._ask_import)
        self.give.clicked.connect(self._ask_export)
        self.list.itemChanged.connect(self._rename)
        self.list.currentItemChanged.connect(self._refresh)
        self.set_classes(classes)

    def set_classes(self, classes: Mapping[int, str]) -> None:
        """Show these; the chosen one stays chosen as long as it is there."""
        chosen = self._chosen()
        with self._quietly():
            self.list.clear()
            for number, name in classes.items():
                item = QListWidgetItem(name)
                item.setData(_NUMBER, number)
                item.setToolTip(f"Category {number}")
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                self.list.addItem(item)
                if number == chosen:
                    self.list.setCurrentItem(item)
        self._refresh()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _chosen(self) -> int | None:
        item = self.list.currentItem()
        return None if item is None else int(item.data(_NUMBER))

    def _refresh(self) -> None:
        self.remove.setEnabled(self._chosen() is not None)
        self.give.setEnabled(self.list.count() > 0)

    def _add(self) -> None:
        if self.name.text().strip():
            self.added.emit(self.name.text())
            self.name.clear()
        self.name.setFocus()

    def _remove(self) -> None:
        number = self._chosen()
        if number is not None:
            self.removed.emit(number)

    def _rename(self, item: QListWidgetItem) -> None:
        if not self._quiet:
            self.renamed.emit(int(item.data(_NUMBER)), item.text())

    def _ask_import(self) -> None:
        dialogs.ask_file(self, "Import a list of classes", FILTER, None, self._import)

    def _import(self, path: Path) -> bool:
        self.import_requested.emit(path)
        return True

    def _ask_export(self) -> None:
        dialogs.ask_target(self, "Export the list of classes", FILTER, None, self._export)

    def _export(self, path: Path) -> bool:
        self.export_requested.emit(path)
        return True
