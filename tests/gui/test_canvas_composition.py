"""A frame is composed on the thread that decodes it; the window only draws it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from driving import shows
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, true_mask

from vsreid_studio.engine.types import Box, Cell, CellKey, SoftMask
from vsreid_studio.gui.canvas import CanvasView, Display, composition, overlay
from vsreid_studio.gui.canvas.composition import halved
from vsreid_studio.gui.canvas.types import Begin, End, Segment
from vsreid_studio.gui.edits import new_instance
from vsreid_studio.gui.main_window import MainWindow

HEIGHT, WIDTH = 60, 80
FRAME = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
COLOURS = {1: QColor("red"), 2: QColor("blue")}


def disc(x: int, y: int, radius: int) -> SoftMask:
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(values, (x, y), radius, 255, -1)
    return SoftMask.tight(values)


MASKS = {1: disc(20, 20, 9), 2: disc(60, 40, 9)}
NEIGHBOUR = {1: disc(24, 24, 9)}


class Noted:
    """Calls of a function of the canvas, and on which thread they were made."""

    def __init__(self, patch: pytest.MonkeyPatch, module: object, name: str) -> None:
        self.threads: list[threading.Thread] = []
        self.boxes: list[Box] = []
        do: Callable[..., object] = getattr(module, name)

        def noted(*arguments: object) -> object:
            self.threads.append(threading.current_thread())
            self.boxes += [one for one in arguments[:2] if isinstance(one, Box)]
            return do(*arguments)

        patch.setattr(module, name, noted)


@pytest.fixture
def canvas(qtbot: QtBot) -> CanvasView:
    canvas = CanvasView()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.set_display(Display(onion_skin=True))
    canvas.set_selected(2)
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas


def show(canvas: CanvasView, *, composed: bool, masks: dict[int, SoftMask]) -> None:
    ready = canvas.composition(MASKS, COLOURS, NEIGHBOUR, 2, HEIGHT)(FRAME) if composed else None
    canvas.set_frame(1, FRAME, ready)
    canvas.set_masks(masks, COLOURS, set())
    canvas.set_neighbour(NEIGHBOUR)


def test_what_is_composed_beforehand_looks_the_same_and_is_not_composed_again(
    canvas: CanvasView, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(canvas, composed=False, masks=MASKS)
    expected = canvas.grab().toImage()
    canvas.set_frame(0, FRAME)
    assert canvas.grab().toImage() != expected
    masks, skin = (
        Noted(monkeypatch, overlay, "compose"),
        Noted(monkeypatch, composition, "compose_neighbour"),
    )
    show(canvas, composed=True, masks=MASKS)
    assert canvas.grab().toImage() == expected
    assert masks.boxes == [mask.box for mask in MASKS.values()]
    assert len(skin.threads) == 1


def test_what_has_changed_meanwhile_is_composed_where_it_has(
    canvas: CanvasView, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = {**MASKS, 1: disc(22, 20, 9)}
    show(canvas, composed=False, masks=moved)
    expected = canvas.grab().toImage()
    canvas.set_frame(0, FRAME)
    compose = Noted(monkeypatch, overlay, "compose")
    show(canvas, composed=True, masks=moved)
    assert canvas.grab().toImage() == expected
    *_, again = compose.boxes
    assert len(compose.boxes) == 3
    assert not again.intersect(MASKS[2].box).area


def test_another_style_is_composed_anew(canvas: CanvasView) -> None:
    show(canvas, composed=True, masks=MASKS)
    before = canvas.grab().toImage()
    canvas.set_display(replace(canvas.display, opacity=0.9))
    after = canvas.grab().toImage()
    assert after != before
    show(canvas, composed=True, masks=MASKS)
    assert canvas.grab().toImage() == after


def test_strokes_go_on_over_what_was_composed_beforehand(canvas: CanvasView) -> None:
    show(canvas, composed=True, masks=MASKS)
    canvas.grab()
    pixels = canvas.picture.pixels
    for effect in (Begin("Paint", removes=False), Segment((40.0, 30.0), (40.0, 30.0)), End()):
        canvas.editor.apply(effect)
        canvas.grab()
        assert canvas.picture.pixels is pixels
    assert (pixels[30:32, 39:41] != 0).all()
    show(canvas, composed=True, masks={1: MASKS[1], 2: canvas.editor.mask(2)})
    canvas.grab()
    assert np.array_equal(canvas.picture.pixels, pixels)


def test_a_stroke_under_way_goes_on_over_what_comes_from_another_thread(canvas: CanvasView) -> None:
    show(canvas, composed=True, masks=MASKS)
    canvas.editor.apply(Begin("Paint", removes=False))
    canvas.editor.apply(Segment((40.0, 30.0), (40.0, 30.0)))
    canvas.grab()
    expected = canvas.picture.pixels.copy()
    canvas.take(canvas.composition(MASKS, COLOURS, NEIGHBOUR, 2, HEIGHT)(FRAME))
    canvas.grab()
    assert np.array_equal(canvas.picture.pixels, expected)


def test_a_frame_is_halved_as_it_is_shown() -> None:
    assert halved(FRAME, 0) is FRAME
    assert halved(FRAME, 1).shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert halved(FRAME[:1, :1], 3).shape == (1, 1, 3)
    assert halved(FRAME[:, ::2], 0).flags.c_contiguous


@pytest.mark.parametrize("skin", [False, True])
def test_the_window_composes_nothing_while_one_scrubs(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, skin: bool
) -> None:
    session, canvas = window.session, window.parts.canvas
    for index in range(LENGTH):
        for number in (1, 2):
            session.mask_edits.edit_mask(index, number, true_mask(index, number), "Paint")
    session.instance_edits.hide(2, True)
    canvas.set_display(Display(onion_skin=skin))
    qtbot.waitUntil(lambda: session.undo_label is not None and canvas.index == session.frame)
    window.grab()
    compose = Noted(monkeypatch, overlay, "compose")
    neighbours = Noted(monkeypatch, composition, "compose_neighbour")
    small = Noted(monkeypatch, composition, "halved")
    for index in (3, 4, 1, 0):
        session.go(index)
        qtbot.waitUntil(partial(shows, canvas, index))
        window.grab()
        assert 2 not in canvas.picture.masks
    threads = [*compose.threads, *neighbours.threads, *small.threads]
    assert len(compose.threads) >= 2 and len(small.threads) == 4
    assert bool(neighbours.threads) is skin
    assert threading.main_thread() not in threads


def test_many_masks_that_change_at_once_are_composed_elsewhere(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, canvas = window.session, window.parts.canvas
    window.grab()
    compose = Noted(monkeypatch, overlay, "compose")
    before = canvas.picture.pixels.copy()
    cells = {
        CellKey(0, k): Cell(SoftMask.tight(np.full((6, 6), 255, np.uint8), (7 * k, 3 * k)), 0, pinned=True)
        for k in range(1, 8)
    }
    instances = {k: new_instance({}, k) for k in range(2, 8)}
    session.edits.apply(session.annotation.set_cells("import", cells), instances=instances)
    window.grab()
    assert np.array_equal(canvas.picture.pixels, before)
    qtbot.waitUntil(lambda: len(canvas.picture.masks) == 7)
    window.grab()
    assert (canvas.picture.pixels[[7, 25], [12, 53]] != 0).all()
    before = canvas.picture.pixels.copy()
    session.select(6)
    assert canvas.editor.selected == 6
    window.grab()
    qtbot.waitUntil(lambda: canvas.picture.style.selected == 6)
    window.grab()
    assert not np.array_equal(canvas.picture.pixels, before)
    session.step_edits.undo()
    qtbot.waitUntil(lambda: not canvas.picture.masks)
    window.grab()
    assert not canvas.picture.pixels.any()
    main = threading.main_thread()
    areas = [(box.area, thread is main) for box, thread in zip(compose.boxes, compose.threads, strict=True)]
    # What changes again before it is drawn is composed where it is drawn.
    assert sum(area for area, here in areas if not here) > sum(area for area, here in areas if here)


def test_one_large_mask_that_changes_is_composed_elsewhere(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, canvas = window.session, window.parts.canvas
    window.grab()
    monkeypatch.setattr("vsreid_studio.gui.bind.canvas._PIXELS", 600)
    compose = Noted(monkeypatch, overlay, "compose")
    large = SoftMask.tight(np.full((30, 40), 255, np.uint8), (5, 5))
    session.mask_edits.edit_mask(0, 1, large, "Paint")
    qtbot.waitUntil(lambda: 1 in canvas.picture.masks)
    window.grab()
    assert canvas.picture.pixels[20, 20]
    # What goes is as large as what comes.
    session.step_edits.undo()
    qtbot.waitUntil(lambda: not canvas.picture.masks)
    window.grab()
    assert not canvas.picture.pixels.any()
    assert compose.threads and threading.main_thread() not in compose.threads
    session.mask_edits.edit_mask(0, 1, true_mask(0, 1), "Paint")
    assert 1 in canvas.picture.masks


def test_many_masks_in_another_style_are_composed_elsewhere(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, canvas, binder = window.session, window.parts.canvas, window.parts.on_canvas
    cells = {
        CellKey(index, k): Cell(SoftMask.tight(np.full((6, 6), 255, np.uint8), (7 * k, 3 * k)), index)
        for k in range(1, 8)
        for index in (0, 1)
    }
    instances = {k: new_instance({}, k) for k in range(2, 8)}
    session.edits.apply(session.annotation.set_cells("import", cells), instances=instances)
    session.flush()
    # What was asked for with the masks, in the style of then, has arrived once another frame has.
    session.go(1)
    qtbot.waitUntil(lambda: canvas.index == 1)
    session.go(0)
    qtbot.waitUntil(lambda: canvas.index == 0 and len(canvas.picture.masks) == 7)
    window.grab()
    compose = Noted(monkeypatch, overlay, "compose")
    neighbours = Noted(monkeypatch, composition, "compose_neighbour")
    plain, display = canvas.grab().toImage(), canvas.display

    def changed() -> bool:
        return canvas.grab().toImage() != shown

    for other in (
        Display(opacity=0.9),
        Display(outline_only=True),
        Display(probability=True),
        Display(onion_skin=True),
    ):
        shown = canvas.grab().toImage()
        binder.set_display(other)
        qtbot.waitUntil(changed)
    assert neighbours.threads
    binder.set_display(display)
    qtbot.waitUntil(lambda: canvas.grab().toImage() == plain)
    shown = plain
    session.instance_edits.recolour(3, "#123456")
    qtbot.waitUntil(changed)
    threads = [*compose.threads, *neighbours.threads]
    assert len(compose.threads) >= 6 and threading.main_thread() not in threads
