"""The dock that holds the review."""

from __future__ import annotations

from PySide6.QtWidgets import QDockWidget, QWidget

from .panel import ReviewPanel


class ReviewDock(QDockWidget):
    """A dock named 'review', so that a window can save where it was.

    Attributes:
        panel: what it holds.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Review", parent)
        self.setObjectName("review")
        self.panel = ReviewPanel(self)
        self.setWidget(self.panel)
