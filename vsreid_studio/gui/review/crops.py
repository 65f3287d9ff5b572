"""Two pictures side by side: what is known of an instance, and what was found."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget


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
        """Enough to tell an object, growing with the font."""
        line = self.fontMetrics().height()
        return QSize(8 * line, 8 * line)

    def minimumSizeHint(self) -> QSize:
        """Enough to judge by: the list below gives way first."""
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
