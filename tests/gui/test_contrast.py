"""Text can be read in light and in dark: the ratios of contrast that WCAG 2.1 asks for."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPalette

from vsreid_studio.gui.theme import palette

Role = QPalette.ColorRole
TEXT, GRAPHIC = 4.5, 3.0
PAIRS = (
    (Role.WindowText, Role.Window, TEXT),
    (Role.Text, Role.Base, TEXT),
    (Role.ButtonText, Role.Button, TEXT),
    (Role.PlaceholderText, Role.Window, TEXT),
    (Role.PlaceholderText, Role.Base, TEXT),
    (Role.HighlightedText, Role.Highlight, TEXT),
    (Role.ToolTipText, Role.ToolTipBase, TEXT),
    (Role.WindowText, Role.BrightText, TEXT),
    (Role.Highlight, Role.Window, GRAPHIC),
    (Role.Highlight, Role.Base, GRAPHIC),
)


def luminance(colour: QColor) -> float:
    shares = (colour.redF(), colour.greenF(), colour.blueF())
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_contrast(dark: bool, ink: Role, ground: Role, least: float) -> None:
    made = palette(dark)
    low, high = sorted(luminance(made.color(role)) for role in (ink, ground))
    assert (high + 0.05) / (low + 0.05) >= least
