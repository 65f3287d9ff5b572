"""How the open video is read: which of several tracks, and which values are black and white."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QWidget,
)

from ..engine.video import ReadOptions, ValueRange, Video
from .theme import quiet_label

_LARGEST = 1e9
_DIGITS = 3


def reading_of(video: Video) -> str:
    """What a person should know of how a video is read; empty where there is no choice."""
    sentences = []
    if len(video.tracks) > 1 and video.track is not None:
        used = video.tracks[video.track - 1]
        sentences.append(f"Of {len(video.tracks)} video tracks, number {used} is shown.")
    if video.value_range is not None:
        sentences.append(f"Its samples of {video.value_range} are shown as black to white.")
    return " ".join(sentences)


def notes_of(video: Video) -> str:
    """What else a person should know of it, as that it is cut short; empty where there is nothing."""
    # These are told with their choice, see `reading_of`.
    told = ("of its video tracks", "samples of")
    notes = "; ".join(note for note in video.notes if not note.startswith(told))
    return f"{video.path.name}: {notes}." if notes else ""


class ReadingDialog(QDialog):
    """Asks for a track and a range of values; fields for what the video has no choice of are left out.

    Attributes:
        tracks: the video's tracks, in order; None where there is one.
        low, high: values that are black and white; None where samples have 8 bits.
        problem: why these cannot be.
        buttons: OK (enabled for a range that is one), Cancel, and Reset for the range that fits the clip.
    """

    def __init__(self, parent: QWidget, video: Video, take: Callable[[ReadOptions], object]) -> None:
        """Show how it is read now.

        Args:
            take: receives another choice.
        """
        super().__init__(parent)
        self.setWindowTitle("How the video is read")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._video, self._take = video, take
        self._fitting = False
        form = QFormLayout(self)
        self.tracks: QComboBox | None = None
        self.low: QDoubleSpinBox | None = None
        self.high: QDoubleSpinBox | None = None
        self.problem = quiet_label()
        buttons = QDialogButtonBox.StandardButton
        shown = buttons.Ok | buttons.Cancel
        if len(video.tracks) > 1 and video.track is not None:
            self.tracks = QComboBox()
            self.tracks.addItems([str(track) for track in video.tracks])
            self.tracks.setCurrentIndex(video.track - 1)
            form.addRow("Video &track", self.tracks)
            note = QLabel("Each track has a project of its own.")
            note.setWordWrap(True)
            form.addRow(note)
        if video.value_range is not None:
            shown_now = float(video.value_range.low), float(video.value_range.high)
            digits = 0 if all(value.is_integer() for value in shown_now) and shown_now[1] > 1 else _DIGITS
            self.low, self.high = (_number(value, digits) for value in shown_now)
            row = QHBoxLayout()
            row.addWidget(self.low)
            row.addWidget(QLabel("to"))
            row.addWidget(self.high)
            self.low.setAccessibleName("Value that is black")
            self.high.setAccessibleName("Value that is white")
            form.addRow("Black to white", row)
            form.addRow(self.problem)
            shown |= buttons.Reset
        self.buttons = QDialogButtonBox(shown)
        form.addRow(self.buttons)
        for box in (self.low, self.high):
            if box is not None:
                box.valueChanged.connect(self._check)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        if reset := self.buttons.button(buttons.Reset):
            reset.setText("As fits the clip")
            reset.clicked.connect(self._fit)

    def accept(self) -> None:
        """Hand over what was changed."""
        options = self._video.options
        track = options.track
        if self.tracks is not None and self._video.track != self.tracks.currentIndex() + 1:
            track = self.tracks.currentIndex() + 1
        values = None if self._fitting else self._values() or options.value_range
        if values == self._video.value_range and not self._fitting:
            values = options.value_range
        super().accept()
        if (chosen := ReadOptions(track, values)) != options:
            self._take(chosen)

    def _values(self) -> ValueRange | None:
        if self.low is None or self.high is None:
            return None
        return ValueRange(self.low.value(), self.high.value())

    def _check(self) -> None:
        assert self.low is not None
        assert self.high is not None
        fits = self.low.value() < self.high.value()
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(fits)
        self.problem.setText("" if fits else "Black has to be a lower value than white.")

    def _fit(self) -> None:
        self._fitting = True
        self.accept()


def _number(value: float, digits: int) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(digits)
    box.setRange(-_LARGEST, _LARGEST)
    box.setValue(value)
    return box
