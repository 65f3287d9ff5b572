"""The tool options, driven with mouse and keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.tool_options import BRUSH, ToolOptionsPanel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def options(qtbot: QtBot) -> ToolOptionsPanel:
    options = ToolOptionsPanel()
    qtbot.addWidget(options)
    with qtbot.waitExposed(options):
        options.show()
    return options


def test_slider_and_figure_agree(qtbot: QtBot, options: ToolOptionsPanel) -> None:
    with qtbot.waitSignal(options.brush_size_changed) as grown:
        qtbot.keyClick(options.brush, Qt.Key.Key_PageUp)
    assert grown.args == [options.size_box.value()]
    options.size_box.selectAll()
    qtbot.keyClicks(options.size_box, "300")
    with qtbot.waitSignal(options.brush_size_changed) as typed:
        qtbot.keyClick(options.size_box, Qt.Key.Key_Return)
    assert typed.args == [300]
    assert options.brush.value() == options.brush.maximum()


def test_every_step_of_the_slider_leads_on(qtbot: QtBot, options: ToolOptionsPanel) -> None:
    options.set_brush_size(BRUSH[0])
    for _ in range(200):
        qtbot.keyClick(options.brush, Qt.Key.Key_Right)
    assert options.size_box.value() == BRUSH[-1]


@pytest.mark.parametrize(("size", "kept"), [(1, 1), (2, 2), (24, 24), (0, BRUSH[0]), (9999, BRUSH[-1])])
def test_setters_are_silent_and_hold_the_range(
    qtbot: QtBot, options: ToolOptionsPanel, size: int, kept: int
) -> None:
    with qtbot.assertNotEmitted(options.brush_size_changed), qtbot.assertNotEmitted(options.opacity_changed):
        options.set_brush_size(size)
        options.set_opacity(0.25)
    assert options.size_box.value() == kept
    assert options.opacity.value() == 25


def test_opacity_is_a_share(qtbot: QtBot, options: ToolOptionsPanel) -> None:
    with qtbot.waitSignal(options.opacity_changed) as clear:
        qtbot.keyClick(options.opacity, Qt.Key.Key_Home)
    with qtbot.waitSignal(options.opacity_changed) as full:
        qtbot.keyClick(options.opacity, Qt.Key.Key_End)
    assert (clear.args, full.args) == ([0.0], [1.0])


@pytest.mark.parametrize("name", ["outline", "probability", "onion"])
def test_switches(qtbot: QtBot, options: ToolOptionsPanel, name: str) -> None:
    signal = getattr(options, f"{name}_changed")
    with qtbot.waitSignal(signal) as on:
        qtbot.keyClick(getattr(options, name), Qt.Key.Key_Space)
    assert on.args == [True]
    with qtbot.waitSignal(signal) as off:
        qtbot.keyClick(getattr(options, name), Qt.Key.Key_Space)
    assert off.args == [False]


def test_mending_needs_a_mask(qtbot: QtBot, options: ToolOptionsPanel) -> None:
    with qtbot.assertNotEmitted(options.fill_holes_requested):
        qtbot.mouseClick(options.fill_holes, LEFT)
    options.set_editable(True)
    with qtbot.waitSignals([options.fill_holes_requested, options.remove_specks_requested]):
        qtbot.mouseClick(options.fill_holes, LEFT)
        qtbot.mouseClick(options.remove_specks, LEFT)
