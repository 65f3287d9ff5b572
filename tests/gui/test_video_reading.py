"""Which track is read, and which values are black and white, chosen in the window."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clips import encode, number_of, packed_avi, two_tracks
from PIL import Image
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.types import SoftMask
from vsreid_studio.engine.video import ReadOptions, ValueRange, open_video
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.session import Session
from vsreid_studio.gui.video_reading import ReadingDialog, notes_of, reading_of
from vsreid_studio.gui.worker.worker import EngineCache

OK = QDialogButtonBox.StandardButton.Ok
RESET = QDialogButtonBox.StandardButton.Reset


def dark(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    for index in range(count):
        grey = np.full((48, 80), 500 + index, np.uint16)
        grey[10:20, 10:20] = 4000
        Image.fromarray(grey).save(folder / f"{index:05d}.png")
    return folder


def opened(window: MainWindow, path: Path) -> Session:
    window.files.open(path)
    window.session.flush()
    return window.session


def test_another_track_has_a_project_of_its_own(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "two.mkv", 0)
    session = opened(window, path)
    assert "Of 2 video tracks, number 1 (48x32, h264) is shown." in window.bar.sentence.text()
    assert window.actions_[Act.READING].isEnabled()
    first = session.project.path
    session.mask_edits.edit_mask(0, 1, SoftMask.from_dense(np.eye(32, 48, dtype=bool)), "Paint")
    window.files.ask_reading()
    dialog = window.findChild(ReadingDialog)
    assert [dialog.tracks.itemText(index) for index in range(2)] == ["1 (48x32, h264)", "2 (96x64, h264)"]
    assert dialog.low is None
    dialog.tracks.setCurrentIndex(1)
    dialog.buttons.button(OK).click()
    session.flush()
    assert (session.video.width, number_of(session.video.frame(3))) == (96, 13)
    assert session.project.path != first
    window.files.read_as(ReadOptions(1))
    session.flush()
    assert session.project.path == first
    assert session.annotation.mask(0, 1) is not None


def test_another_range_of_values(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    session = opened(window, dark(tmp_path / "dark"))
    assert "samples of 0 to 4095" in window.bar.sentence.text()
    assert window.bar.property("failure") is False and window.bar.offer.isVisibleTo(window.bar)
    session.mask_edits.edit_mask(0, 1, SoftMask.from_dense(np.eye(48, 80, dtype=bool)), "Paint")
    project = session.project.path
    before = int(session.video.frame(0)[40, 40, 0])
    window.files.ask_reading()
    dialog = window.findChild(ReadingDialog)
    assert dialog.tracks is None
    dialog.low.setValue(1500)
    dialog.high.setValue(1000)
    assert not dialog.buttons.button(OK).isEnabled()
    dialog.low.setValue(0)
    dialog.buttons.button(OK).click()
    session.flush()
    assert session.project.path == project
    assert int(session.video.frame(0)[40, 40, 0]) > 2 * before
    assert session.video.options.value_range == ValueRange(0, 1000)
    assert session.annotation.mask(0, 1) is not None
    window.files.ask_reading()
    window.findChildren(ReadingDialog)[-1].buttons.button(RESET).click()
    session.flush()
    assert session.video.options.value_range is None
    assert int(session.video.frame(0)[40, 40, 0]) == before


def test_nothing_is_asked_where_there_is_no_choice(qtbot: QtBot, window: MainWindow, pictures: Path) -> None:
    session = opened(window, pictures)
    assert not window.actions_[Act.READING].isEnabled()
    assert not window.bar.isVisible()
    assert reading_of(session.video) == ""


def test_a_video_that_is_cut_short_is_told_in_the_window(window: MainWindow, tmp_path: Path) -> None:
    path = encode(tmp_path / "cut.mkv", "libx264")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    session = opened(window, path)
    length = session.video.length
    told = f"cut.mkv: it is cut short: the {length} frames that are there are used."
    assert window.bar.sentence.text() == told
    assert window.bar.isVisible()


def test_a_choice_is_told_once(window: MainWindow, tmp_path: Path) -> None:
    session = opened(window, two_tracks(tmp_path / "two.mkv", 0))
    assert notes_of(session.video) == ""
    assert window.bar.sentence.text() == reading_of(session.video)


def test_an_unchanged_choice_changes_nothing(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    taken: list[object] = []
    with open_video(dark(tmp_path / "dark")) as video:
        dialog = ReadingDialog(window, video, taken.append)
        dialog.accept()
        dialog = ReadingDialog(window, video, taken.append)
        dialog.high.setValue(2000)
        dialog.accept()
    assert taken == [ReadOptions(None, ValueRange(0, 2000))]


def test_black_above_white_is_told(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    with open_video(dark(tmp_path / "dark")) as video:
        dialog = ReadingDialog(window, video, lambda _: None)
    qtbot.addWidget(dialog)
    dialog.low.setValue(5000)
    assert not dialog.buttons.button(OK).isEnabled() and "lower value" in dialog.problem.text()
    dialog.low.setValue(5)
    assert dialog.buttons.button(OK).isEnabled() and not dialog.problem.text()


def test_the_old_document_comes_back_when_a_reading_fails(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = two_tracks(tmp_path / "two.mkv", 0)
    session = opened(window, path)
    session.mask_edits.edit_mask(0, 1, SoftMask.from_dense(np.eye(32, 48, dtype=bool)), "Paint")
    project = session.project.path
    window.files.read_as(ReadOptions(7))
    session.flush()
    assert session.document is not None
    assert (session.project.path, session.video.track) == (project, 1)
    assert session.annotation.mask(0, 1) is not None
    assert "7" in window.bar.sentence.text()
    assert window.bar.isVisibleTo(window)
    window.files.read_as(ReadOptions(2))
    session.flush()
    assert session.video.track == 2


def test_a_reading_fails_and_the_old_document_is_gone(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = two_tracks(tmp_path / "two.mkv", 0)
    session = opened(window, path)
    path.unlink()
    window.files.read_as(ReadOptions(2))
    session.flush()
    assert session.document is None
    assert "two.mkv" in window.bar.sentence.text()


def test_a_file_that_had_to_be_decoded_is_not_decoded_again(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it is opened by its own name or by its project's, and for the engine."""
    caplog.set_level(logging.INFO)
    path = packed_avi(tmp_path)
    session = opened(window, path)
    assert "decoding it once" in caplog.text
    caplog.clear()
    project = session.project.path
    for name in (path, project):
        session.close()
        assert opened(window, name).video.order is not None
    video = session.video
    source = SimpleNamespace(video=path, options=video.options, order=video.order, check=lambda _: None)
    bench = EngineCache(lambda: None)  # type: ignore[arg-type, return-value]
    assert bench.video(source).length == session.video.length  # type: ignore[arg-type]
    bench.clear()
    assert "decoding it once" not in caplog.text
