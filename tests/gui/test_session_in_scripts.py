"""A session without an event loop: each method returns when it is done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot
from small_clip import picture, true_mask

from vsreid_studio.formats.masks import write_label_map
from vsreid_studio.gui.session import Session


@pytest.fixture
def script(qtbot: QtBot, tmp_path: Path) -> Session:
    return Session(config=tmp_path / "config", data=tmp_path / "data")


def test_all_is_done_when_a_method_returns(script: Session, pictures: Path, tmp_path: Path) -> None:
    labels = np.zeros(picture(0).shape[:2], np.uint8)
    labels[true_mask(0, 1).hard(*labels.shape)] = 1  # type: ignore[call-arg]
    write_label_map(tmp_path / "mask.png", labels)
    assert script.open(pictures)
    assert script.import_masks(tmp_path / "mask.png")
    area = script.annotation.mask(0, 1).area
    assert area > 0
    assert script.lock(1, True)
    assert not script.import_masks(tmp_path / "mask.png")
    assert script.lock(1, False)
    assert script.delete(1)
    assert 1 not in script.instances
    assert script.undo()
    assert script.annotation.mask(0, 1).area == area
    project = script.project.path
    script.close()
    assert script.open(project)
    assert script.annotation.mask(0, 1).area == area
    script.close()


def test_what_cannot_be_opened_is_told_and_leaves_no_thread(script: Session, tmp_path: Path) -> None:
    told: list[str] = []
    script.failed.connect(lambda sentence, _: told.append(sentence))
    Image.new("RGB", (8, 8)).save(tmp_path / "x.vsreid", "PNG")
    assert not script.open(tmp_path / "x.vsreid")
    assert len(told) == 1
    assert script.document is None
    assert not script._thread.isRunning()
