"""Light and dark: palettes, colours, the style sheet, icons, and the labels that panels share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from html import escape

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QImage, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from .. import paths

Role = QPalette.ColorRole
_WIDEST = 34
"""Characters of a name before `shortened` cuts it."""
_DISABLED = QPalette.ColorGroup.Disabled

_LIGHT: dict[Role, str] = {
    Role.Window: "#f4f5f6",
    Role.WindowText: "#1b1e21",
    Role.Base: "#ffffff",
    Role.AlternateBase: "#f0f2f4",
    Role.Text: "#1b1e21",
    Role.PlaceholderText: "#626970",
    Role.Button: "#eaecee",
    Role.ButtonText: "#1b1e21",
    Role.BrightText: "#ffe3df",
    Role.Light: "#ffffff",
    Role.Midlight: "#e2e5e8",
    Role.Mid: "#cdd2d6",
    Role.Dark: "#9aa1a8",
    Role.Shadow: "#7a8188",
    Role.Highlight: "#0068b8",
    Role.HighlightedText: "#ffffff",
    Role.Link: "#005a9e",
    Role.LinkVisited: "#6b4c9a",
    Role.ToolTipBase: "#ffffff",
    Role.ToolTipText: "#1b1e21",
}
_DARK: dict[Role, str] = {
    Role.Window: "#202326",
    Role.WindowText: "#e6e8ea",
    Role.Base: "#17191b",
    Role.AlternateBase: "#1d2022",
    Role.Text: "#e6e8ea",
    Role.PlaceholderText: "#9aa2a9",
    Role.Button: "#2c3034",
    Role.ButtonText: "#e6e8ea",
    Role.BrightText: "#5c2420",
    Role.Light: "#43494f",
    Role.Midlight: "#363b40",
    Role.Mid: "#3a3f44",
    Role.Dark: "#121416",
    Role.Shadow: "#7c848b",
    Role.Highlight: "#1f76c2",
    Role.HighlightedText: "#ffffff",
    Role.Link: "#6db8f2",
    Role.LinkVisited: "#b69ae0",
    Role.ToolTipBase: "#2c3034",
    Role.ToolTipText: "#e6e8ea",
}
_SIZES = (16, 22, 32, 44)
"""Menus and toolbar, where a pixel of the window is one of the screen, and where it is two."""


class ColourScheme(StrEnum):
    """Which palette a person wants."""

    SYSTEM = "as the system"
    LIGHT = "light"
    DARK = "dark"


class Theme(QObject):
    """Dresses the application, and again whenever the system changes between light and dark.

    Attributes:
        dark: which of the two it is now.

    Signals:
        changed: icons have to be asked for again.
    """

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self.dark = False
        self._scheme = ColourScheme.SYSTEM
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._follow)
        self._follow(app.styleHints().colorScheme())

    def set_dark(self, dark: bool) -> None:
        """Wear the one or the other."""
        self.dark = dark
        self._app.setPalette(palette(dark))
        # Set again, as colours in it were taken from the palette of before.
        sheet = (paths.resources() / "style.qss").read_text(encoding="utf-8")
        self._app.setStyleSheet(sheet.replace("@icons", (paths.resources() / "icons").as_posix()))
        self.changed.emit()

    def choose(self, scheme: ColourScheme) -> None:
        """Wear what a person wants, now and from now on."""
        self._scheme = scheme
        system = self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        dark = system if scheme is ColourScheme.SYSTEM else scheme is ColourScheme.DARK
        if dark != self.dark:
            self.set_dark(dark)

    def _follow(self, scheme: Qt.ColorScheme) -> None:
        if self._scheme is ColourScheme.SYSTEM:
            self.set_dark(scheme is Qt.ColorScheme.Dark)


def palette(dark: bool) -> QPalette:
    """The palette of one of the two."""
    made = QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        made.setColor(role, QColor(colour))
    faint = QColor("#6b7278" if dark else "#a3a9af")
    for role in (Role.WindowText, Role.Text, Role.ButtonText):
        made.setColor(_DISABLED, role, faint)
    made.setColor(_DISABLED, Role.Highlight, QColor("#43494f" if dark else "#cdd2d6"))
    return made


def icon(name: str, palette: QPalette, *, checkable: bool = False) -> QIcon:
    """An icon of the project's own, in the colours of a palette.

    Args:
        name: of a file in `resources/icons`, without its suffix.
        checkable: whether it also stands on the ground of what is checked.
    """
    made = QIcon()
    states = [
        (QIcon.Mode.Normal, QIcon.State.Off, palette.color(Role.ButtonText)),
        (QIcon.Mode.Disabled, QIcon.State.Off, palette.color(_DISABLED, Role.ButtonText)),
    ]
    if checkable:
        states.append((QIcon.Mode.Normal, QIcon.State.On, palette.color(Role.HighlightedText)))
    for mode, state, colour in states:
        for side in _SIZES:
            made.addPixmap(drawing(name, side, colour), mode, state)
    return made


def drawing(name: str, side: int, colour: QColor, scale: float = 1.0) -> QPixmap:
    """An icon as a square picture.

    Args:
        side: in pixels of the window.
        scale: pixels of the screen in one of the window.
    """
    image = QImage(QSize(side, side) * scale, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    _renderer(name, colour.name()).render(painter, QRectF(image.rect()))
    painter.end()
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(scale)
    return pixmap


def program_icon() -> QIcon:
    """The program's own, in its own colours."""
    made = QIcon()
    for side in (16, 32, 48, 64, 128, 256):
        made.addPixmap(drawing("vsreid-studio", side, QColor()))
    return made


@lru_cache(maxsize=128)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    source = (paths.resources() / "icons" / f"{name}.svg").read_bytes()
    return QSvgRenderer(QByteArray(source.replace(b"currentColor", colour.encode())))


def smaller(font: QFont) -> QFont:
    """The font of second lines: the same, a little smaller, whichever unit it is measured in."""
    small = QFont(font)
    if font.pointSizeF() > 0:
        small.setPointSizeF(font.pointSizeF() * 0.85)
    else:
        small.setPixelSize(max(8, round(font.pixelSize() * 0.85)))
    return small


def swatch(widget: QWidget, colour: QColor) -> QPixmap:
    """A rounded square of an instance's colour, as high as the widget's text and as sharp as its screen."""
    side, scale = widget.fontMetrics().height(), widget.devicePixelRatioF()
    pixmap = QPixmap(QSize(side, side) * scale)
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(1, 1, side - 2, side - 2, side / 4, side / 4)
    painter.end()
    return pixmap


def swatch_icon(widget: QWidget, colour: QColor) -> QIcon:
    """The same for a menu or a box of choices."""
    return QIcon(swatch(widget, colour))


def quiet_label(text: str = "") -> QLabel:
    """A wrapped label of plain text in the palette's placeholder colour."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def tip(text: str) -> str:
    """A text with a name or path in it as a tooltip, which Qt would read as HTML where it looks like that."""
    return f"<qt>{escape(text)}</qt>" if "<" in text else text


def shortened(name: str, widest: int = _WIDEST) -> str:
    """A name without its middle, where it is long: pictures of one folder often differ at their ends."""
    half = widest // 2 - 1
    return name if len(name) <= widest else f"{name[:half]}…{name[-half:]}"


def plain(text: str) -> str:
    """A name as it may stand on a button or in a menu, where a single & would mark a key."""
    return text.replace("&", "&&")


DEFAULT_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Of Okabe and Ito, which most people can distinguish."""
# Further rounds keep the hues, which can be distinguished, and change the lightness in percent.
_LIGHTNESS = (100, 145, 65)


def default_colour(number: int, colours: Sequence[str] = DEFAULT_COLOURS) -> QColor:
    """The colour of an instance that was given none.

    Args:
        number: of the instance, from 1. The colours repeat after three rounds, each of another lightness.
        colours: those of a round.
    """
    turn, place = divmod(number - 1, len(colours))
    return QColor(colours[place]).lighter(_LIGHTNESS[turn % len(_LIGHTNESS)])
