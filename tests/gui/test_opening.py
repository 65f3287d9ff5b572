"""A data set in DAVIS layout: its sequences are offered, and so are the masks beside the frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from driving import press, wait_idle
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, picture, true_mask
from window_fixtures import MakeWindow

from vsreid_studio.formats.masks import write_label_map
from vsreid_studio.gui.export_dialog import ExportDialog
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.opening import home_of, masks_beside, sequences_under
from vsreid_studio.gui.start_page import StartPage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "DAVIS"
    for name in ("bear", "camel"):
        for size in ("480p", "Full-Resolution"):
            frames = root / "JPEGImages" / size / name
            frames.mkdir(parents=True)
            for index in range(LENGTH):
                Image.fromarray(picture(index)).save(frames / f"{index:05d}.png")
        masks = root / "Annotations" / "480p" / name
        masks.mkdir(parents=True)
        for index in range(LENGTH):
            hard = true_mask(index, 2).hard(48, 80)
            Image.fromarray(hard.astype("uint8")).save(masks / f"{index:05d}.png")
    return root


def frames_of(root: Path, name: str = "camel") -> Path:
    return root / "JPEGImages" / "480p" / name


@pytest.mark.parametrize("part", ["", "JPEGImages", "JPEGImages/480p"])
def test_the_sequences_of_a_root(root: Path, part: str) -> None:
    assert sequences_under(root / part) == [frames_of(root, "bear"), frames_of(root)]


def test_a_sequence_and_an_ordinary_folder_have_none(root: Path, tmp_path: Path) -> None:
    assert sequences_under(frames_of(root)) == []
    assert sequences_under(tmp_path) == []
    assert masks_beside(frames_of(root)) == root / "Annotations" / "480p" / "camel"
    assert masks_beside(root / "JPEGImages" / "Full-Resolution" / "camel") is None
    assert masks_beside(tmp_path) is None


def test_a_mask_beside_a_clip_is_offered(
    make: MakeWindow, qtbot: QtBot, pictures: Path, tmp_path: Path
) -> None:
    write_label_map(tmp_path / "clip.png", true_mask(0, 2).hard(48, 80).astype(np.uint8))
    window = make()
    assert window.files.open(pictures)
    window.session.flush()
    assert "clip.png lies beside this clip." in window.bar.sentence.text()
    menu = window.bar.offer.menu()
    assert menu is not None
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: window.session.annotation.mask(0, 1).area > 0)
    project = window.session.project.path
    window.session.close()
    assert window.files.open(project)
    window.session.flush()
    assert not window.bar.isVisible()


def test_the_project_is_not_put_among_the_pictures(make: MakeWindow, root: Path, tmp_path: Path) -> None:
    window = make()
    assert window.files.open(frames_of(root))
    window.session.flush()
    assert sorted(path.name for path in frames_of(root).parent.iterdir()) == ["bear", "camel"]
    assert window.session.project.path.is_relative_to(tmp_path / "data")
    path = window.session.project.path
    window.session.close()
    assert window.files.open(frames_of(root))
    window.session.flush()
    assert window.session.project.path == path


def offered(window: MainWindow, word: str) -> None:
    menu = window.bar.offer.menu()
    next(action for action in menu.actions() if word in action.text()).trigger()


def test_the_masks_of_the_data_set_are_offered(qtbot: QtBot, make: MakeWindow, root: Path) -> None:
    window = make()
    window.files.open(frames_of(root))
    window.session.flush()
    assert "has masks of this sequence" in window.bar.sentence.text()
    offered(window, "First mask")
    window.session.flush()
    assert [key.frame for key, _ in window.session.annotation.cells()] == [0]
    assert window.session.annotation.get(0, 1).pinned
    # A document that has masks is not offered others.
    window.bar.hide()
    window.session.close()
    window.files.open(frames_of(root))
    window.session.flush()
    assert not window.bar.isVisible()


def test_as_ground_truth(qtbot: QtBot, make: MakeWindow, root: Path) -> None:
    window = make()
    window.files.open(frames_of(root))
    window.session.flush()
    offered(window, "Ground truth")
    qtbot.waitUntil(window.comparison.dock.isVisible)
    assert not any(True for _ in window.session.annotation.cells())
    qtbot.waitUntil(lambda: window.comparison.complete)


def test_as_masks_that_a_correction_goes_over(qtbot: QtBot, make: MakeWindow, root: Path) -> None:
    window = make()
    window.files.open(frames_of(root))
    window.session.flush()
    qtbot.waitUntil(lambda: window.parts.canvas.index == 0)
    offered(window, "not pinned")
    window.session.flush()
    session = window.session
    row = session.annotation.row(1)
    assert len(row) == LENGTH
    assert not any(cell.pinned for cell in row.values())
    assert [*session.annotation.checkpoints(1)] == [0]
    before = row[9]
    session.mask_edits.edit_mask(8, 1, true_mask(8, 2), "Paint")
    press(window, Qt.Key.Key_P)
    wait_idle(qtbot, window)
    after = session.annotation.row(1)
    assert after[8].pinned
    assert after[9] is not before
    assert after[9].origin == 8


def test_two_projects_of_one_name_show_where_they_are(
    qtbot: QtBot, make: MakeWindow, root: Path, pictures: Path
) -> None:
    window = make()
    window.files.open(frames_of(root))
    window.session.flush()
    window.files.open(root / "JPEGImages" / "Full-Resolution" / "camel")
    window.session.flush()
    window.session.close()
    page: StartPage = window.start
    texts = [page.recent.item(row).text() for row in range(page.recent.count())]
    assert len(set(texts)) == 2
    assert all(text.startswith("camel\n") for text in texts)


def test_exports_go_where_a_person_finds_them(make: MakeWindow, root: Path, tmp_path: Path) -> None:
    assert home_of(frames_of(root)) == tmp_path
    assert home_of(tmp_path / "films" / "goat.mp4") == Path.home()
    window = make()
    assert window.files.open(frames_of(root))
    window.session.flush()
    window.files.ask_export()
    dialog = window.findChild(ExportDialog)
    assert dialog.folder.text() == str(tmp_path / "camel-export")
    dialog.close()


def test_a_sequence_has_one_project_by_whatever_path_it_is_opened(
    make: MakeWindow, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make()
    assert window.files.open(frames_of(root))
    window.session.flush()
    project = window.session.project.path
    assert project.is_relative_to(tmp_path / "data")
    window.session.close()
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "link").symlink_to(root / "ImageSets" / "2017")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    monkeypatch.chdir(work)
    for base in ("../DAVIS", "../link/../.."):
        assert window.files.open(Path(base, "JPEGImages", "480p", "camel"))
        window.session.flush()
        assert window.session.project.path == project
        assert window.session.video.path == frames_of(root)
        window.session.close()
    assert len(window.session.recent.projects()) == 1
