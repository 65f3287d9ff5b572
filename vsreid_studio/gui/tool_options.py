"""How the brush paints and how masks are drawn over the frame."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from .widgets import NumberBox

BRUSH = range(1, 301)
"""Diameters of the brush, in pixels of the frame."""
_STEPS = 1000


class ToolOptionsPanel(QWidget):
    """Sliders and switches of the canvas; setters change them without a signal.

    Attributes:
        brush, size_box: slider and figure of the brush's diameter; the slider is finer for small ones.
        opacity, opacity_box: likewise of the overlay, in percent.
        outline, probability, onion: switches.
        fill_holes, remove_specks: buttons.

    Signals:
        brush_size_changed (int): diameter in pixels of the frame.
        opacity_changed (float): of the masks over the frame, in [0, 1].
        outline_changed (bool): draw only the masks' outlines.
        probability_changed (bool): draw the probability map of the selected instance.
        onion_changed (bool): draw the outlines of the neighbour frames.
        fill_holes_requested (), remove_specks_requested (): in the selected instance's present mask.
    """

    brush_size_changed = Signal(int)
    opacity_changed = Signal(float)
    outline_changed = Signal(bool)
    probability_changed = Signal(bool)
    onion_changed = Signal(bool)
    fill_holes_requested = Signal()
    remove_specks_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.brush = _slider("Brush size", 0, _STEPS)
        self.size_box = _spin("Brush size in pixels", BRUSH[0], BRUSH[-1], " px")
        self.opacity = _slider("Opacity of the masks", 0, 100)
        self.opacity_box = _spin("Opacity of the masks in percent", 0, 100, " %")
        self.outline = _switch("Outline only", "Draw the masks' outlines and leave the picture clear")
        self.probability = _switch("Probability map", "Show how sure the engine is of every pixel")
        self.onion = _switch("Onion skin", "Show the outlines of the frames before and after")
        self.fill_holes = QPushButton("Fill holes")
        self.fill_holes.setToolTip("Fill the holes in the selected instance's mask")
        self.remove_specks = QPushButton("Remove specks")
        self.remove_specks.setToolTip("Remove stray pixels from the selected instance's mask")
        self._lay_out()
        self.set_brush_size(24)
        self.set_opacity(0.5)
        self.set_editable(False)
        self._connect()

    def set_brush_size(self, size: int) -> None:
        """Show another diameter, e.g. after [ or ] was pressed; held within `BRUSH`."""
        size = min(max(size, BRUSH[0]), BRUSH[-1])
        _quietly(self.size_box, size)
        _quietly(self.brush, _to_step(size))

    def set_opacity(self, opacity: float) -> None:
        """Show another opacity, in [0, 1]."""
        percent = round(100 * min(max(opacity, 0), 1))
        _quietly(self.opacity, percent)
        _quietly(self.opacity_box, percent)

    def set_editable(self, editable: bool) -> None:
        """Whether there is a mask that may be mended: selected, in this frame, not locked."""
        self.fill_holes.setEnabled(editable)
        self.remove_specks.setEnabled(editable)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        rows = (("&Brush", self.brush, self.size_box), ("&Opacity", self.opacity, self.opacity_box))
        for row, (text, slider, box) in enumerate(rows):
            label = QLabel(text)
            label.setBuddy(slider)
            for column, widget in enumerate((label, slider, box)):
                grid.addWidget(widget, row, column)
        buttons = QHBoxLayout()
        buttons.addWidget(self.fill_holes)
        buttons.addWidget(self.remove_specks)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addLayout(grid)
        for switch in (self.outline, self.probability, self.onion):
            layout.addWidget(switch)
        layout.addLayout(buttons)
        layout.addStretch()

    def _connect(self) -> None:
        self.brush.valueChanged.connect(lambda step: self._resize(_to_size(step)))
        self.size_box.valueChanged.connect(self._resize)
        self.opacity.valueChanged.connect(self._fade)
        self.opacity_box.valueChanged.connect(self._fade)
        self.outline.toggled.connect(self.outline_changed)
        self.probability.toggled.connect(self.probability_changed)
        self.onion.toggled.connect(self.onion_changed)
        self.fill_holes.clicked.connect(self.fill_holes_requested)
        self.remove_specks.clicked.connect(self.remove_specks_requested)

    def _resize(self, size: int) -> None:
        # The slider keeps its own place: many of its steps share one size.
        _quietly(self.size_box, size)
        if _to_size(self.brush.value()) != size:
            _quietly(self.brush, _to_step(size))
        self.brush_size_changed.emit(size)

    def _fade(self, percent: int) -> None:
        self.set_opacity(percent / 100)
        self.opacity_changed.emit(percent / 100)


def _to_size(step: int) -> int:
    """Diameter at a place of the slider, growing with its square."""
    return BRUSH[0] + round((BRUSH[-1] - BRUSH[0]) * (step / _STEPS) ** 2)


def _to_step(size: int) -> int:
    """The inverse of `_to_size`."""
    return round(_STEPS * ((size - BRUSH[0]) / (BRUSH[-1] - BRUSH[0])) ** 0.5)


def _quietly(widget: QSlider | QSpinBox, value: int) -> None:
    blocked = widget.blockSignals(True)
    widget.setValue(value)
    widget.blockSignals(blocked)


def _slider(name: str, low: int, high: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setPageStep(high // 10)
    slider.setSingleStep(max(1, high // 100))
    slider.setAccessibleName(name)
    return slider


def _spin(name: str, low: int, high: int, unit: str) -> NumberBox:
    box = NumberBox(low, high, unit)
    box.setAccessibleName(name)
    return box


def _switch(text: str, tip: str) -> QCheckBox:
    switch = QCheckBox(text)
    switch.setToolTip(tip)
    return switch
