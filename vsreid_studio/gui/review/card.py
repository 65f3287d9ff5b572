"""One proposal: what is known, what was found, how sure, and what accepting it changes."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ...config import ReidConfig
from ...engine.events import Proposal
from ...project import Instance
from ..theme import shortened, swatch
from .actions import UNSEEN, Mode, consequence, figure, unseen


class CropView(QWidget):
    """An image, as large as fits, with a line of text beneath; sharp on any screen.

    Attributes:
        image: what is shown; null for none.
        caption: the text.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.caption = ""
        self._rim: QColor | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_image(self, image: QImage) -> None:
        """Show another image; a null one shows none."""
        self.image = image
        self.update()

    def describe(self, caption: str, rim: QColor | None = None) -> None:
        """Write beneath the image, and frame it in a colour, None for the palette's."""
        self.caption, self._rim = caption, rim
        self.update()

    def sizeHint(self) -> QSize:
        """Enough to recognize an object, growing with the font."""
        line = self.fontMetrics().height()
        return QSize(8 * line, 8 * line)

    def minimumSizeHint(self) -> QSize:
        """Least size at which a proposal can be judged: the list below shrinks first."""
        line = self.fontMetrics().height()
        return QSize(4 * line, 6 * line)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the image into the middle."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        metrics = self.fontMetrics()
        faint = self.palette().color(QPalette.ColorRole.PlaceholderText)
        room = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -2.5 - metrics.height())
        place = self._place(room)
        outline = QPainterPath()
        outline.addRoundedRect(place, 6, 6)
        if not self.image.isNull():
            painter.setClipPath(outline)
            painter.drawImage(place, self._reduced(place.size().toSize()))
            painter.setClipping(False)
        painter.setPen(QPen(self._rim, 3) if self._rim else QPen(faint, 1))
        painter.drawPath(outline)
        text = QRectF(room.left(), place.bottom() + 3, room.width(), metrics.height())
        painter.setPen(faint)
        elided = metrics.elidedText(self.caption, Qt.TextElideMode.ElideRight, int(text.width()))
        painter.drawText(text, Qt.AlignmentFlag.AlignCenter, elided)

    def _place(self, room: QRectF) -> QRectF:
        """Where the image goes: in the middle, in its own proportions."""
        if self.image.isNull():
            return room
        size = QSizeF(self.image.size()).scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(room.topLeft(), size)
        place.moveCenter(room.center())
        return place

    def _reduced(self, size: QSize) -> QImage:
        """Averaged where it shrinks a lot: the painter only looks at four pixels for each."""
        pixels = size * self.devicePixelRatioF()
        if self.image.width() < 2 * pixels.width():
            return self.image
        mode = Qt.TransformationMode.SmoothTransformation
        return self.image.scaled(pixels, Qt.AspectRatioMode.IgnoreAspectRatio, mode)


class CropPair(QWidget):
    """Template and candidate each with a line of text beneath.

    Attributes:
        template, candidate: the pictures.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.template, self.candidate = CropView(), CropView()
        self.template.setAccessibleName("How the instance is known")
        self.candidate.setAccessibleName("What was found")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.template, 1)
        row.addWidget(self.candidate, 1)

    def set_crops(self, template: QImage, candidate: QImage) -> None:
        """Show these."""
        self.template.set_image(template)
        self.candidate.set_image(candidate)

    def describe(self, known: str, found: str, colour: QColor) -> None:
        """Label the pictures and frame the candidate in the instance's colour."""
        self.template.describe(known)
        self.candidate.describe(found, colour)


@dataclass(frozen=True)
class GaugeReading:
    """What a gauge shows.

    Attributes:
        value: in [-1, 1]; the bar is empty below 0.
        threshold: where the tick is, None for none.
        name: the threshold's, e.g. 'needs'.
        known: False where there is no figure.
    """

    value: float
    threshold: float | None = None
    name: str = ""
    known: bool = True


class Gauge(QWidget):
    """One line: title, bar, figure, threshold; aligned with the gauges above and below.

    Attributes:
        title: what is measured.
    """

    def __init__(self, title: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self._reading = GaugeReading(0, known=False)
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_reading(self._reading)

    def set_reading(self, reading: GaugeReading) -> None:
        """Show another figure."""
        self._reading = reading
        self.setAccessibleName(f"{self.title} {' '.join(self.words)}".strip())
        self.update()

    @property
    def words(self) -> tuple[str, str]:
        """The figure and its threshold, as they are written."""
        reading = self._reading
        value = figure(reading.value) if reading.known else "—"
        return value, "" if reading.threshold is None else f"{reading.name} {figure(reading.threshold)}"

    def sizeHint(self) -> QSize:
        """A line of text."""
        line = self.fontMetrics().height()
        return QSize(16 * line, line + 4)

    def minimumSizeHint(self) -> QSize:
        """Without the bar it says the same."""
        return QSize(11 * self.fontMetrics().height(), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, palette = self.fontMetrics(), self.palette()
        value, limit = self.words
        ink = palette.color(QPalette.ColorRole.WindowText)
        faint = palette.color(QPalette.ColorRole.PlaceholderText)
        room = QRectF(self.rect())
        title = metrics.horizontalAdvance("Confidence  ")
        number = metrics.horizontalAdvance(" 100 % ")
        last = metrics.horizontalAdvance(" below 100 %")
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(faint)
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignLeft, self.title)
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, limit)
        figures = room.adjusted(0, 0, -last, 0)
        painter.setPen(ink)
        painter.drawText(figures, middle | Qt.AlignmentFlag.AlignRight, value)
        bar = QRectF(title, 0, room.width() - title - number - last, max(5, metrics.height() // 3))
        bar.moveTop(room.center().y() - bar.height() / 2)
        if bar.width() > 2 * bar.height():
            self._draw_bar(painter, bar, ink)

    def _draw_bar(self, painter: QPainter, bar: QRectF, ink: QColor) -> None:
        reading, round_ = self._reading, bar.height() / 2
        trough = QColor(ink)
        trough.setAlphaF(0.15)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(trough)
        painter.drawRoundedRect(bar, round_, round_)
        share = min(max(reading.value, 0), 1) if reading.known else 0
        if share:
            filled = QRectF(bar)
            filled.setWidth(max(bar.height(), share * bar.width()))
            painter.setBrush(self.palette().color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(filled, round_, round_)
        if reading.threshold is not None and 0 <= reading.threshold <= 1:
            x = bar.left() + reading.threshold * bar.width()
            painter.setPen(QPen(ink, 1.5))
            painter.drawLine(
                QRectF(x, bar.top() - 3, 0, 0).topLeft(), QRectF(x, bar.bottom() + 3, 0, 0).topLeft()
            )


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
        self.go.setAccessibleName("Show the frame of the proposal")
        self.go.setToolTip("Go to its frame")
        self.crops = CropPair()
        self.similarity = Gauge("Similarity", "How similar it is to the known appearance of the instance")
        self.overlap = Gauge("Overlap", "IoU of its box with the present mask of the instance")
        self.confidence = Gauge("Confidence", "Expected IoU of the recovered mask")
        self.effect = QLabel()
        self.effect.setTextFormat(Qt.TextFormat.PlainText)
        self.effect.setWordWrap(True)
        self._lay_out()
        self.go.clicked.connect(self.show_clicked)

    def set_proposal(self, proposal: Proposal, instance: Instance, thresholds: ReidConfig) -> None:
        """Show another proposal; its crops come by `crops.set_crops`."""
        found = proposal.recovered.area > 0
        self.name(proposal, instance)
        self.similarity.set_reading(
            GaugeReading(proposal.similarity, thresholds.rho_reid, "needs", known=proposal.similarity > -1)
        )
        self.overlap.set_reading(GaugeReading(proposal.iou, thresholds.rho_occ, "below"))
        self._detail(proposal, thresholds)
        self.confidence.set_reading(GaugeReading(proposal.confidence, known=found))
        self.go.setText(f"Show frame {proposal.frame}")
        if found:
            self._consequence = consequence(proposal)
        else:
            self._consequence = UNSEEN if unseen(proposal) else "No mask was found in this box. Redraw it."

    def name(self, proposal: Proposal, instance: Instance) -> None:
        """Show what the instance is called, in its colour."""
        name, colour = shortened(instance.name), QColor(instance.colour)
        self._swatch.setPixmap(swatch(self, colour))
        self.heading.setText(f"{name}, found again?")
        self.crops.describe(f"{name}, as known", f"found in frame {proposal.frame}", colour)

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
        """Show what to do, or what accepting it changes."""
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
