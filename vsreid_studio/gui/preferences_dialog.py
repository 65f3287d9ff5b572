"""The dialog of the preferences: colours and fonts, keys, and the engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .keys import Keyed, clash
from .preferences import DEVICES, MOST_THREADS, Preferences, name_of
from .theme import DEFAULT_COLOURS, ColourScheme, quiet_label, swatch_icon
from .widgets import NumberBox


class PreferencesDialog(QDialog):
    """Shows preferences; every change counts at once. It does not block the window.

    Attributes:
        tabs: the pages.
        scheme, opacity, device, threads, rho_reid, least_confidence: fields.
        swatches: a button for each colour of new instances.
        table, filter: the actions with their keys, and what narrows them down.
        recorder, record, clear: takes a key for the chosen action, sets it, or leaves it without.
        reset: back to the defaults, and back from them until something else is changed.

    Signals:
        changed (object): the new `Preferences`.
    """

    changed = Signal(object)

    def __init__(
        self, preferences: Preferences, listed: Iterable[Keyed], parent: QWidget | None = None
    ) -> None:
        """Show them.

        Args:
            listed: the actions whose keys can be recorded, with the keys that they have now.
        """
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self._held, self._listed = preferences, list(listed)
        self._usual = {name_of(one): one.usual for one in self._listed}
        self._quiet = False
        self._before: Preferences | None = None
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Pages of preferences")
        self.tabs.addTab(self._appearance(), "Appearance")
        self.tabs.addTab(self._keys(), "Keys")
        self.tabs.addTab(self._engine(), "Engine")
        self.reset = QPushButton()
        self.reset.setToolTip("Reset all pages; the same button takes it back")
        self.reset.setAutoDefault(False)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        # Return ends what is typed in a field, not the dialog.
        close.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        foot = QHBoxLayout()
        foot.addWidget(self.reset)
        foot.addStretch(1)
        foot.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(foot)
        line = self.fontMetrics().height()
        self.resize(36 * line, 28 * line)
        self.reset.clicked.connect(self._reset)
        self._show()

    @property
    def preferences(self) -> Preferences:
        """As they are now."""
        return self._held

    # --- pages

    def _appearance(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        self.scheme = QComboBox()
        for scheme in ColourScheme:
            self.scheme.addItem(scheme.value.capitalize(), scheme)
        self.opacity = NumberBox(0, 100, " %")
        self.swatches: list[QToolButton] = []
        row = QHBoxLayout()
        for place in range(len(DEFAULT_COLOURS)):
            button = QToolButton()
            button.setAccessibleName(f"Colour {place + 1} of new instances")
            button.setToolTip(f"Colour {place + 1} of new instances")
            button.clicked.connect(partial(self._ask_colour, place))
            self.swatches.append(button)
            row.addWidget(button)
        row.addStretch(1)
        self._row(form, "Theme", self.scheme)
        self._row(form, "Opacity of masks", self.opacity)
        form.addRow("Colours of new instances", row)
        self.scheme.currentIndexChanged.connect(
            lambda: self._take(scheme=ColourScheme(self.scheme.currentData()))
        )
        self.opacity.valueChanged.connect(lambda percent: self._take(opacity=percent / 100))
        return page

    def _keys(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Part of an action or a key")
        self.filter.setAccessibleName("Part of an action or a key")
        self.filter.setClearButtonEnabled(True)
        self.table = QTableWidget(len(self._listed), 3)
        self.table.setAccessibleName("Actions and their keys")
        self.table.setHorizontalHeaderLabels(["Action", "Where", "Keys"])
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.table.fontMetrics().height() + 8)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for row, one in enumerate(self._listed):
            for column, text in enumerate((one.text.replace(" …", ""), one.group, "")):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.recorder = QKeySequenceEdit()
        self.recorder.setMaximumSequenceLength(1)
        self.recorder.setAccessibleName("Press the new key")
        self.record, self.clear = QPushButton("Set"), QPushButton("No key")
        self.usual = QPushButton("Default")
        for button, name in (
            (self.record, "Set the recorded key"),
            (self.clear, "Leave the action without a key"),
            (self.usual, "Give the action its default keys"),
        ):
            button.setAccessibleName(name)
            button.setToolTip(name)
            button.setAutoDefault(False)
        self.trouble = quiet_label("Choose an action, press its new key in the field, then Set.")
        row_ = QHBoxLayout()
        row_.addWidget(self.recorder, 1)
        for button in (self.record, self.clear, self.usual):
            row_.addWidget(button)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addLayout(row_)
        layout.addWidget(self.trouble)
        self.filter.textChanged.connect(self._narrow)
        self.recorder.keySequenceChanged.connect(self._tell_clash)
        self.table.currentCellChanged.connect(lambda *_: self._choose())
        self.record.clicked.connect(self._record)
        self.clear.clicked.connect(lambda: self._give(()))
        self.usual.clicked.connect(lambda: self._give(None))
        return page

    def _engine(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        self.device = QComboBox()
        for name, text in DEVICES.items():
            self.device.addItem(text, name)
        self.threads = NumberBox(0, MOST_THREADS)
        self.threads.setSpecialValueText("automatic")
        self.rho_reid, self.least_confidence = NumberBox(0, 100, " %"), NumberBox(0, 100, " %")
        self._row(form, "Compute on", self.device)
        self._row(form, "Threads", self.threads)
        self._row(form, "Least similarity of a proposal", self.rho_reid)
        self._row(form, "Least confidence of a recovered mask", self.least_confidence)
        form.addRow(
            quiet_label(
                "A higher similarity gives fewer proposals, and fewer wrong ones. Changes on this page take "
                "effect at once if the engine has not run yet, and otherwise when the program starts again."
            )
        )
        self.device.currentIndexChanged.connect(lambda: self._take(device=self.device.currentData()))
        self.threads.valueChanged.connect(lambda count: self._take(threads=count))
        self.rho_reid.valueChanged.connect(lambda percent: self._take(rho_reid=percent / 100))
        self.least_confidence.valueChanged.connect(lambda percent: self._take(least_confidence=percent / 100))
        return page

    @staticmethod
    def _row(form: QFormLayout, text: str, field: QWidget) -> None:
        field.setAccessibleName(text)
        form.addRow(text, field)

    # --- what they do

    def _take(self, **changes: Any) -> None:
        if not self._quiet:
            self._before = None
            self._name_reset()
            self._held = replace(self._held, **changes)
            self.changed.emit(self._held)

    def _reset(self) -> None:
        before, self._before = self._before, self._held if self._before is None else None
        self._held = before or Preferences()
        self.changed.emit(self._held)
        self._show()

    def _name_reset(self) -> None:
        self.reset.setText("Reset to defaults" if self._before is None else "Undo the reset")

    def _show(self) -> None:
        held, self._quiet = self._held, True
        self.scheme.setCurrentIndex(self.scheme.findData(held.scheme))
        self.opacity.setValue(round(100 * held.opacity))
        self.device.setCurrentIndex(self.device.findData(held.device))
        self.threads.setValue(held.threads)
        self.rho_reid.setValue(round(100 * held.rho_reid))
        self.least_confidence.setValue(round(100 * held.least_confidence))
        for button, colour in zip(self.swatches, held.colours, strict=False):
            button.setIcon(swatch_icon(self, QColor(colour)))
        self._quiet = False
        self._name_reset()
        self._show_keys()

    def _show_keys(self) -> None:
        for row, one in enumerate(self._listed):
            keys = [_native(key) for key in self._keys_of(one)]
            self.table.setItem(row, 2, QTableWidgetItem(" or ".join(keys)))
        self._choose()

    def _keys_of(self, one: Keyed) -> tuple[str, ...]:
        return self._held.keys.get(name_of(one), self._usual[name_of(one)])

    def _chosen(self) -> Keyed | None:
        row = self.table.currentRow()
        return self._listed[row] if row >= 0 else None

    def _choose(self) -> None:
        there = self._chosen() is not None
        self.recorder.clear()
        for widget in (self.recorder, self.record, self.clear, self.usual):
            widget.setEnabled(there)
        self._tell_clash()

    def _tell_clash(self) -> None:
        """Say which action has the recorded key already."""
        one, key = self._chosen(), self.recorder.keySequence().toString()
        taken = self._taken(one, key) if one is not None and key else ""
        self.record.setEnabled(bool(one is not None and key and not taken))
        if taken:
            self.trouble.setText(taken)
        elif self._visible() is None:
            self.trouble.setText("No action and no key has this in it.")
        elif one is None or not key:
            self.trouble.setText("Choose an action, press its new key in the field, then Set.")
        else:
            self.trouble.setText(f"{_native(key)} is free.")

    def _taken(self, one: Keyed, key: str) -> str:
        """A sentence if another action has a key that one is to get, else empty."""
        other = clash(one, key, self._listed, {name_of(it): self._keys_of(it) for it in self._listed})
        if other is None:
            return ""
        name = other.text.replace(" …", "")
        return f"{_native(key)} is the key of '{name}' ({other.group}): give that one another key first."

    def _record(self) -> None:
        self._give((self.recorder.keySequence().toString(),))

    def _give(self, keys: tuple[str, ...] | None) -> None:
        """Give the chosen action keys; None for the default."""
        one = self._chosen()
        if one is None:
            return
        taken = [
            sentence for key in (one.usual if keys is None else keys) if (sentence := self._taken(one, key))
        ]
        if taken:
            self.trouble.setText(taken[0])
            return
        held = {name: it for name, it in self._held.keys.items() if name != name_of(one)}
        if keys is not None:
            held[name_of(one)] = keys
        self._take(keys=held)
        self._show_keys()

    def _narrow(self, text: str) -> None:
        wanted = text.strip().lower()
        for row in range(self.table.rowCount()):
            items = (self.table.item(row, column) for column in range(3))
            found = any(item is not None and wanted in item.text().lower() for item in items)
            self.table.setRowHidden(row, not found)
        # What is not seen must not get a key.
        row = self.table.currentRow()
        if row >= 0 and self.table.isRowHidden(row):
            shown = self._visible()
            self.table.setCurrentCell(-1 if shown is None else shown, 0)
        self._tell_clash()

    def _visible(self) -> int | None:
        """The first row that is shown."""
        rows = range(self.table.rowCount())
        return next((row for row in rows if not self.table.isRowHidden(row)), None)

    def _ask_colour(self, place: int, _: bool = False) -> QColorDialog:
        dialog = QColorDialog(QColor(self._held.colours[place]), self)
        dialog.setWindowTitle(f"Colour {place + 1} of new instances")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(partial(self._recolour, place))
        dialog.open()
        return dialog

    def _recolour(self, place: int, colour: QColor) -> None:
        colours = list(self._held.colours)
        colours[place] = colour.name()
        self._take(colours=tuple(colours))
        self._show()


def _native(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
