from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats import masks
from vsreid_studio.formats.davis import (
    DavisRoot,
    export_davis,
    read_sequence_list,
    size_480p,
)
from vsreid_studio.formats.footage import Footage

FRAMES = [np.full((96, 160, 3), value, np.uint8) for value in (10, 120, 250)]


def label_maps(value: int = 1) -> list[NDArray[np.uint8]]:
    maps = [np.zeros((96, 160), np.uint8) for _ in FRAMES]
    for index, labels in enumerate(maps):
        labels[10 + index : 40, 20:60] = value
        labels[50:60, 100:140] = 7
    return maps


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_sequence_lists(tmp_path: Path) -> None:
    path = tmp_path / "set.txt"
    path.write_text(
        "\ufeffbear\r\ndog-agility/1\n\ndog-agility/2\n/JPEGImages/480p/bus/00000.jpg /Annotations/x.png\n"
    )
    assert read_sequence_list(path) == ("bear", "dog-agility", "bus")
    for text, sentence in {
        "\n \n": "names no sequence",
        "../up": "the line '../up'",
        "/": "the line '/'",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=sentence):
            read_sequence_list(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not text in UTF-8"):
        read_sequence_list(path)
    with pytest.raises(UserError, match="no such file"):
        read_sequence_list(tmp_path / "gone.txt")


def test_sets_are_found_in_the_latest_year(tmp_path: Path) -> None:
    for year, name in (("2016", "old"), ("2017", "new")):
        (tmp_path / "ImageSets" / year).mkdir(parents=True)
        (tmp_path / "ImageSets" / year / "val.txt").write_text(name)
    root = DavisRoot(tmp_path)
    assert root.sequences("val") == ("new",)
    assert root.sequences(tmp_path / "ImageSets" / "2016" / "val.txt") == ("old",)
    with pytest.raises(UserError, match="no set 'train'"):
        root.sequences("train")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1080, 1920), (480, 854)),
        ((480, 854), (480, 854)),
        ((800, 1920), (480, 1152)),
        ((96, 160), (480, 800)),
    ],
)
def test_size_480p(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert size_480p(*size) == expected


def test_export_reads_back(tmp_path: Path) -> None:
    root = tmp_path / "DAVIS"
    assert export_davis(root, Footage("bear", iter(FRAMES), iter(label_maps()))) == 3
    full, small = DavisRoot(root, "Full-Resolution"), DavisRoot(root)
    assert small.sequences("val") == ("bear",)
    np.testing.assert_array_equal(full.annotation("bear", 1), label_maps()[1])
    labels = small.annotation("bear", 1)
    assert labels.shape == (480, 800)
    np.testing.assert_array_equal(labels, label_maps()[1].repeat(5, axis=0).repeat(5, axis=1))
    assert len(small.annotation_files("bear")) == 3
    with Image.open(full.frames_folder("bear") / "00001.jpg") as picture:
        assert abs(np.asarray(picture).astype(int) - 120).max() <= 1
    with Image.open(small.frames_folder("bear") / "00002.jpg") as picture:
        assert picture.size == (800, 480)
    assert sorted(path.name for path in root.glob("[!.]*")) == ["Annotations", "ImageSets", "JPEGImages"]


def test_export_adds_to_a_data_set_and_overwrites_only_when_asked(tmp_path: Path) -> None:
    listing = tmp_path / "ImageSets" / "2017" / "train.txt"
    for name in ("bear", "bus"):
        export_davis(tmp_path, Footage(name, FRAMES, label_maps()), ["Full-Resolution"], image_set="train")
    assert listing.read_text() == "bear\nbus\n"
    assert not (tmp_path / "Annotations" / "480p").exists()
    before = everything_in(tmp_path)
    with pytest.raises(UserError, match="is there already"):
        export_davis(tmp_path, Footage("bear", FRAMES, label_maps(3)), ["Full-Resolution"], image_set="train")
    assert everything_in(tmp_path) == before
    export_davis(
        tmp_path,
        Footage("bear", FRAMES, label_maps(3)),
        ["Full-Resolution"],
        image_set="train",
        overwrite=True,
    )
    assert DavisRoot(tmp_path, "Full-Resolution").annotation("bear", 0).max() == 7
    assert 3 in DavisRoot(tmp_path, "Full-Resolution").annotation("bear", 0)
    assert listing.read_text() == "bear\nbus\n"


def test_a_failed_export_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = [labels[:, 1:] for labels in label_maps()]
    for frames, labels, sentence in (
        (FRAMES, label_maps()[:2], "as many masks as frames"),
        (FRAMES[:2], label_maps(), "as many masks as frames"),
        (FRAMES, small, "differ in size"),
        ([], [], "no frame"),
    ):
        with pytest.raises(UserError, match=sentence):
            export_davis(tmp_path, Footage("bear", frames, labels))
    with pytest.raises(UserError, match="cannot name a sequence"):
        export_davis(tmp_path, Footage("a bear", FRAMES, label_maps()))
    with monkeypatch.context() as patch:
        patch.setattr(masks, "encode_label_map", lambda labels: _png_without_palette(labels // 2))
        with pytest.raises(UserError, match="reads back differently"):
            export_davis(tmp_path, Footage("bear", FRAMES, label_maps()))
    assert not list(tmp_path.iterdir())


def _png_without_palette(labels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, format="PNG")
    return buffer.getvalue()


def test_missing_annotations(tmp_path: Path) -> None:
    root = DavisRoot(tmp_path)
    with pytest.raises(UserError, match="There is no folder"):
        root.annotation_files("bear")
    root.annotations_folder("bear").mkdir(parents=True)
    with pytest.raises(UserError, match="holds no PNG"):
        root.annotation_files("bear")
    with pytest.raises(UserError, match="no such file"):
        root.annotation("bear", 0)


def test_frames_that_are_too_wide_at_480p_are_refused(tmp_path: Path) -> None:
    frame, labels = np.zeros((2, 300, 3), np.uint8), np.zeros((2, 300), np.uint8)
    with pytest.raises(UserError, match="72000 pixels wide, more than a JPEG holds: export Full-Resolution"):
        export_davis(tmp_path, Footage("a", [frame], [labels]))
    assert export_davis(tmp_path, Footage("a", [frame], [labels]), ("Full-Resolution",)) == 1
