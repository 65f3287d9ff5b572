"""Adapting from the window: what is learnt is kept in the project, used, undone, and refused elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fake_engine import Script
from pytestqt.qtbot import QtBot
from window_fixtures import Heard

from vsreid_studio.gui.conductor import Conductor
from vsreid_studio.gui.session import Session
from vsreid_studio.gui.worker import Outcome
from vsreid_studio.project import Adaptation


def adapt(qtbot: QtBot, conductor: Conductor) -> Outcome:
    with qtbot.waitSignal(conductor.finished) as done:
        assert conductor.adapt()
    conductor.session.flush()
    return done.args[0]


def propagate(qtbot: QtBot, conductor: Conductor) -> None:
    with qtbot.waitSignal(conductor.finished):
        assert conductor.propagate(find=False)


def test_what_is_learnt_is_kept_and_used(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    propagate(qtbot, conductor)
    assert drawn.project.last_settings["adapted"] is None
    assert adapt(qtbot, conductor) is Outcome.DONE
    assert drawn.adaptation == Adaptation("abc", b"learnt")
    drawn.mask_edits.clear_range([1, 2], 1, 5)
    propagate(qtbot, conductor)
    assert script.adapted == [None, b"learnt"]
    assert drawn.project.last_settings["adapted"] == hashlib.sha256(b"learnt").hexdigest()


def test_undo_takes_it_back(qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script) -> None:
    adapt(qtbot, conductor)
    assert drawn.undo_label == "adapt to this video"
    conductor.undo()
    drawn.flush()
    assert drawn.adaptation is None
    conductor.redo()
    drawn.flush()
    assert drawn.adaptation is not None
    assert conductor.forget_adaptation()
    drawn.flush()
    propagate(qtbot, conductor)
    assert script.adapted == [None]


def test_cancelled_nothing_is_learnt(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.on_step = lambda step: conductor.runner.order.control.cancel()
    assert adapt(qtbot, conductor) is Outcome.CANCELLED
    assert drawn.adaptation is None


def test_without_a_mask_there_is_nothing_to_learn_from(
    qtbot: QtBot, conductor: Conductor, session: Session, pictures: Path, heard: Heard
) -> None:
    session.open(pictures)
    session.flush()
    conductor.notified.connect(heard.listen("notified"))
    assert not conductor.adapt()
    assert "Draw or approve" in str(heard.values[0][0])


@pytest.mark.parametrize("base", ["abc", "other"])
def test_it_goes_with_its_own_weights_only(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script, heard: Heard, base: str
) -> None:
    drawn.edits.set_adaptation(Adaptation(base, b"older"))
    drawn.flush()
    conductor.notified.connect(heard.listen("told"))
    propagate(qtbot, conductor)
    assert script.adapted == [b"older" if base == "abc" else None]
    assert bool(heard.values) == (base == "other")
    assert (drawn.project.last_settings["adapted"] is None) == (base == "other")
