"""The comparison with a ground truth, in a window of its own and in the whole one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_engine import COLOURS, FakeEngine, seen
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, picture, true_mask

from vsreid_studio.engine.events import Change, Decision, Verdict
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, CellKey, Maker, SoftMask
from vsreid_studio.formats.masks import write_label_map
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.application import application
from vsreid_studio.gui.compare import Comparison
from vsreid_studio.gui.error_bar import ErrorBar
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.session import Session
from vsreid_studio.gui.theme import Theme


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    folder.mkdir()
    for index in range(LENGTH):
        frame = picture(index)
        labels = sum(number * seen(frame, number).astype(np.uint8) for number in COLOURS)
        write_label_map(folder / f"{index:05d}.png", labels)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def bar() -> ErrorBar:
    return ErrorBar()


@pytest.fixture
def comparison(qtbot: QtBot, drawn: Session, bar: ErrorBar) -> Iterator[Comparison]:
    window = QMainWindow()
    qtbot.addWidget(window)
    qtbot.addWidget(bar)
    comparison = Comparison(window, drawn, bar)
    window.show()
    yield comparison
    comparison.stop()


def row(comparison: Comparison, number: int) -> list[str]:
    table = comparison.panel.table
    items = [table.item(number, column) for column in range(table.columnCount())]
    return [item.text() if item is not None else "" for item in items]


def wait_for(qtbot: QtBot, comparison: Comparison, number: int, figures: list[str]) -> None:
    def reached() -> None:
        assert row(comparison, number)[1:4] == figures

    qtbot.waitUntil(reached)


def test_figures_follow_the_masks(qtbot: QtBot, comparison: Comparison, drawn: Session, truth: Path) -> None:
    comparison.compare(truth)
    qtbot.waitUntil(comparison.dock.isVisible)
    # Only frame 0 has masks, and it does not count; red is out of sight in 3 of 10 frames, as it should be.
    wait_for(qtbot, comparison, 0, ["0.300"] * 3)
    wait_for(qtbot, comparison, 2, ["0.150"] * 3)
    assert [row(comparison, line)[0] for line in range(3)] == ["red", "green", "mean"]
    assert "10 frames" in comparison.panel.state.text()
    drawn.mask_edits.edit_mask(1, 1, true_mask(1, 1), "Paint")
    wait_for(qtbot, comparison, 0, ["0.400"] * 3)
    drawn.step_edits.undo()
    wait_for(qtbot, comparison, 0, ["0.300"] * 3)
    drawn.mask_edits.edit_mask(2, 2, SoftMask.from_dense(seen(picture(2), 1)), "Paint")
    wait_for(qtbot, comparison, 1, ["0.000"] * 3)
    assert row(comparison, 0)[4] == "–"
    drawn.go(4)
    qtbot.waitUntil(lambda: row(comparison, 0)[4] == "1.000")
    drawn.instance_edits.rename(1, "ball")
    qtbot.waitUntil(lambda: row(comparison, 0)[0] == "ball")
    table = comparison.panel.table
    place = table.visualRect(table.model().index(1, 1)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert drawn.selected == 2


def test_maps_are_read_on_the_scorers_thread(
    qtbot: QtBot, comparison: Comparison, drawn: Session, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, read = set(), Annotation.frame_masks

    def noted(annotation: Annotation, frame: int) -> dict[int, SoftMask]:
        threads.add(threading.get_ident())
        return read(annotation, frame)

    monkeypatch.setattr(Annotation, "frame_masks", noted)
    comparison.compare(truth)
    wait_for(qtbot, comparison, 0, ["0.300"] * 3)
    assert threads
    assert threading.get_ident() not in threads


def test_gain_since_an_acceptance(qtbot: QtBot, comparison: Comparison, drawn: Session, truth: Path) -> None:
    comparison.compare(truth)
    wait_for(qtbot, comparison, 0, ["0.300"] * 3)
    assert row(comparison, 0)[5] == ""
    key = CellKey(7, 1)
    change = drawn.annotation.set_cells("accept", {})
    decision = Decision(Verdict.ACCEPTED, Box(0, 0, 5, 5), 0.9, Maker.PERSON)
    drawn.edits.apply(drawn.annotation.decide(Change(change.label), {key: decision}))
    drawn.mask_edits.edit_mask(7, 1, true_mask(7, 1), "Paint")
    wait_for(qtbot, comparison, 0, ["0.400"] * 3)
    assert [row(comparison, line)[5] for line in range(3)] == ["+0.100", "+0.000", "+0.050"]


def test_an_unfit_truth_leaves_all_as_it_was(
    qtbot: QtBot, comparison: Comparison, bar: ErrorBar, drawn: Session, truth: Path, tmp_path: Path
) -> None:
    comparison.compare(truth)
    wait_for(qtbot, comparison, 0, ["0.300"] * 3)
    comparison.compare(tmp_path / "config")
    qtbot.waitUntil(lambda: "holds no PNG" in bar.sentence.text())
    assert comparison.truth.folder == truth
    assert row(comparison, 0)[1] == "0.300"


def test_what_was_being_read_for_a_document_that_is_closed_is_dropped(
    qtbot: QtBot, comparison: Comparison, drawn: Session, truth: Path
) -> None:
    comparison.compare(truth)
    drawn.close()
    with qtbot.assertNotEmitted(comparison._scorer.opened, wait=300):
        pass
    assert comparison.truth is None


def test_a_truth_that_breaks_meanwhile(
    qtbot: QtBot, comparison: Comparison, bar: ErrorBar, drawn: Session, truth: Path
) -> None:
    comparison.compare(truth)
    wait_for(qtbot, comparison, 0, ["0.300"] * 3)
    (truth / "00005.png").write_text("no picture")
    drawn.mask_edits.edit_mask(5, 1, true_mask(7, 1), "Paint")
    qtbot.waitUntil(lambda: "it is not a picture" in bar.sentence.text())
    assert comparison.truth is None


def test_in_the_window(qtbot: QtBot, pictures: Path, truth: Path, tmp_path: Path) -> None:
    theme = Theme(application())

    def window() -> MainWindow:
        made = MainWindow(theme, engine=FakeEngine, config=tmp_path / "config", data=tmp_path / "data")  # type: ignore[arg-type]
        qtbot.addWidget(made)
        made.show()
        return made

    first = window()
    action = first.actions_[Act.COMPARE]
    assert not action.isEnabled()
    first.files.open(pictures)
    first.session.flush()
    assert not first.comparison.dock.isVisible()
    action.trigger()
    dialog = first.findChild(QFileDialog)
    dialog.fileSelected.emit(str(truth))
    dialog.close()
    qtbot.waitUntil(lambda: "10 frames" in first.comparison.panel.state.text())
    # As a tab it is shown by the next layout.
    qtbot.waitUntil(first.comparison.dock.isVisible)
    first.session.close()
    assert not first.comparison.dock.isVisible()
    first.close()
    # The project remembers it, until the person has enough.
    again = window()
    again.files.open(pictures)
    again.session.flush()
    qtbot.waitUntil(again.comparison.dock.isVisible)
    assert again.comparison.truth.folder == truth
    again.comparison.panel.end.click()
    assert not again.comparison.dock.isVisible()
    again.session.close()
    again.files.open(pictures)
    again.session.flush()
    assert again.comparison.truth is None
    again.close()
    theme.deleteLater()
