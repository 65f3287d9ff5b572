"""Many clips at once: what a folder holds, how far each clip is, and the way through them by keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, picture, true_mask
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Queue, Retrieval
from vsreid_studio.engine.types import Box, Cell, CellKey
from vsreid_studio.formats.clip_folders import RECORD
from vsreid_studio.formats.owned import MARKER
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.clip_scanner import Catalogue, catalogue
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.opening import open_document, project_places
from vsreid_studio.project import Instance
from vsreid_studio.project.summary import ClipState

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def frames(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for index in range(LENGTH):
        Image.fromarray(picture(index)).save(folder / f"{index:05d}.png")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "clips"
    for name in ("goat", "bear", "camel-10", "camel-9"):
        frames(root / name)
    (root / "notes.txt").write_text("nothing")
    (root / "empty").mkdir()
    return root


def fill(path: Path, data: Path, *, unsure: tuple[int, ...] = (), waiting: tuple[int, ...] = ()) -> None:
    """Propagate in a clip's project."""
    document = open_document(path, data)
    try:
        project = document.project
        cells = {
            CellKey(frame, 1): Cell(true_mask(frame, 2), 0, confidence=0.5 if frame in unsure else 0.95)
            for frame in range(LENGTH)
            if frame not in waiting
        }
        cells[CellKey(0, 1)] = Cell(true_mask(0, 2), 0, pinned=True)
        change = project.annotation.set_cells("propagate", cells)
        project.apply(change, instances={1: Instance(1, "it", "#112233")})
        found = tuple(Retrieval(frame, 1, Box(2, 2, 20, 20), 0.9, 0.0) for frame in waiting)
        project.proposals.take(Queue(found), project.annotation)
    finally:
        document.close()


def names(found: Catalogue) -> list[str]:
    return [clip.name for clip in found.clips]


def test_a_folder_of_folders(root: Path, data: Path) -> None:
    assert names(catalogue(root, data)) == ["bear", "camel-9", "camel-10", "goat"]
    assert names(catalogue(root / "bear", data)) == []
    assert names(catalogue(root / "empty", data)) == []


def test_videos_and_projects_of_a_run(root: Path, data: Path, tmp_path: Path) -> None:
    (root / "goat.mp4").write_bytes(b"not looked at")
    fill(root / "bear", data)
    assert (root / "bear.vsreid").exists()
    # Of a clip that lies elsewhere: what a run has left.
    shutil.copy(root / "bear.vsreid", root / "street.vsreid")
    found = catalogue(root, data)
    assert names(found) == ["bear", "camel-9", "camel-10", "goat", "goat.mp4", "street"]
    assert found.clips[-1].path == root / "street.vsreid"


def test_masks_that_lie_beside_clips_are_neither_frames_nor_clips(
    qtbot: QtBot, make: MakeWindow, root: Path, data: Path
) -> None:
    """The folder is as `run --clips` reads it."""
    (root / "film.mp4").write_bytes(b"not looked at")
    for name in ("bear", "goat", "film"):
        Image.fromarray(picture(0)).save(root / f"{name}.png")
    frames(root / "camel-9.masks")
    frames(root / "camel-10_masks")
    window = make()
    window.files.open(root)
    qtbot.waitUntil(lambda: "5 clips" in window.bar.sentence.text())
    listed = [clip.name for clip in window.parts.clips.clips.clips]
    assert listed == ["bear", "camel-9", "camel-10", "film", "goat"]
    # Beside pictures of their own, a folder is still one clip.
    Image.fromarray(picture(0)).save(root / "00000.png")
    assert names(catalogue(root, data)) == []


def test_proposals_of_a_run_are_found_where_it_wrote_its_masks(
    qtbot: QtBot, make: MakeWindow, root: Path, data: Path, tmp_path: Path
) -> None:
    """Its masks lie beside the project in a folder of the clip's name, which is no clip."""
    output = tmp_path / "output"
    for name in ("bear", "goat"):
        fill(root / name, data, waiting=(6, 7))
        masks = frames(output / name)
        (masks / MARKER).write_text("{}")
        (masks / RECORD).write_text("{}")
        (root / f"{name}.vsreid").rename(output / f"{name}.vsreid")
    window = make()
    window.files.open(output)
    panel = window.parts.clips
    qtbot.waitUntil(lambda: len(panel.clips.clips) == 2)
    qtbot.waitUntil(lambda: all(map(panel.clips.state, panel.clips.clips)))
    QTest.keyClick(window, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: window.session.document is not None)
    assert window.session.video.path.parent == root
    assert len(window.session.proposals) == 2
    assert sorted(it.name for it in output.glob("*.vsreid")) == ["bear.vsreid", "goat.vsreid"]


def test_the_lists_of_a_data_set(tmp_path: Path, data: Path) -> None:
    root = tmp_path / "DAVIS"
    for name in ("bear", "camel"):
        frames(root / "JPEGImages" / "480p" / name)
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("camel\n")
    (lists / "train.txt").write_text("bear\n")
    for part in ("", "JPEGImages"):
        found = catalogue(root / part, data)
        assert (names(found), found.sets) == (["bear", "camel"], ("train", "val"))
        assert [clip.sets for clip in found.clips] == [{"train"}, {"val"}]
    places = project_places(found.clips[0].path, data)
    assert all(place.is_relative_to(data) for place in places)


@pytest.fixture
def listed(qtbot: QtBot, make: MakeWindow, root: Path, data: Path) -> MainWindow:
    """The window with four clips, two of which were propagated."""
    fill(root / "camel-9", data, unsure=(3, 4))
    fill(root / "goat", data, waiting=(6, 7, 8))
    window = make()
    window.files.open(root)
    panel = window.parts.clips
    qtbot.waitUntil(lambda: len(panel.clips.clips) == 4)
    qtbot.waitUntil(lambda: all(map(panel.clips.state, panel.clips.clips)))
    return window


def states(window: MainWindow) -> list[str]:
    model = window.parts.clips.clips
    return [model.state(clip) for clip in model.clips]


def opened(qtbot: QtBot, window: MainWindow, name: str) -> None:
    qtbot.waitUntil(lambda: window.session.document is not None and window.session.video.name == name)
    window.session.flush()


def test_the_states_are_seen_before_anything_is_open(qtbot: QtBot, listed: MainWindow) -> None:
    nothing = ClipState.NOTHING.value
    assert states(listed) == [nothing, "1 doubtful", nothing, "1 waiting"]
    assert listed.parts.clips_dock.isVisible()
    assert listed.session.document is None
    assert "4 clips" in listed.bar.sentence.text()


def test_the_list_stays_beside_the_instances(qtbot: QtBot, make: MakeWindow, root: Path) -> None:
    """Also where the places of the docks are those of a document that was opened alone."""
    window = make()
    window.files.open(root / "goat")
    opened(qtbot, window, "goat")
    qtbot.waitUntil(window.parts.canvas.isVisible)
    assert window.parts.clips_dock.isHidden()
    window.session.close()
    window.files.open(root)
    qtbot.waitUntil(lambda: len(window.parts.clips.clips.clips) == 4)
    window.files.open(root / "camel-9")
    opened(qtbot, window, "camel-9")
    qtbot.waitUntil(window.parts.canvas.isVisible)
    assert not window.parts.clips_dock.isHidden()


def test_clips_are_opened_by_keys(qtbot: QtBot, listed: MainWindow) -> None:
    panel = listed.parts.clips
    assert panel.table.hasFocus()
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    opened(qtbot, listed, "camel-9")
    QTest.keyClick(listed, Qt.Key.Key_PageDown, CONTROL)
    opened(qtbot, listed, "camel-10")
    QTest.keyClick(listed, Qt.Key.Key_PageUp, CONTROL)
    opened(qtbot, listed, "camel-9")
    QTest.keyClick(listed, Qt.Key.Key_PageUp, CONTROL)
    opened(qtbot, listed, "bear")
    QTest.keyClick(listed, Qt.Key.Key_PageUp, CONTROL)
    assert "first clip" in listed.bar.sentence.text()


def test_the_filter_leaves_what_matches(qtbot: QtBot, listed: MainWindow) -> None:
    panel = listed.parts.clips
    QTest.keyClicks(panel.filter, "camel")
    assert panel.table.model().rowCount() == 2
    panel.filter.clear()
    QTest.keyClicks(panel.filter, "waiting")
    QTest.keyClick(panel.filter, Qt.Key.Key_Return)
    opened(qtbot, listed, "goat")


def test_the_list_of_what_to_look_at_spans_all_clips(qtbot: QtBot, listed: MainWindow) -> None:
    panel = listed.parts.clips
    qtbot.waitUntil(lambda: panel.places.rowCount() == 2)
    QTest.keyClick(listed, Qt.Key.Key_F8)
    opened(qtbot, listed, "goat")
    qtbot.waitUntil(lambda: listed.session.frame in (6, 7, 8))
    assert listed.session.selected == 1
    QTest.keyClick(listed, Qt.Key.Key_F8)
    opened(qtbot, listed, "camel-9")
    qtbot.waitUntil(lambda: listed.session.frame in (3, 4))
    QTest.keyClick(listed, Qt.Key.Key_F8)
    assert "nothing more" in listed.bar.sentence.text()


def test_work_shows_in_the_list(qtbot: QtBot, listed: MainWindow, root: Path) -> None:
    listed.files.open(root / "bear")
    opened(qtbot, listed, "bear")
    panel = listed.parts.clips
    assert panel.clips.current.name == "bear"
    listed.session.mask_edits.edit_mask(0, 1, true_mask(0, 2), "Paint")
    qtbot.waitUntil(lambda: states(listed)[0] == ClipState.DRAWN)
    listed.session.close()
    # It is read from its file again.
    listed.files.open(root)
    qtbot.waitUntil(lambda: states(listed)[0] == ClipState.DRAWN)


def test_a_project_that_cannot_be_read_says_so(qtbot: QtBot, make: MakeWindow, root: Path) -> None:
    (root / "bear.vsreid").write_bytes(b"nothing that opens")
    window = make()
    window.files.open(root)
    panel = window.parts.clips
    qtbot.waitUntil(lambda: panel.clips.rowCount() == 4 and panel.clips.state(panel.clips.clips[0]) != "")
    assert panel.clips.state(panel.clips.clips[0]) == "cannot be read"


def test_without_clips_the_keys_say_why(qtbot: QtBot, make: MakeWindow) -> None:
    window = make()
    with qtbot.waitActive(window):
        window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_PageDown, CONTROL)
    assert "Open a folder of clips first" in window.bar.sentence.text()
    window.bar.hide()
    QTest.keyClick(window, Qt.Key.Key_F8, SHIFT)
    assert "Open a folder of clips first" in window.bar.sentence.text()


def test_with_a_single_clip_the_keys_go_through_its_doubtful_frames(
    qtbot: QtBot, make: MakeWindow, pictures: Path
) -> None:
    window = make()
    assert window.files.open(pictures)
    qtbot.waitUntil(lambda: window.session.document is not None)
    told = []
    for act in (Act.NEXT_DOUBT, Act.NEXT_PLACE, Act.PREVIOUS_PLACE):
        window.bar.sentence.setText("")
        window.actions_[act].trigger()
        told.append(window.bar.sentence.text())
    assert told[0] and told[0] == told[1] == told[2]


def test_files_are_looked_for_beside_the_open_clip(qtbot: QtBot, make: MakeWindow, pictures: Path) -> None:
    window = make()
    assert window.files.open(pictures)
    qtbot.waitUntil(lambda: window.session.document is not None)
    window.actions_[Act.OPEN].trigger()
    dialog = window.findChild(QFileDialog)
    assert Path(dialog.directory().absolutePath()) == pictures.parent
    dialog.reject()


def test_the_list_fits_beside_everything_else_on_a_small_screen(
    qtbot: QtBot, listed: MainWindow, root: Path
) -> None:
    listed.files.open(root / "bear")
    opened(qtbot, listed, "bear")
    listed.parts.show_clips()
    listed.resize(1280, 680)
    qtbot.wait(50)
    assert (listed.width(), listed.height()) == (1280, 680)
    table = listed.parts.clips.table
    assert not table.horizontalScrollBar().isVisible()


def test_a_folder_of_one_clip_opens_it(qtbot: QtBot, make: MakeWindow, tmp_path: Path) -> None:
    frames(tmp_path / "one" / "bear")
    window = make()
    window.files.open(tmp_path / "one")
    opened(qtbot, window, "bear")


def test_a_folder_of_nothing_says_so(qtbot: QtBot, make: MakeWindow, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    window = make()
    window.files.open(tmp_path / "nothing")
    qtbot.waitUntil(lambda: window.bar.isVisible() and window.bar.property("failure"))
    assert "nothing" in window.bar.sentence.text()
