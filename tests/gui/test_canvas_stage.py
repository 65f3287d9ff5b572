"""What the canvas shows at any zoom and on any screen."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.types import Box
from vsreid_studio.gui.canvas import CanvasView

CHECKS = np.where(np.add.outer(np.arange(60), np.arange(80)) % 2, 255, 0).astype(np.uint8)
FRAME = np.repeat(CHECKS[:, :, None], 3, axis=2)


@pytest.fixture
def canvas(qtbot: QtBot) -> CanvasView:
    canvas = CanvasView()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.set_frame(0, FRAME)
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas


def pixels(canvas: CanvasView) -> set[int]:
    image = canvas.grab().toImage()
    middle = range(100, 200)
    return {image.pixelColor(x, y).red() for x in middle for y in middle}


def test_single_pixels_are_crisp_far_in_and_smooth_before(canvas: CanvasView) -> None:
    assert len(pixels(canvas)) > 2
    canvas.zoom(3, QPointF(200, 150))
    assert pixels(canvas) == {0, 255}


def test_an_unscaled_frame_is_the_frame_to_the_pixel(canvas: CanvasView) -> None:
    canvas.actual_size()
    assert canvas.viewport.scale == pytest.approx(1)
    image = canvas.grab().toImage()
    x, y = canvas.in_view((0, 0)).toPoint().toTuple()
    seen = [[image.pixelColor(x + j, y + i).red() for j in range(80)] for i in range(60)]
    assert np.array_equal(seen, CHECKS)


def test_a_large_frame_shown_small_is_averaged(qtbot: QtBot, canvas: CanvasView) -> None:
    large = np.kron(CHECKS, np.ones((16, 16), np.uint8))
    fine = np.where(np.add.outer(np.arange(960), np.arange(1280)) % 2, 255, 0).astype(np.uint8)
    assert large.shape == fine.shape
    canvas.set_frame(1, np.repeat(fine[:, :, None], 3, axis=2))
    assert max(pixels(canvas)) - min(pixels(canvas)) < 20


def test_a_read_only_frame_is_shown(canvas: CanvasView) -> None:
    frame = np.full((60, 80, 3), 70, np.uint8)
    frame.flags.writeable = False
    canvas.set_frame(2, frame)
    assert canvas.grab().toImage().pixelColor(200, 150) == QColor(70, 70, 70)


def test_the_handles_keep_their_size(canvas: CanvasView) -> None:
    """A white square of nine pixels at the corner, whatever the zoom."""
    canvas.set_frame(3, np.zeros((60, 80, 3), np.uint8))
    canvas.set_candidate(Box(20, 20, 60, 40), None, QColor("red"))
    for _ in range(2):
        image = canvas.grab().toImage()
        x, y = canvas.in_view((20, 20)).toPoint().toTuple()
        row = [image.pixelColor(x + step, y).lightness() > 200 for step in range(-12, 13)]
        assert 6 <= sum(row) <= 10
        canvas.zoom(2, canvas.in_view((20, 20)))


def test_two_device_pixels_a_pixel() -> None:
    """In a process of its own, as Qt takes the factor when it starts."""
    code = """
import os
os.environ.update(QT_SCALE_FACTOR="2", QT_QPA_PLATFORM="offscreen")
import numpy as np
from PySide6.QtWidgets import QApplication
from vsreid_studio.gui.canvas import CanvasView
app = QApplication([])
canvas = CanvasView()
canvas.resize(400, 300)
checks = np.where(np.add.outer(np.arange(90), np.arange(120)) % 2, 255, 0).astype(np.uint8)
canvas.set_frame(0, np.repeat(checks[:, :, None], 3, axis=2))
canvas.show()
app.processEvents()
canvas.actual_size()
image = canvas.grab().toImage()
at = canvas.in_view((0, 0)) * 2
x, y = round(at.x()), round(at.y())
seen = [[image.pixelColor(x + j, y + i).red() for j in range(120)] for i in range(90)]
print(image.devicePixelRatio(), canvas.viewport.scale, bool(np.array_equal(seen, checks)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0", "0.5", "True"]
