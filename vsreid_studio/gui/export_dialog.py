"""Asks what to export and where; writing is another's work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..errors import UserError
from ..formats.atomic import reason, refuse_unwritable
from ..formats.catalogue import FORMATS, ExportFormat, ExportRequest, targets
from ..formats.frame_names import check_name
from ..formats.owned import is_known
from ..formats.provenance import record_path
from ..formats.targets import Sources
from .theme import quiet_label, tip

_NONE = Sources()


class ExportDialog(QDialog):
    """Non-blocking: `open()` it and wait for the signal.

    Attributes:
        format_box, folder, sequence, image_set, overwrite: what is asked.
        resolutions: a box for each resolution of the chosen format.
        problem: why it cannot be exported like this; empty when it can.
        export: the button.

    Signals:
        export_requested (object): the `ExportRequest`; the dialog has closed.
    """

    export_requested = Signal(object)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        folder: Path | None = None,
        sequence: str = "",
        formats: tuple[ExportFormat, ...] = FORMATS,
        sources: Sources = _NONE,
        last: ExportRequest | None = None,
    ) -> None:
        """Fill in what is likely.

        Args:
            folder: None leaves it to the person.
            sequence: usually the video's name.
            formats: to choose from.
            sources: what may not be written over.
            last: what was asked last, to be filled in instead.
        """
        super().__init__(parent)
        self.setWindowTitle("Export")
        self._formats, self._sources = formats, sources
        self.format_box = QComboBox()
        self.format_box.setAccessibleName("Format")
        self.format_box.addItems([it.title for it in formats])
        self._summary = quiet_label()
        self._summary.setWordWrap(False)
        self.folder = QLineEdit("" if folder is None else str(folder))
        self.choose = QPushButton("Choose …")
        self.sequence = QLineEdit(sequence)
        self.image_set = QComboBox()
        self.image_set.setAccessibleName("Set")
        self.image_set.setEditable(True)
        # It would turn a new name into a longer one of the list.
        self.image_set.setCompleter(None)  # type: ignore[arg-type]  # Qt takes none, its stubs do not say so
        self.overwrite = QCheckBox()
        self.resolutions: dict[str, QCheckBox] = {}
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setForegroundRole(QPalette.ColorRole.WindowText)
        self._boxes = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export = self._boxes.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        # Return exports, wherever the focus is in the dialog; while that is not possible, it does not cancel.
        for button in (self.choose, self._boxes.button(QDialogButtonBox.StandardButton.Cancel)):
            button.setAutoDefault(False)
        self.export.setDefault(True)
        self._lay_out()
        self._take_format()
        self._connect()
        if last is not None:
            self._fill(last)

    @property
    def chosen(self) -> ExportFormat:
        """The format."""
        return self._formats[self.format_box.currentIndex()]

    def request(self) -> ExportRequest:
        """What is filled in, valid or not."""
        return ExportRequest(
            self.chosen.key,
            _whole(self.folder.text().strip()),
            tuple(name for name, box in self.resolutions.items() if box.isChecked()),
            self.sequence.text().strip(),
            self.image_set.currentText().strip() if self.chosen.sets else "",
            self.overwrite.isChecked(),
        )

    def accept(self) -> None:
        """Close and hand the request on, unless something is missing or the folder cannot be written."""
        self._check()
        if not self.export.isEnabled():
            return
        request = self.request()
        try:
            refuse_unwritable(request.folder)
        except UserError as error:
            self.problem.setText(str(error))
            self.folder.setFocus()
            self.folder.selectAll()
            return
        super().accept()
        self.export_requested.emit(request)

    @property
    def _folder_title(self) -> str:
        return f"Folder of the {self.chosen.whole}"

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(self.choose)
        self._sizes = QHBoxLayout()
        self._sizes.addStretch()
        self._form = QFormLayout()
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow("&Format", self.format_box)
        self._form.addRow("", self._summary)
        self._form.addRow("F&older", place)
        self._name_label = QLabel()
        self._name_label.setBuddy(self.sequence)
        self._form.addRow(self._name_label, self.sequence)
        self._form.addRow("Se&t", self.image_set)
        self._form.addRow("Resolution", self._sizes)
        self._form.addRow("", self.overwrite)
        label = self._form.labelForField(place)
        if isinstance(label, QLabel):
            label.setBuddy(self.folder)
        for widget, name in (
            (self.folder, "Folder"),
            (self.sequence, "Name"),
            (self.image_set, "Name of the image set"),
        ):
            widget.setAccessibleName(name)
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addWidget(self.problem)
        layout.addStretch()
        layout.addWidget(self._boxes)
        self.setMinimumWidth(36 * self.fontMetrics().height())

    def _connect(self) -> None:
        self.format_box.currentIndexChanged.connect(self._take_format)
        self.choose.clicked.connect(self._choose_folder)
        self.folder.textChanged.connect(self._check)
        self.sequence.textChanged.connect(self._check)
        self.image_set.editTextChanged.connect(self._check)
        self.overwrite.toggled.connect(self._check)
        self._boxes.accepted.connect(self.accept)
        self._boxes.rejected.connect(self.reject)

    def _take_format(self) -> None:
        """Ask what the chosen format needs."""
        chosen = self.chosen
        self._summary.setText(chosen.summary)
        self.folder.setPlaceholderText(self._folder_title)
        self.overwrite.setText(f"Replace the {chosen.thing} if it is there")
        self._name_label.setText(f"{chosen.thing.capitalize()} &name")
        for old in self.resolutions.values():
            self._sizes.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.resolutions = {name: QCheckBox(name) for name in chosen.resolutions}
        for box in self.resolutions.values():
            box.setChecked(True)
            box.toggled.connect(self._check)
            self._sizes.insertWidget(self._sizes.count() - 1, box)
        for before, after in pairwise([self.image_set, *self.resolutions.values(), self.overwrite]):
            QWidget.setTabOrder(before, after)
        self._form.setRowVisible(self._sizes, bool(chosen.resolutions))
        self.image_set.clear()
        self.image_set.addItems(chosen.sets)
        self._form.setRowVisible(self.image_set, bool(chosen.sets))
        self._check()

    def _fill(self, last: ExportRequest) -> None:
        keys = [it.key for it in self._formats]
        if last.format_key in keys:
            self.format_box.setCurrentIndex(keys.index(last.format_key))
        self.folder.setText(str(last.folder))
        self.sequence.setText(last.sequence)
        if last.image_set:
            self.image_set.setCurrentText(last.image_set)
        for name, box in self.resolutions.items():
            box.setChecked(name in last.resolutions)
        self.overwrite.setChecked(last.overwrite)

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, self._folder_title, self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()

    def _check(self) -> None:
        try:
            problem = next(self._problems(self.request()), "")
        except OSError as error:
            problem = f"The folder cannot be looked into: {reason(error)}."
        self.problem.setText(problem)
        self.export.setEnabled(not problem)
        self.export.setToolTip(tip(problem))

    def _problems(self, request: ExportRequest) -> Iterator[str]:
        """What is wrong, the most urgent first, a sentence each."""
        if not self.folder.text().strip():
            yield f"Choose the {self._folder_title.lower()}."
        if not request.folder.is_absolute():
            yield f"{request.folder.parts[0]} is no user of this computer: choose another folder."
        if request.folder.exists() and not request.folder.is_dir():
            yield f"{request.folder} is a file where a folder is needed."
        yield from _name_problems(request.sequence, self.chosen.thing)
        if self.chosen.sets:
            yield from _name_problems(request.image_set, "set")
        if self.chosen.resolutions and not request.resolutions:
            yield "Choose at least one resolution."
        try:
            self._sources.refuse(*targets(request))
        except UserError as error:
            yield str(error)
        there = self._there(request)
        # Whether each file is as it was written is looked at by the export, as that takes its time.
        record = record_path(request.folder, request.sequence)
        if any(not is_known(request.folder, place, record) for place in there):
            yield f"{there[0]} is there already, and this program did not write it: choose another name."
        if there and not request.overwrite:
            word = f"There is a {self.chosen.thing} {request.sequence} already."
            yield f"{word} Choose another name, or replace it."

    def _there(self, request: ExportRequest) -> list[Path]:
        """What would be overwritten."""
        places = (
            request.folder / place.format(resolution=size, sequence=request.sequence)
            for place in self.chosen.places
            for size in request.resolutions or ("",)
        )
        return [place for place in places if place.is_file() or (place.is_dir() and any(place.iterdir()))]


def _whole(text: str) -> Path:
    """The whole path of what was typed; one of an unknown user stays as it is."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        return Path(text)


def _name_problems(name: str, what: str) -> Iterator[str]:
    try:
        check_name(name)
    except UserError as error:
        yield str(error) if name else f"Give the {what} a name."
