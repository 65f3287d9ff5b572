"""One proposal: what is known, what was found, how sure, and what accepting it changes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ...config import ReidConfig
from ...engine.events import Proposal
from ...project import Instance
from ..theme import swatch
from .actions import Mode
from .crops import CropPair
from .gauge import Gauge, GaugeReading
from .words import consequence

_HINTS = {
    Mode.REDRAWING: "Drag the box on the canvas: the engine looks into the new one when you let go.",
    Mode.CORRECTING: "Paint the mask right on the canvas with brush and eraser, then accept it.",
}


class ProposalCard(QWidget):
    """Shows a proposal; the buttons are elsewhere.

    Attributes:
        crops: template and candidate.
        similarity, overlap, confidence: the gauges.
        effect: the frames it would overwrite, or what to do while box or mask are drawn.

    Signals:
        show_clicked (): the person wants to see its frame.
    """

    show_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._consequence = ""
        self._swatch = QLabel()
        self.heading = QLabel()
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.heading.setWordWrap(True)
        font = QFont(self.heading.font())
        font.setBold(True)
        self.heading.setFont(font)
        self.go = QToolButton()
        self.go.setToolTip("Go to its frame")
        self.crops = CropPair()
        self.similarity = Gauge("Looks alike", "How much it looks like the instance as known")
        self.overlap = Gauge("Overlap", "Of its box with the mask that the instance has now")
        self.confidence = Gauge("Confidence", "How sure the engine is of the mask it found in the box")
        self.effect = QLabel()
        self.effect.setTextFormat(Qt.TextFormat.PlainText)
        self.effect.setWordWrap(True)
        self._lay_out()
        self.go.clicked.connect(self.show_clicked)

    def set_proposal(self, proposal: Proposal, instance: Instance, thresholds: ReidConfig) -> None:
        """Show another proposal; its crops come by `crops.set_crops`."""
        colour = QColor(instance.colour)
        found = proposal.recovered.area > 0
        self._swatch.setPixmap(swatch(self, colour))
        self.heading.setText(f"{instance.name}, found again?")
        self.crops.describe(f"{instance.name}, as known", f"found in frame {proposal.frame}", colour)
        self.similarity.set_reading(
            GaugeReading(proposal.similarity, thresholds.rho_reid, "needs", known=proposal.similarity > -1)
        )
        self.overlap.set_reading(GaugeReading(proposal.iou, thresholds.rho_occ, "below"))
        self._detail(proposal, thresholds)
        self.confidence.set_reading(GaugeReading(proposal.confidence, known=found))
        self.go.setText(f"Show frame {proposal.frame}")
        self._consequence = consequence(proposal) if found else "No mask was found in this box. Redraw it."

    def _detail(self, proposal: Proposal, thresholds: ReidConfig) -> None:
        """The figures by the names of the method, where one asks for them."""
        self.similarity.setToolTip(
            "How much it looks like the instance as known: the cosine similarity to its gallery is "
            f"{proposal.similarity:.3f}; it has to exceed ρ_reid = {thresholds.rho_reid:.2f}, the tick."
        )
        self.overlap.setToolTip(
            f"The IoU of its box with that of the present mask is {proposal.iou:.3f}; above "
            f"ρ_occ = {thresholds.rho_occ:.2f}, the tick, there would be nothing to gain."
        )

    def set_mode(self, mode: Mode) -> None:
        """Tell what to do, or what accepting it changes."""
        self.effect.setText(_HINTS.get(mode, self._consequence))

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._swatch)
        top.addWidget(self.heading, 1)
        top.addWidget(self.go)
        gauges = QVBoxLayout()
        gauges.setSpacing(1)
        for gauge in (self.similarity, self.overlap, self.confidence):
            gauges.addWidget(gauge)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.crops, 1)
        layout.addLayout(gauges)
        layout.addWidget(self.effect)
