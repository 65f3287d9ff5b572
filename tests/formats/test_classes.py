"""Lists of classes: files of others, and what exports make of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vsreid_studio.engine.types import Frame, LabelMap
from vsreid_studio.errors import UserError
from vsreid_studio.formats.classes import Classes, joined, read_classes, write_classes
from vsreid_studio.formats.coco import export_coco, export_coco_video
from vsreid_studio.formats.footage import Footage
from vsreid_studio.formats.mots import export_mots, read_labels
from vsreid_studio.formats.youtube_vos import export_youtube_vos, read_objects

LISTED = {3: "dog", 7: "cat"}
NAMES = {1: "Rex", 2: "Tom", 5: "ball"}
CLASSES = Classes(LISTED, {1: 3, 2: 7})


def clip() -> tuple[list[Frame], list[LabelMap]]:
    frame = np.zeros((8, 12, 3), np.uint8)
    labels = np.zeros((8, 12), np.uint8)
    labels[1:3, 1:4], labels[4:6, 1:4], labels[4:6, 6:9] = 1, 2, 5
    return [frame] * 2, [labels] * 2


@pytest.mark.parametrize("name", ["classes.txt", "classes.json"])
def test_a_list_reads_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_classes(path, LISTED)
    found = read_classes(path)
    assert list(found.values()) == ["dog", "cat"]
    # Text has no numbers: they are counted from 1.
    assert list(found) == ([1, 2] if name.endswith("txt") else [3, 7])


def test_a_list_of_others(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("\ufeff traffic  light \n\nperson\nperson\n")
    assert read_classes(path) == {1: "traffic light", 2: "person"}
    coco = tmp_path / "instances_val2017.json"
    coco.write_text(json.dumps({"images": [], "categories": [{"id": 0, "name": "bird", "keypoints": []}]}))
    assert read_classes(coco) == {0: "bird"}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"categories": 3}',
        '{"categories": []}',
        '{"categories": [{"id": 1}]}',
        '{"categories": [7]}',
        '{"categories": [{"id": "1", "name": "dog"}]}',
        '{"categories": [{"id": -1, "name": "dog"}]}',
        '{"categories": [{"id": 1, "name": "dog"}, {"id": 1, "name": "cat"}]}',
        '{"categories": [{"id": 1, "name": " "}]}',
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "classes.json"
    path.write_text(text)
    with pytest.raises(UserError):
        read_classes(path)


def test_an_empty_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("\n \n")
    with pytest.raises(UserError, match="names no class"):
        read_classes(path)


def test_joined_lists_keep_the_numbers_of_the_first() -> None:
    assert joined(LISTED, {1: "dog", 2: "bird", 7: "fish"}) == {2: "bird", 3: "dog", 7: "cat", 8: "fish"}
    assert joined({}, {90: "toothbrush"}) == {90: "toothbrush"}


def test_classes_take_the_numbers_of_a_given_list() -> None:
    given = CLASSES.numbered_as({1: "cat", 2: "bird"})
    assert given == Classes({1: "cat", 2: "bird", 3: "dog"}, {1: 3, 2: 1})


def test_coco_has_the_list_and_a_category_for_each_name_without_a_class(tmp_path: Path) -> None:
    for write, name in (
        (export_coco, "annotations/instances_a.json"),
        (export_coco_video, "instances_a.json"),
    ):
        root = tmp_path / write.__name__
        write(root, Footage("a", *clip()), NAMES, classes=CLASSES)
        document = json.loads((root / name).read_text())
        assert [(it["id"], it["name"]) for it in document["categories"]] == [
            (3, "dog"),
            (7, "cat"),
            (8, "ball"),
        ]
        found = {it["instance_name"]: it["category_id"] for it in document["annotations"]}
        assert found == {"Rex": 3, "Tom": 7, "ball": 8}


def test_youtube_vos_and_mots_name_the_class(tmp_path: Path) -> None:
    export_youtube_vos(tmp_path / "vos", Footage("a", *clip()), NAMES, classes=CLASSES)
    assert [it.category for it in read_objects(tmp_path / "vos", "a")] == ["dog", "cat", "ball"]
    export_mots(tmp_path / "mots", Footage("a", *clip()), NAMES, classes=CLASSES)
    assert read_labels(tmp_path / "mots" / "a.labels.txt") == ("dog", "cat", "ball")


def test_a_class_that_is_gone_leaves_the_name(tmp_path: Path) -> None:
    assert Classes({}, {1: 3}).kind(NAMES, 1) == "Rex"
