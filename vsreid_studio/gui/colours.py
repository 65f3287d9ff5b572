"""Colours of instances on the screen, told apart with any colour vision."""

from __future__ import annotations

from PySide6.QtGui import QColor

_OKABE_ITO = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
# Further rounds keep the hues, which are what can be told apart, and change the lightness in percent.
_LIGHTNESS = (100, 145, 65)


def default_colour(number: int) -> QColor:
    """The colour of an instance that was given none.

    Args:
        number: of the instance, from 1. The colours repeat after 21.
    """
    turn, place = divmod(number - 1, len(_OKABE_ITO))
    return QColor(_OKABE_ITO[place]).lighter(_LIGHTNESS[turn % len(_LIGHTNESS)])
