"""Dialogs of the instances: the list of classes, and a question asked inside the panel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...formats.classes import plain
from .. import widgets
from ..theme import quiet_label, shortened
from ..widgets import NumberBox

HINT = "Exports use a class as the category of its instances."
FILTER = "Lists of classes (*.txt *.json);;All files (*)"
_NUMBER = Qt.ItemDataRole.UserRole + 1


class ClassDialog(QDialog):
    """Shows the classes of the project and asks for what is to become of them; changes nothing itself.

    Attributes:
        list: a class in each row; F2 or a double click renames.
        name: takes the name of a new class.
        told: what classes are for, or why something was not done.
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
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of a new class")
        self.name.setAccessibleName("Name of a new class")
        self.told = quiet_label(HINT)
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
        layout.addWidget(self.told)
        layout.addLayout(top)
        layout.addWidget(self.list, 1)
        layout.addLayout(foot)
        line = self.fontMetrics().height()
        self.resize(28 * line, 24 * line)
        self.name.textEdited.connect(lambda _: self.tell(HINT))
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
        shown = [self.list.item(row) for row in range(self.list.count())]
        if [(int(item.data(_NUMBER)), item.text()) for item in shown] == list(classes.items()):
            # A name that is being typed in the list would be lost.
            self._refresh()
            return
        self.tell(HINT)
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

    def tell(self, sentence: str) -> None:
        """Say why something was not done."""
        self.told.setText(sentence)

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
        name = plain(self.name.text())
        there = self.list.findItems(name, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchCaseSensitive)
        if there:
            self.list.setCurrentItem(there[0])
            self.tell(f"There is a class {shortened(name)} already.")
            self.name.selectAll()
        elif name:
            self.added.emit(name)
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
        widgets.ask_file(self, "Import a list of classes", FILTER, None, self._import)

    def _import(self, path: Path) -> bool:
        self.import_requested.emit(path)
        return True

    def _ask_export(self) -> None:
        widgets.ask_target(self, "Export the list of classes", FILTER, None, self._export)

    def _export(self, path: Path) -> bool:
        self.export_requested.emit(path)
        return True


class QuestionStrip(QFrame):
    """One sentence, two buttons and, where it asks about frames, their range; hidden with nothing to ask.

    Attributes:
        sentence: what would happen.
        yes, no: the buttons.
        first, last: the range of frames.

    Signals:
        answered (bool): whether the person wants it.
    """

    answered = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setMinimumWidth(1)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.yes = QPushButton("Yes")
        self.no = QPushButton("Keep")
        self.first, self.last = NumberBox(0, 0), NumberBox(0, 0)
        self.first.setAccessibleName("First frame")
        self.last.setAccessibleName("Last frame")
        # A range is never the wrong way round, also while it is typed.
        self._wanted = 0
        self.first.setKeyboardTracking(True)
        self.first.valueChanged.connect(self._follow_first)
        self.last.valueChanged.connect(self._note_last)
        self._range = QWidget()
        frames = QHBoxLayout(self._range)
        frames.setContentsMargins(0, 0, 0, 0)
        for widget in (QLabel("Frames"), self.first, QLabel("to"), self.last):
            frames.addWidget(widget)
        frames.addStretch()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.no)
        row.addWidget(self.yes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.sentence)
        layout.addWidget(self._range)
        layout.addLayout(row)
        self.yes.clicked.connect(lambda: self._answer(True))
        self.no.clicked.connect(lambda: self._answer(False))
        for asked in (self.yes, self.no, self.first, self.last):
            asked.installEventFilter(self)
        self.hide()

    @property
    def frames(self) -> tuple[int, int]:
        """The first and the last frame that are asked about."""
        return self.first.value(), self.last.value()

    def ask(self, sentence: str, yes: str, frames: tuple[int, int] | None = None, length: int = 0) -> None:
        """Show the question; one that was open is taken back unanswered.

        Args:
            sentence: what would happen.
            yes: the button that lets it happen, a verb.
            frames: the first and the last frame, for the person to change; None where all are meant.
            length: frames of the video.
        """
        self._range.setVisible(frames is not None)
        if frames is not None:
            self.first.setRange(0, length - 1)
            self.last.setRange(0, length - 1)
            self.last.setValue(frames[1])
            self._wanted = frames[1]
            self.first.setValue(frames[0])
            self._follow_first(frames[0])
        self.sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.yes.setText(yes)
        self.show()
        # Return does what was asked for: undo brings it back.
        asked = self.yes if frames is None else self.first
        asked.setFocus(Qt.FocusReason.OtherFocusReason)
        self.first.selectAll()

    def _follow_first(self, first: int) -> None:
        """The last frame is pushed along, and comes back where the first one does."""
        wanted = self._wanted
        self.last.setMinimum(first)
        self.last.setValue(max(first, wanted))
        self._wanted = wanted

    def _note_last(self, last: int) -> None:
        self._wanted = last

    def dismiss(self) -> None:
        """Take the question as answered with no."""
        self._answer(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter presses the button that has the focus, in a number the one that agrees, as in a dialog."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.first.interpretText()
                self.last.interpretText()
                self._answer(watched is not self.no)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._answer(False)
                return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape keeps everything."""
        if event.key() == Qt.Key.Key_Escape:
            self._answer(False)
        else:
            super().keyPressEvent(event)

    def _answer(self, wanted: bool) -> None:
        self.hide()
        self.answered.emit(wanted)
