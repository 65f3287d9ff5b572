"""Large changes are shown part by part, small ones at once, and before any input all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from driving import draw_both, press, wait_idle
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from window_fixtures import Heard

from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.session import edit_stack
from vsreid_studio.gui.session.turns import Turns


class Source(QObject):
    told = Signal(int)


def test_followers_are_called_one_at_a_time_and_in_order(qtbot: QtBot, heard: Heard) -> None:
    turns, source = Turns(), Source()
    for name in ("panels", "timeline"):
        source.told.connect(turns.follower(heard.listen(name)))
    source.told.emit(1)
    assert heard.names == ["panels", "timeline"]
    with turns.staggered():
        source.told.emit(2)
        source.told.emit(2)
    # Also what is told in between takes its place behind.
    source.told.emit(3)
    assert heard.values == [(1,), (1,)]
    assert turns.waiting == 4
    waiting: list[int] = []
    source.told.connect(turns.follower(lambda _: waiting.append(turns.waiting)))
    qtbot.waitUntil(lambda: not turns.waiting)
    assert heard.names == ["panels", "timeline"] * 3
    assert [value for (value,) in heard.values] == [1, 1, 2, 2, 3, 3]
    source.told.emit(4)
    assert heard.names[-2:] == ["panels", "timeline"]
    assert waiting == [0]


def test_a_bare_follower_waits_once_whatever_is_told(qtbot: QtBot, heard: Heard) -> None:
    turns, source = Turns(), Source()
    source.told.connect(turns.follower(heard.listen("panels"), bare=True))
    with turns.staggered():
        source.told.emit(1)
        source.told.emit(2)
    assert turns.waiting == 1
    turns.finish()
    assert heard.values == [()]


def test_one_that_raises_does_not_stop_the_others(qtbot: QtBot, heard: Heard) -> None:
    turns = Turns()

    def fail() -> None:
        raise ZeroDivisionError

    turns.add(fail)
    turns.add(heard.listen("panels"))
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(lambda: not turns.waiting)
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]
    assert heard.names == ["panels"]


def test_input_meets_what_is_shown_to_the_end(qtbot: QtBot, heard: Heard) -> None:
    turns, widget = Turns(), QWidget()
    qtbot.addWidget(widget)
    for name in ("panels", "timeline"):
        turns.add(heard.listen(name))
    qtbot.keyClick(widget, Qt.Key.Key_A)
    assert heard.names == ["panels", "timeline"]
    assert not turns.waiting
    # Nothing looks at events any more.
    assert not turns.eventFilter(widget, QEvent(QEvent.Type.KeyPress))


@pytest.fixture
def spied(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Each part that shows a change, with how many calls wait behind it."""
    seen: list[tuple[str, int]] = []
    turns = window.session.turns

    def spy(owner: object, name: str, called: str) -> None:
        do: Callable[..., object] = getattr(owner, name)

        def call(*arguments: object, **options: object) -> object:
            seen.append((called, turns.waiting))
            return do(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    spy(window.parts.timeline, "cells_changed", "cells of the timeline")
    spy(window.parts.timeline, "set_rows", "rows of the timeline")
    spy(window.parts.instances, "set_instances", "instances")
    spy(window.parts.review, "set_instances", "review")
    return seen


def test_many_cells_fill_panels_and_timeline_in_events_of_their_own(
    qtbot: QtBot,
    window: MainWindow,
    spied: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw_both(qtbot, window)
    wait_idle(qtbot, window)
    session = window.session
    qtbot.waitUntil(lambda: session.settled and not session.turns.waiting)
    spied.clear()
    # A few are shown in one go.
    session.mask_edits.mark_absent(1, [5])
    assert [waiting for _, waiting in spied] == [0] * len(spied)
    assert session.flush()
    monkeypatch.setattr(edit_stack, "_MANY", 0)
    spied.clear()
    before = len(session.annotation)
    session.step_edits.undo()
    qtbot.waitUntil(lambda: len(session.annotation) < before)
    qtbot.waitUntil(lambda: not session.turns.waiting)
    assert sorted(name for name, _ in spied) == [
        *("cells of the timeline", "instances", "review", "rows of the timeline"),
    ]
    # No two of them in one event: fewer wait behind each one.
    behind = [waiting for _, waiting in spied]
    assert behind == sorted(set(behind), reverse=True)
    tracks = window.parts.timeline.state.tracks
    for instance in (1, 2):
        assert (tracks[instance].origin >= 0).tolist() == (session.annotation.stamps(instance) > 0).tolist()


def test_an_own_edit_and_a_flush_show_all_that_came_before(
    qtbot: QtBot, window: MainWindow, spied: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_both(qtbot, window)
    session = window.session
    monkeypatch.setattr(edit_stack, "_MANY", 0)
    session.flush()
    for end in (
        lambda: session.mask_edits.mark_absent(2, [6]),
        session.flush,
        lambda: press(window, Qt.Key.Key_Right),
    ):
        spied.clear()
        session.step_edits.undo()
        session.edits.catch_up()
        assert session.turns.waiting
        assert not spied
        end()
        assert "instances" in [name for name, _ in spied]
        assert not session.turns.waiting
        session.mask_edits.edit_mask(3, 1, session.annotation.mask(0, 1), "draw")
        session.flush()
