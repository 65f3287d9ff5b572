"""Fields for numbers."""

from __future__ import annotations

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QSpinBox, QWidget

_DIGITS = 9
"""Of a number that can be typed."""


class NumberBox(QSpinBox):
    """A spin box that takes a number out of its range for the nearest one in it.

    A plain spin box refuses the digit that leads out of the range: 150 typed into a field that ends at 100
    would be 15. It emits a new value when the edit is done, not with each digit.
    """

    def __init__(self, least: int, most: int, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(least, most)
        self.setSuffix(unit)
        self.setKeyboardTracking(False)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let digits be typed that lead out of the range."""
        state, text, position = super().validate(text, position)
        if state is QValidator.State.Invalid and self._typed(text) is not None:
            state = QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        """The nearest number of the range, when the edit is done."""
        typed = self._typed(text)
        if typed is None:
            return super().fixup(text)
        return self.textFromValue(min(max(typed, self.minimum()), self.maximum())) + self.suffix()

    def _typed(self, text: str) -> int | None:
        digits = text.removesuffix(self.suffix()).strip()
        return int(digits) if digits.isdecimal() and len(digits) <= _DIGITS else None
