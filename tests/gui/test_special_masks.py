"""A pipe is refused where a person opens or imports a file: the window's threads would wait for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.session import Session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no pipes in folders")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize("what", ["document", "masks", "classes"])
def test_a_pipe_is_refused(qtbot: QtBot, drawn: Session, pipe: Path, what: str) -> None:
    project = drawn.project
    with qtbot.waitSignal(drawn.failed) as told:
        if what == "document":
            drawn.open(pipe)
        elif what == "masks":
            drawn.mask_edits.import_masks(pipe)
        else:
            drawn.instance_edits.import_classes(pipe)
    assert str(pipe) in told.args[0]
    assert drawn.project is project and drawn.flush()
