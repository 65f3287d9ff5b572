"""Clicks on the canvas of a window, and what answers them instead of the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.types import NO_CONTEXT, Box, Click, ClickContext, Prediction, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.gui.main_window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NOTHING, ALT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier
HALF = 3
SQUARE = (2 * HALF + 1) ** 2


class Squares:
    """Instead of the network: a square around each click that adds, less those around the others.

    Attributes:
        asked: the points and the box of each question.
        fails: whether answers raise.
        go: answers wait for this.
        contexts: of each question.
    """

    weights = "ab12"

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[Click, ...], Box | None, bool]] = []
        self.contexts: list[ClickContext] = []
        self.fails = False
        self.go = Event()
        self.go.set()

    def prepare(self, frame: NDArray[np.uint8], context: ClickContext = NO_CONTEXT) -> None:
        return

    def segment(
        self,
        frame: NDArray[np.uint8],
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        self.go.wait(60)
        if self.fails:
            raise UserError("The frame is too large.")
        self.asked.append((tuple(clicks), box, present is not None))
        self.contexts.append(context)
        mask = np.zeros(frame.shape[:2], bool) if present is None else present.hard(*frame.shape[:2]).copy()
        if box is not None:
            mask[box.slices] = True
        for x, y, adds in clicks:
            rows, columns = (slice(max(0, int(v) - HALF), int(v) + HALF + 1) for v in (y, x))
            mask[rows, columns] = adds
        return Prediction(SoftMask.from_dense(mask), 0.9)


@pytest.fixture
def network() -> Iterator[Squares]:
    squares = Squares()
    yield squares
    squares.go.set()


def place(window: MainWindow, x: float, y: float) -> QPoint:
    return window.parts.canvas.in_view((x, y)).toPoint()


def click(
    window: MainWindow,
    x: float,
    y: float,
    button: Qt.MouseButton = LEFT,
    modifier: Qt.KeyboardModifier = NOTHING,
) -> None:
    QTest.mouseClick(window.parts.canvas, button, modifier, place(window, x, y))


def shown(window: MainWindow, instance: int = 1) -> int:
    """Pixels of an instance on the canvas."""
    window.parts.canvas.picture.compose_changes()
    mask = window.parts.canvas.picture.masks.get(instance)
    return 0 if mask is None else mask.area


def kept(window: MainWindow, frame: int = 0, instance: int = 1) -> int:
    return window.session.annotation.mask(frame, instance).area


def await_frame(window: MainWindow, qtbot: QtBot, frame: int) -> None:
    qtbot.waitUntil(lambda: window.parts.canvas.index == frame)


def await_kept(window: MainWindow, qtbot: QtBot, frame: int, pixels: int) -> None:
    qtbot.waitUntil(lambda: kept(window, frame) == pixels)
