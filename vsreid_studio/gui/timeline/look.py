"""Colours and sizes of the timeline, from the palette and the font in use."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPalette


@dataclass(frozen=True)
class TimelineLook:
    """What is painted with.

    Attributes:
        base, window: background of the rows, and of what frames them.
        text, muted, faint: writing and marks, secondary writing, hairlines.
        accent, accent_text: playhead and selection, and writing upon it.
        font, small: of names, and of figures.
        unit: the size of one pixel in a design made for a font 16 pixels high.
        row, bar: heights of a row and of its bar.
        ruler, strip: heights of the ruler and of the plot.
        names: width of the column of names.
    """

    base: QColor
    window: QColor
    text: QColor
    muted: QColor
    faint: QColor
    accent: QColor
    accent_text: QColor
    font: QFont
    small: QFont
    unit: float
    row: int
    bar: int
    ruler: int
    strip: int
    names: int

    @classmethod
    def of(cls, palette: QPalette, font: QFont) -> TimelineLook:
        """The look for a palette, light or dark, and a font of any size."""
        base, text = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
        small = QFont(font)
        # A font set in pixels, as style sheets do, has no size in points.
        if font.pixelSize() > 0:
            small.setPixelSize(max(1, round(font.pixelSize() * 0.85)))
        else:
            small.setPointSizeF(max(1.0, font.pointSizeF() * 0.85))
        high = QFontMetricsF(font).height()
        return cls(
            base,
            palette.color(QPalette.ColorRole.Window),
            text,
            mix(text, base, 0.4),
            mix(text, base, 0.84),
            palette.color(QPalette.ColorRole.Highlight),
            palette.color(QPalette.ColorRole.HighlightedText),
            font,
            small,
            high / 16,
            round(2.3 * high),
            round(0.95 * high),
            round(1.7 * high),
            round(4.6 * high),
            round(QFontMetricsF(font).averageCharWidth() * 22),
        )


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """A colour between two, opaque.

    Args:
        share: of the other, in [0, 1].
    """
    parts = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a * (1 - share) + b * share) for a, b in parts))


def fade(colour: QColor, opacity: float) -> QColor:
    """The same colour, less opaque; in [0, 1]."""
    faded = QColor(colour)
    faded.setAlphaF(colour.alphaF() * opacity)
    return faded
