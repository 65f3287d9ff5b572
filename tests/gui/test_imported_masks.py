"""What masks were read as is told in the bar, which offers the other ways; and names are plain text."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from small_clip import true_mask

from vsreid_studio.formats.masks import write_label_map
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.theme import tip

EVIL = "<b>x</b><img src='file:///x.png'>"


def soft(shape: tuple[int, int]) -> np.ndarray:
    grey = np.zeros(shape, np.uint8)
    grey[10:30, 10:30] = 255
    return cv2.GaussianBlur(grey, (0, 0), 2)


def test_a_reading_is_told_and_can_be_changed(window: MainWindow, tmp_path: Path) -> None:
    session, bar = window.session, window.bar
    video = session.video
    Image.fromarray(soft((video.height, video.width))).save(tmp_path / "matte.png")
    session.go(2)
    assert session.mask_edits.import_masks(tmp_path / "matte.png")
    session.flush()
    assert bar.sentence.text() == "matte.png was read as one soft-edged object, object 1."
    assert len(np.unique(session.annotation.mask(2, 1).values)) > 10
    session.go(0)
    offered = {action.text(): action for action in bar.offer.menu().actions()}
    assert len(offered) == 5
    offered["All that is not background is one object"].trigger()
    session.flush()
    assert set(np.unique(session.annotation.mask(2, 1).values).tolist()) <= {0, 255}
    assert bar.sentence.text() == "matte.png was read as one object, object 1."
    # What cannot be read so leaves what was there.
    offered = {action.text(): action for action in bar.offer.menu().actions()}
    offered["What is opaque is one object"].trigger()
    session.flush()
    assert "no transparent pixel" in bar.sentence.text()
    assert session.annotation.mask(2, 1).area


def test_a_picture_of_one_object_is_of_the_selected_instance(window: MainWindow, tmp_path: Path) -> None:
    session, bar = window.session, window.bar
    shape = session.video.height, session.video.width
    Image.fromarray(true_mask(2, 2).hard(*shape).astype(np.uint8) * 255).save(tmp_path / "dog.png")
    session.mask_edits.edit_mask(2, 1, true_mask(2, 1), "Paint")
    dog = session.instance_edits.add_instance("dog")
    assert dog is not None
    session.go(2)
    assert session.mask_edits.import_masks(tmp_path / "dog.png")
    session.select(1)
    session.flush()
    assert session.annotation.mask(2, 1).same(true_mask(2, 1))
    assert np.array_equal(session.annotation.mask(2, dog).hard(*shape), true_mask(2, 2).hard(*shape))
    assert bar.sentence.text() == "dog.png was read as one object, dog."
    # Read otherwise it is of the same one.
    offered = {action.text(): action for action in bar.offer.menu().actions()}
    offered["Grey levels are one soft-edged object"].trigger()
    session.flush()
    assert session.annotation.mask(2, 1).same(true_mask(2, 1))
    assert session.annotation.mask(2, dog).area


@pytest.mark.parametrize("way", ["All that is not background is one object", "What is opaque is one object"])
def test_what_is_drawn_while_masks_are_read_otherwise_costs_nothing(
    window: MainWindow, tmp_path: Path, way: str
) -> None:
    session, bar = window.session, window.bar
    Image.fromarray(soft((session.video.height, session.video.width))).save(tmp_path / "matte.png")
    session.go(2)
    assert session.mask_edits.import_masks(tmp_path / "matte.png")
    session.flush()
    offered = {action.text(): action for action in bar.offer.menu().actions()}
    offered[way].trigger()
    session.mask_edits.edit_mask(1, 1, true_mask(1, 1), "Paint")
    session.flush()
    assert session.annotation.mask(2, 1).area
    assert session.annotation.mask(1, 1).same(true_mask(1, 1))


def test_a_colour_is_the_same_instance_in_every_import(window: MainWindow, tmp_path: Path) -> None:
    session = window.session
    shape = session.video.height, session.video.width
    colours = np.array([(0, 0, 0), (240, 90, 10), (20, 200, 160), (99, 9, 90)], np.uint8)

    def take(frame: int, *numbers: int) -> None:
        labels = np.zeros(shape, np.uint8)
        for place, number in enumerate(numbers):
            labels[10 * place : 10 * place + 8, 4:20] = number
        Image.fromarray(colours[labels]).save(tmp_path / f"{frame}.png")
        session.go(frame)
        assert session.mask_edits.import_masks(tmp_path / f"{frame}.png")
        session.flush()

    def top(frame: int, instance: int) -> int:
        box = session.annotation.mask(frame, instance).hard_box
        return -1 if box is None else box.y0

    take(0, 1, 2)
    assert (top(0, 1), top(0, 2)) == (0, 10)
    drawn = session.instance_edits.add_instance("drawn")
    assert drawn == 3
    take(1, 2, 3, 1)
    assert (top(1, 2), top(1, 4), top(1, 1)) == (0, 10, 20)
    assert not session.annotation.mask(1, drawn).area
    take(2, 3)
    assert top(2, 4) == 0
    # What a colour became is of no meaning once that is gone.
    session.instance_edits.delete(2)
    session.flush()
    take(3, 2, 1)
    assert top(3, 1) == 10 and top(3, 2) == 0 and session.annotation.instances == (1, 2, 4)


def test_a_label_is_the_same_instance_in_every_import(window: MainWindow, tmp_path: Path) -> None:
    session = window.session

    def take(frame: int, *labels: str) -> None:
        shapes = [
            {"label": label, "points": [[4, 10 * n], [20, 10 * n + 8]], "shape_type": "rectangle"}
            for n, label in enumerate(labels)
        ]
        (tmp_path / "it.json").write_text(json.dumps({"shapes": shapes}))
        session.go(frame)
        assert session.mask_edits.import_masks(tmp_path / "it.json")
        session.flush()

    def tops(frame: int) -> dict[str, int]:
        found = session.annotation.frame_masks(frame)
        return {session.instances[k].name: mask.box.y0 for k, mask in found.items()}

    session.mask_edits.edit_mask(0, 1, true_mask(0, 1), "Paint")
    take(0, "dog", "cat")
    assert session.annotation.mask(0, 1).same(true_mask(0, 1))
    assert {name: tops(0)[name] for name in ("dog", "cat")} == {"dog": 0, "cat": 10}
    take(1, "cat", "bird", "dog", "dog")
    assert len(session.annotation.frame_masks(1)) == 4
    assert tops(1)["cat"] == 0 and tops(1)["bird"] == 10
    first = next(k for k, one in session.instances.items() if one.name == "dog")
    assert session.annotation.mask(1, first).box.y0 == 20
    session.instance_edits.rename(first, "Rex")
    take(2, "cat", "dog")
    assert tops(2) == {"cat": 0, "Rex": 10}


def test_an_earlier_import_is_not_replaced(window: MainWindow, tmp_path: Path) -> None:
    session, bar = window.session, window.bar
    for frame in (1, 2):
        grey = np.roll(soft((session.video.height, session.video.width)), frame, axis=1)
        Image.fromarray(grey).save(tmp_path / f"{frame}.png")
        session.go(frame)
        assert session.mask_edits.import_masks(tmp_path / f"{frame}.png")
        session.flush()
    offered = {action.text(): action for action in bar.offer.menu().actions()}
    session.undo()
    session.flush()
    before = session.annotation.mask(1, 1)
    assert before.area and not session.annotation.mask(2, 1).area
    offered["All that is not background is one object"].trigger()
    session.flush()
    assert session.annotation.mask(1, 1).same(before)
    assert "changed after the import" in bar.sentence.text()
    session.redo()
    session.flush()
    assert session.annotation.mask(2, 1).area


def test_later_changes_are_not_undone(window: MainWindow, tmp_path: Path) -> None:
    session, bar = window.session, window.bar
    Image.fromarray(soft((session.video.height, session.video.width))).save(tmp_path / "matte.png")
    assert session.mask_edits.import_masks(tmp_path / "matte.png")
    session.flush()
    offered = bar.offer.menu().actions()
    session.instance_edits.rename(1, "other")
    offered[0].trigger()
    session.flush()
    assert "changed after the import" in bar.sentence.text()
    assert session.annotation.mask(0, 1).area
    assert session.instances[1].name == "other"


def test_numbers_of_a_palette_need_no_word(window: MainWindow, tmp_path: Path) -> None:
    mask = np.zeros((window.session.video.height, window.session.video.width), np.uint8)
    mask[true_mask(0, 1).box.slices] = 1
    write_label_map(tmp_path / "m.png", mask)
    assert window.session.mask_edits.import_masks(tmp_path / "m.png")
    window.session.flush()
    assert not window.bar.isVisible()


def test_names_are_plain_text(window: MainWindow) -> None:
    window.session.instance_edits.rename(1, EVIL)
    labels = [label for label in window.findChildren(QLabel) if "<b>x" in label.text()]
    assert labels
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels)


def test_tips_are_plain_text() -> None:
    assert tip("a & b") == "a & b"
    assert tip(EVIL) == "<qt>&lt;b&gt;x&lt;/b&gt;&lt;img src=&#x27;file:///x.png&#x27;&gt;</qt>"
