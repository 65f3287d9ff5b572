"""COCO and VOC as downloaded, and the lazy sequences that hold them."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats.coco import segmentation
from vsreid_studio.formats.marks import marks_of
from vsreid_studio.training.propagation.views import ViewMaker
from vsreid_studio.training.public import (
    Annotated,
    Chained,
    CocoPictures,
    Mapped,
    Stills,
    VocPictures,
    add_public_arguments,
    public_pictures,
)


def test_coco_polygons_become_labels_with_the_smaller_on_top(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((40, 60, 3), np.uint8))
    square = [0, 0, 0, 30, 30, 30, 30, 0]
    small = [5, 5, 5, 10, 10, 10, 10, 5]
    marks = [
        {"image_id": 1, "area": 25, "segmentation": [small], "iscrowd": 0},
        {"image_id": 1, "area": 900, "segmentation": [square], "iscrowd": 0},
        {"image_id": 2, "area": 900, "segmentation": {"counts": [], "size": []}, "iscrowd": 1},
    ]
    images = [
        {"id": 1, "file_name": "a.jpg"},
        {"id": 2, "file_name": "a.jpg"},
        {"id": 3, "file_name": "b.jpg"},
    ]
    (tmp_path / "i.json").write_text(json.dumps({"images": images, "annotations": marks}))
    pictures = CocoPictures(tmp_path, tmp_path / "i.json")
    assert len(pictures) == 2
    assert pictures[0].labels[7, 7] == 2 and pictures[0].labels[20, 20] == 1 and pictures[0].complete
    assert not pictures[1].labels.any() and not pictures[1].complete
    assert len(pictures[:2]) == 2


def test_a_broken_annotation_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text("{}")
    with pytest.raises(UserError, match="COCO"):
        CocoPictures(tmp_path, tmp_path / "i.json")


def test_voc_masks_are_read_without_void(tmp_path: Path) -> None:
    for part in ("JPEGImages", "SegmentationObject"):
        (tmp_path / part).mkdir()
    labels = np.zeros((20, 30), np.uint8)
    labels[2:8, 2:8], labels[9, :] = 1, 255
    Image.fromarray(labels).save(tmp_path / "SegmentationObject" / "x.png")
    cv2.imwrite(str(tmp_path / "JPEGImages" / "x.jpg"), np.zeros((20, 30, 3), np.uint8))
    pictures = VocPictures(tmp_path)
    assert len(pictures) == 1 and np.unique(pictures[0].labels).tolist() == [0, 1]
    with pytest.raises(UserError, match="Segmentation"):
        VocPictures(tmp_path / "JPEGImages")


def test_masks_in_run_lengths(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 6, 3), np.uint8))
    labels = np.zeros((4, 6), np.uint8)
    labels[1:3, 2:5] = 1
    mark = {"image_id": 0, "area": 6, "segmentation": segmentation(marks_of(labels)[1].counts, 4, 6)}
    content = {"images": [{"id": 0, "file_name": "a.png"}], "annotations": [mark]}
    (tmp_path / "i.json").write_text(json.dumps(content))
    assert np.array_equal(CocoPictures(tmp_path, tmp_path / "i.json")[0].labels, labels)


def test_stills_pass_over_pictures_without_an_instance_of_some_size() -> None:
    small, large = np.zeros((2, 20, 20), np.uint8)
    small[0, 0] = 1
    large[:10], large[19, 19] = 2, 3
    frame = np.zeros((20, 20, 3), np.uint8)
    stills = Stills([Annotated(frame, small, True), Annotated(frame, large, True)])
    assert [still.instances for still in stills] == [(2,), (2,)]
    with pytest.raises(UserError, match="large enough"):
        Stills([Annotated(frame, small, True)])[0]


def test_options_name_the_sets(tmp_path: Path) -> None:
    parser = ArgumentParser()
    add_public_arguments(parser)
    assert public_pictures(parser.parse_args([])) == []
    with pytest.raises(UserError, match="SegmentationObject"):
        public_pictures(parser.parse_args(["--voc", str(tmp_path)]))
    with pytest.raises(UserError, match=r"none\.json"):
        public_pictures(parser.parse_args(["--coco", str(tmp_path), str(tmp_path / "none.json")]))


def test_lazy_sequences() -> None:
    chain = Chained([[], [0, 1], Mapped("234", int), [], [5]])
    assert len(chain) == 6 and list(chain) == list(range(6))
    assert chain[-1] == 5 and chain[1:5:2] == [1, 3] and chain[9:] == []
    with pytest.raises(IndexError):
        chain[6]
    assert len(Chained([])) == 0


def test_n_mp_sees_coco_and_voc_as_stills(tmp_path: Path) -> None:
    for part in ("JPEGImages", "SegmentationObject"):
        (tmp_path / part).mkdir()
    labels = np.zeros((96, 128), np.uint8)
    labels[20:70, 30:90] = 1
    Image.fromarray(labels).save(tmp_path / "SegmentationObject" / "x.png")
    for path in (tmp_path / "JPEGImages" / "x.jpg", tmp_path / "a.jpg"):
        cv2.imwrite(str(path), np.full((96, 128, 3), 90, np.uint8))
    polygon = [30, 20, 90, 20, 90, 70, 30, 70]
    marks = [{"image_id": 4, "area": 3000, "segmentation": [polygon], "iscrowd": 0}]
    content = {"images": [{"id": 4, "file_name": "a.jpg"}], "annotations": marks}
    (tmp_path / "i.json").write_text(json.dumps(content))
    parser = ArgumentParser()
    add_public_arguments(parser)
    words = ["--voc", str(tmp_path), "--coco", str(tmp_path), str(tmp_path / "i.json")]
    sets = public_pictures(parser.parse_args(words))
    stills = Chained([Stills(pictures) for pictures in sets])
    assert len(stills) == 2 and all(still.instances == (1,) for still in stills)
    views = ViewMaker(stills, [], 64).still_group(np.random.default_rng(0))
    assert len(views) == 3 and all(view.patch.shape == (64, 64, 3) for view in views)
