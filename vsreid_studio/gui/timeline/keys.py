"""The keys that the timeline obeys while it has the focus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from .view import TimelineView

_STRIDE = 10
"""Frames of a step with Shift."""


def command(view: TimelineView, event: QKeyEvent) -> Callable[[], object] | None:
    """What a key asks for, None for a key that means nothing here.

    Left and Right go a frame, with Shift ten, with Ctrl to a checkpoint; Home and End to the ends; N and B to
    the next and the previous retrieval that waits; Escape ends the choice of a range.
    """
    key = Qt.Key(event.key())
    # Arrow keys of the number pad bear a modifier of their own.
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
        way = 1 if key is Qt.Key.Key_Right else -1
        moves: dict[Qt.KeyboardModifier, Callable[[], object]] = {
            Qt.KeyboardModifier.NoModifier: partial(view.step, way),
            Qt.KeyboardModifier.ShiftModifier: partial(view.step, way * _STRIDE),
            Qt.KeyboardModifier.ControlModifier: view.next_checkpoint
            if way > 0
            else view.previous_checkpoint,
        }
        return moves.get(held)
    if held != Qt.KeyboardModifier.NoModifier:
        return None
    if key is Qt.Key.Key_Escape:
        # Without a range the key is for others: the window ends a run with it.
        return view.clear_range if view.state.chosen is not None else None
    others: dict[Qt.Key, Callable[[], object]] = {
        Qt.Key.Key_Home: partial(view.go_to, 0),
        Qt.Key.Key_End: partial(view.go_to, view.state.length - 1),
        Qt.Key.Key_N: view.next_retrieval,
        Qt.Key.Key_B: view.previous_retrieval,
    }
    return others.get(key)
