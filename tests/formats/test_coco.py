from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grids import HEIGHT, NAMES, WIDTH, awkward_maps, frames_like
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats.coco import export_coco, export_coco_video, read_coco_masks, read_coco_video
from vsreid_studio.formats.footage import Footage

KINDS = ["Läuferin", "自転車", "rider", "never seen", "two words"]


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_images_and_annotations(tmp_path: Path) -> None:
    maps = awkward_maps()
    export_coco(tmp_path, Footage("clip", frames_like(maps), maps), NAMES)
    document = load(tmp_path / "annotations" / "instances_clip.json")
    assert [(it["id"], it["name"]) for it in document["categories"]] == list(enumerate(KINDS, 1))
    assert [it["id"] for it in document["images"]] == list(range(7))
    for image in document["images"]:
        with Image.open(tmp_path / "images" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"]) == (WIDTH, HEIGHT)
    marks = document["annotations"]
    assert [it["id"] for it in marks] == list(range(1, len(marks) + 1))
    assert [it["image_id"] for it in marks] == [0, 0, 0, 0, 2, 3, 4, 4, 5, 5, 6]
    assert [it["category_id"] for it in marks[:4]] == [1, 2, 3, 3]
    pixel, full = marks[4], marks[5]
    assert (pixel["area"], pixel["bbox"], pixel["instance_id"]) == (1, [11, 7, 1, 1], 1)
    assert (full["area"], full["bbox"]) == (HEIGHT * WIDTH, [0, 0, WIDTH, HEIGHT])
    assert full["segmentation"] == {"size": [HEIGHT, WIDTH], "counts": "0\\6"} and full["iscrowd"] == 0


def test_tracks(tmp_path: Path) -> None:
    maps = awkward_maps()
    export_coco_video(tmp_path, Footage("clip", frames_like(maps), maps), NAMES)
    document = load(tmp_path / "instances_clip.json")
    (video,) = document["videos"]
    assert (video["id"], video["length"], video["height"], video["width"]) == (1, 7, HEIGHT, WIDTH)
    assert all((tmp_path / "JPEGImages" / name).is_file() for name in video["file_names"])
    assert [it["name"] for it in document["categories"]] == KINDS
    tracks = {it["id"]: it for it in document["annotations"]}
    assert list(tracks) == [1, 2, 3, 4, 254]
    assert [it["category_id"] for it in tracks.values()] == [1, 2, 3, 3, 5]
    for key in ("segmentations", "bboxes", "areas"):
        assert [value is None for value in tracks[2][key]] == [False, True, True, False, True, True, True]
    assert tracks[254]["areas"][4] == HEIGHT and tracks[254]["bboxes"][4] == [8, 0, 1, HEIGHT]


def test_an_instance_without_a_name(tmp_path: Path) -> None:
    maps = awkward_maps()
    export_coco(tmp_path, Footage("clip", frames_like(maps), maps), {})
    document = load(tmp_path / "annotations" / "instances_clip.json")
    assert [it["name"] for it in document["categories"]] == [f"instance {n}" for n in (1, 2, 3, 4, 254)]


def test_files_of_others(tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    marks = [
        {"image_id": 9, "segmentation": {"size": [2, 3], "counts": [2, 2, 2]}},
        {"image_id": 9, "segmentation": {"size": [2, 3], "counts": [0, 1, 5]}},
    ]
    document = {"images": [{"id": 9, "height": 2, "width": 3}], "annotations": marks}
    path.write_text(json.dumps(document))
    (labels,) = read_coco_masks(path)
    assert np.array_equal(labels, [[2, 1, 0], [0, 1, 0]])
    marks[1]["segmentation"] = [[0, 0, 1, 1]]
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="masks in run lengths"):
        list(read_coco_masks(path))
    with pytest.raises(UserError, match="needs the lists videos and annotations"):
        list(read_coco_video(path))
    path.write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        list(read_coco_masks(path))
    with pytest.raises(UserError, match="no such file"):
        list(read_coco_masks(tmp_path / "gone.json"))


def test_a_video_that_is_not_in_the_file(tmp_path: Path) -> None:
    maps = awkward_maps()
    export_coco_video(tmp_path, Footage("clip", frames_like(maps), maps), NAMES)
    with pytest.raises(UserError, match="has no video 2"):
        list(read_coco_video(tmp_path / "instances_clip.json", 2))
    document = load(tmp_path / "instances_clip.json")
    document["annotations"][0]["segmentations"].pop()
    (tmp_path / "instances_clip.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="not a YouTube-VIS file"):
        list(read_coco_video(tmp_path / "instances_clip.json"))
