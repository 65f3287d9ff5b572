"""The thread that decodes frames outlives whatever a request raises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.types import Frame
from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.gui.frames import FrameLoader


@pytest.fixture
def video(pictures: Path) -> Iterator[Video]:
    with open_video(pictures) as video:
        yield video


@pytest.fixture
def loader(qtbot: QtBot, video: Video) -> Iterator[FrameLoader]:
    loader = FrameLoader()
    loader.open(video)
    loader.start()
    yield loader
    loader.stop()


def falls(frame: Frame) -> None:
    cv2.resize(frame, (0, 0))


def test_frames_come_after_work_that_raised(qtbot: QtBot, loader: FrameLoader) -> None:
    with qtbot.waitSignal(loader.failed) as told:
        loader.process("box", 2, falls)
    assert told.args[0] == "Frame 2 cannot be worked on."
    assert "cv2.error" in told.args[1]
    with qtbot.waitSignal(loader.loaded) as brought:
        loader.request(3)
    assert brought.args[0] == 3


def test_an_error_of_ours_is_reported_and_not_hidden(qtbot: QtBot, loader: FrameLoader) -> None:
    with qtbot.waitSignal(loader.failed) as told:
        loader.process("sum", 0, lambda frame: np.reshape(frame, (7, 7)))
    assert "ValueError" in told.args[1]


def test_a_video_that_was_closed_meanwhile_fails_in_silence(
    qtbot: QtBot, loader: FrameLoader, video: Video
) -> None:
    with qtbot.assertNotEmitted(loader.failed, wait=100):
        loader.process("fall", 0, lambda frame: loader.open(None) or falls(frame))
