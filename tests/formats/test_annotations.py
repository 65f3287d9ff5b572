from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.errors import UserError
from vsreid_studio.formats.annotations import GivenMasks
from vsreid_studio.formats.classes import Classes
from vsreid_studio.formats.coco import export_coco, export_coco_video
from vsreid_studio.formats.footage import Footage
from vsreid_studio.formats.given_masks import read_given_masks
from vsreid_studio.formats.rle import compressed, run_lengths

H, W, LENGTH = 12, 20, 4
A, B = (2, 3, 8, 9), (10, 1, 18, 7)
"""x0, y0, x1, y1 of two blocks."""


@pytest.fixture
def video(tmp_path: Path) -> Iterator[Video]:
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(LENGTH):
        Image.new("RGB", (W, H), (index, 0, 0)).save(folder / f"{index:05d}.jpg")
    with open_video(folder) as found:
        yield found


def block(sides: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    x0, y0, x1, y1 = sides
    mask = np.zeros((H, W), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask


def outline(sides: tuple[int, int, int, int]) -> list[int]:
    x0, y0, x1, y1 = sides
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def rle(sides: tuple[int, int, int, int]) -> dict[str, Any]:
    return {"size": [H, W], "counts": compressed(run_lengths(block(sides))[1])}


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def found(given: GivenMasks) -> dict[tuple[int, int], NDArray[np.bool_]]:
    return {(frame, k): mask.hard(H, W) for frame, there in given.masks.items() for k, mask in there.items()}


def check(given: GivenMasks, expected: dict[tuple[int, int], tuple[int, int, int, int]]) -> None:
    there = found(given)
    assert there.keys() == expected.keys()
    assert all(np.array_equal(there[key], block(sides)) for key, sides in expected.items())


def coco(*marks: dict[str, Any], names: tuple[str, ...] = ("a/00000.jpg", "a/00002.jpg")) -> dict[str, Any]:
    images = [{"id": 7 + i, "file_name": name, "height": H, "width": W} for i, name in enumerate(names)]
    kinds = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return {"images": images, "annotations": list(marks), "categories": kinds}


def test_coco_with_classes_as_identities(tmp_path: Path, video: Video) -> None:
    first = {"image_id": 7, "category_id": 2, "segmentation": rle(B)}
    second = {"image_id": 7, "category_id": 1, "segmentation": [outline(A)]}
    later = {"image_id": 8, "category_id": 1, "segmentation": rle(B)}
    given = read_given_masks(write(tmp_path / "c.json", coco(first, second, later)), video)
    check(given, {(0, 1): B, (0, 2): A, (2, 2): B})
    assert given.names == {1: "cat", 2: "dog"}
    assert given.text == "COCO, 2 objects, told apart by their names"


def test_coco_without_identities_tells_so(tmp_path: Path, video: Video) -> None:
    marks = [
        {"image_id": image, "category_id": 1, "segmentation": rle(sides)}
        for image in (7, 8)
        for sides in (A, B)
    ]
    given = read_given_masks(write(tmp_path / "c.json", coco(*marks)), video)
    check(given, {(0, 1): A, (0, 2): B, (2, 1): A, (2, 2): B})
    assert "by their order" in given.text


def test_coco_takes_the_folder_of_the_video(tmp_path: Path, video: Video) -> None:
    names = ("other/00000.jpg", "clip/00000.jpg")
    marks = [{"image_id": 7 + i, "track_id": 3, "segmentation": rle(s)} for i, s in enumerate((A, B))]
    check(read_given_masks(write(tmp_path / "c.json", coco(*marks, names=names)), video), {(0, 3): B})
    names = ("other/00000.jpg", "another/00000.jpg")
    with pytest.raises(UserError, match="several pictures of the name"):
        read_given_masks(write(tmp_path / "c.json", coco(*marks, names=names)), video)


@pytest.mark.parametrize(
    "names", [("a/00001.jpg", "b/00001.jpg"), ("1.jpg", "00001.jpg"), ("1.jpg", "1.jpg")]
)
@pytest.mark.parametrize("form", ["coco", "vis", "cvat"])
def test_two_pictures_for_one_frame_are_refused(
    tmp_path: Path, video: Video, form: str, names: tuple[str, str]
) -> None:
    """Else the objects of both would be in it, or of one of them be lost."""
    masks = [[outline(A)], [outline(B)]]
    path = tmp_path / "it.json"
    if form == "coco":
        marks = [{"image_id": n, "category_id": 1, "segmentation": one} for n, one in enumerate(masks)]
        images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
        write(path, {"images": images, "annotations": marks})
    elif form == "vis":
        listed = [{"id": 1, "file_names": list(names)}]
        write(path, {"videos": listed, "annotations": [{"id": 1, "video_id": 1, "segmentations": masks}]})
    else:
        path = tmp_path / "it.xml"
        box = '<box label="dog" xtl="2" ytl="3" xbr="8" ybr="9"/>'
        path.write_text(
            "".join(f'<image name="{name}">{box}</image>' for name in names).join(
                ("<annotations>", "</annotations>")
            )
        )
    with pytest.raises(UserError, match=r"several pictures of the name 0*1 "):
        read_given_masks(path, video)


def test_two_pictures_of_one_id_are_refused(tmp_path: Path, video: Video) -> None:
    images = [{"id": 1, "file_name": f"0000{n}.jpg"} for n in range(2)]
    marks = [{"image_id": 1, "category_id": 1, "segmentation": [outline(A)]}]
    with pytest.raises(UserError, match="several pictures of the id 1"):
        read_given_masks(write(tmp_path / "coco.json", {"images": images, "annotations": marks}), video)


def test_two_files_for_one_frame_are_refused(tmp_path: Path, video: Video) -> None:
    (tmp_path / "yolo").mkdir()
    for name in ("1.txt", "00001.txt"):
        (tmp_path / "yolo" / name).write_text("0 .1 .1 .5 .1 .5 .5\n")
    with pytest.raises(UserError, match="are both of frame 00001"):
        read_given_masks(tmp_path / "yolo", video)


def test_what_was_exported_is_read(tmp_path: Path, video: Video) -> None:
    maps = [block(A) * 5, block(A) * 5 + block(B) * 9, block(B) * 0, block(B) * 9]
    frames = [video.frame(index) for index in range(LENGTH)]
    export_coco(tmp_path / "c", Footage("clip", frames, maps), {5: "dog"})
    export_coco_video(tmp_path / "v", Footage("clip", frames, maps), {5: "dog"})
    for root in ("c", "v"):
        (file,) = (path for path in (tmp_path / root).rglob("[!.]*.json") if "provenance" not in path.parts)
        given = read_given_masks(file, video)
        check(given, {(0, 5): A, (1, 5): A, (1, 9): B, (3, 9): B})
        assert given.names[5] == "dog"


def test_a_class_of_the_same_name_is_read_as_a_class(tmp_path: Path, video: Video) -> None:
    maps = [block(A) * 5 + block(B) * 9] * LENGTH
    classes = Classes({3: "dog"}, {5: 3})
    for number, write_all in enumerate((export_coco, export_coco_video)):
        frames = [video.frame(index) for index in range(LENGTH)]
        root = tmp_path / str(number)
        write_all(root, Footage("clip", frames, maps), {5: "dog", 9: "cat"}, classes=classes)
        (file,) = (path for path in root.rglob("[!.]*.json") if "provenance" not in path.parts)
        given = read_given_masks(file, video)
        assert given.names == {5: "dog", 9: "cat"}
        assert given.classes == {5: "dog"}


def test_youtube_vis_with_polygons(tmp_path: Path, video: Video) -> None:
    files = ["x/00000.jpg", "x/00002.jpg"]
    document = {
        "videos": [{"id": 4, "height": H, "width": W, "file_names": files}],
        "annotations": [{"id": 900, "video_id": 4, "segmentations": [None, [outline(A)]]}],
    }
    check(read_given_masks(write(tmp_path / "v.json", document), video), {(2, 1): A})


def labelme(*shapes: dict[str, Any]) -> dict[str, Any]:
    return {"version": "5", "shapes": list(shapes), "imageHeight": H, "imageWidth": W, "imageData": None}


def test_labelme(tmp_path: Path, video: Video) -> None:
    pairs = np.reshape(outline(A), (-1, 2)).tolist()
    buffer = io.BytesIO()
    Image.fromarray(np.ones((6, 8), np.bool_)).save(buffer, "PNG")
    png = base64.b64encode(buffer.getvalue()).decode()
    polygon = {"label": "dog", "points": pairs, "shape_type": "polygon"}
    part = {"label": "cat", "points": [[10, 1], [14, 7]], "shape_type": "rectangle", "group_id": 1}
    mask = {"label": "cat", "points": [[10, 1], [17, 6]], "shape_type": "mask", "mask": png, "group_id": 1}
    write(tmp_path / "m" / "00000.json", labelme(polygon, part, mask))
    write(tmp_path / "m" / "00003.json", labelme(polygon))
    given = read_given_masks(tmp_path / "m", video)
    check(given, {(0, 1): A, (0, 2): B, (3, 1): A})
    assert given.names == {1: "dog", 2: "cat"}
    check(read_given_masks(tmp_path / "m" / "00000.json", video, frame=2), {(2, 1): A, (2, 2): B})


def test_a_group_and_a_single_shape_of_its_class_are_two_objects(tmp_path: Path, video: Video) -> None:
    def shape(sides: tuple[int, int, int, int], **more: int) -> dict[str, Any]:
        pairs = np.reshape(outline(sides), (-1, 2)).tolist()
        return {"label": "dog", "points": pairs, "shape_type": "polygon", **more}

    file = write(tmp_path / "00000.json", labelme(shape(A, group_id=1), shape(B)))
    check(read_given_masks(file, video), {(0, 1): A, (0, 2): B})
    xml = tmp_path / "a.xml"
    xml.write_text(CVAT_IMAGES.replace('label="dog"', 'label="cat" group_id="1"'))
    check(read_given_masks(xml, video), {(1, 1): A, (1, 2): B})


CVAT_VIDEO = """<annotations><meta><task>
<original_size><width>20</width><height>12</height></original_size></task></meta>
<track id="0" label="dog"><polygon frame="0" outside="0" points="2,3;8,3;8,9;2,9"/>
<polygon frame="2" outside="1" points="2,3;8,3;8,9;2,9"/></track>
<track id="1" label="dog">
<mask frame="1" outside="0" rle="{rle}" left="10" top="1" width="8" height="6"/></track>
</annotations>"""
CVAT_IMAGES = """<annotations><image id="0" name="a/00001.jpg" width="20" height="12">
<polygon label="dog" points="2,3;8,3;8,9;2,9"/>
<box label="cat" xtl="10" ytl="1" xbr="18" ybr="7"/></image>
</annotations>"""


def track(polygon: str) -> str:
    return f"<annotations><track id='1'><polygon {polygon}/></track></annotations>"


def test_cvat(tmp_path: Path, video: Video) -> None:
    file = tmp_path / "a.xml"
    file.write_text(CVAT_VIDEO.format(rle="0, 48"))
    check(read_given_masks(file, video), {(0, 1): A, (1, 2): B})
    # Along the rows: the upper half of the mask.
    file.write_text(CVAT_VIDEO.format(rle="0, 24, 24"))
    check(read_given_masks(file, video), {(0, 1): A, (1, 2): (10, 1, 18, 4)})
    file.write_text(CVAT_IMAGES)
    check(read_given_masks(file, video), {(1, 1): A, (1, 2): B})


def test_cvat_boxes_and_ellipses_are_turned(
    tmp_path: Path, video: Video, caplog: pytest.LogCaptureFixture
) -> None:
    shapes = (
        '<box label="a" xtl="1" ytl="4" xbr="9" ybr="8" rotation="90"/>',
        '<ellipse label="b" cx="14" cy="6" rx="5" ry="2" rotation="90"/>',
        '<polyline label="c" points="1,1;5,5"/>',
    )
    image = f'<image id="0" name="a/00001.jpg" width="20" height="12">{"".join(shapes)}</image>'
    (tmp_path / "a.xml").write_text(f"<annotations>{image}</annotations>")
    given = read_given_masks(tmp_path / "a.xml", video)
    there = found(given)
    assert np.array_equal(there[1, 1], block((3, 2, 7, 10)))
    box = given.masks[1][2].box
    assert (box.x0, box.y0, box.x1, box.y1) == (12, 1, 16, 11)
    assert given.masks[1][2].area == pytest.approx(np.pi * 10, rel=0.1)
    assert "shapes without an area are left out: 1 polyline" in caplog.text
    for angle, low, high in ((45, True, False), (-45, False, True)):
        ellipse = f'<ellipse label="b" cx="10" cy="6" rx="6" ry="1" rotation="{angle}"/>'
        (tmp_path / "a.xml").write_text(CVAT_IMAGES.replace("</image>", f"{ellipse}</image>"))
        mask = found(read_given_masks(tmp_path / "a.xml", video))[1, 3]
        # Clockwise: the right end goes down.
        assert (mask[9, 13], mask[2, 13]) == (low, high)


def test_yolo(tmp_path: Path, video: Video) -> None:
    def line(kind: int, sides: tuple[int, int, int, int], *more: float) -> str:
        shares = [value / (W, H)[place % 2] for place, value in enumerate(outline(sides))]
        return " ".join(map(str, (kind, *shares, *more))) + "\n"

    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "00000.txt").write_text(line(0, A) + line(3, B, 0.9))
    (tmp_path / "m" / "00002.txt").write_text(line(3, B))
    given = read_given_masks(tmp_path / "m", video)
    check(given, {(0, 1): A, (0, 2): B, (2, 2): B})
    assert given.names == {1: "class 0", 2: "class 3"}
    (tmp_path / "m" / "00000.txt").write_text(line(0, A, 8) + line(0, B, 5))
    (tmp_path / "m" / "00002.txt").write_text(line(0, B, 8))
    check(read_given_masks(tmp_path / "m", video), {(0, 8): A, (0, 5): B, (2, 8): B})


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.json", "[]", "of no known form"),
        ("a.json", '{"images": 3, "annotations": []}', "not a COCO file"),
        ("a.json", '{"videos": [3], "annotations": []}', "not a YouTube-VIS file"),
        ("a.json", '{"shapes": [{"label": "a", "points": [[1, 2]]}]}', "no polygon"),
        ("a.json", '{"shapes": [{"label": "a", "points": [1, 2]}]}', "not a labelme file"),
        ("a.json", '{"shapes": [], "imageHeight": 9, "imageWidth": 9}', "is 20 x 12"),
        ("a.json", '{"shapes": []}', "shows no object"),
        ("a.xml", "<svg/>", "of no known form"),
        ("a.xml", "<!DOCTYPE a><annotations/>", "has a DTD"),
        (
            "a.xml",
            track("frame='99' points='1,1;2,2;3,1'"),
            "99",
        ),
        ("a.xml", track("frame='0' points='x'"), "CVAT"),
        (
            "a.xml",
            track("frame='inf' points='1,1;2,2;3,1'"),
            "CVAT",
        ),
        ("a.txt", "0 1 2", "Line 1"),
        ("a.txt", "0 300 2 5 6 7 8", "Line 1"),
        ("a.txt", "nan .1 .1 .5 .1 .5 .5", "Line 1"),
        ("a.txt", "", "shows no object"),
    ],
)
def test_what_is_refused(tmp_path: Path, video: Video, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_given_masks(tmp_path / name, video)


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [H, W], "counts": "o" * 100_000},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [H, W], "counts": [-1, H * W + 1]},
        {"size": [H], "counts": []},
        {"size": [H, W], "counts": None},
        [[1, 2, 3]],
        "x",
        3,
    ],
)
def test_hostile_masks_of_coco(tmp_path: Path, video: Video, segmentation: object) -> None:
    file = write(tmp_path / "c.json", coco({"image_id": 7, "segmentation": segmentation}))
    with pytest.raises(UserError):
        read_given_masks(file, video)


def test_labelme_names_the_picture_that_it_is_for(tmp_path: Path, video: Video) -> None:
    shape = {"label": "a", "points": [[2, 2], [9, 2], [9, 9]], "shape_type": "polygon"}
    document = labelme(shape)
    path = write(tmp_path / "any.json", document | {"imagePath": "..\\\\clip\\\\00002.jpg"})
    assert list(read_given_masks(path, video).masks) == [2]
    path = write(tmp_path / "any.json", document | {"imagePath": "00099.jpg"})
    with pytest.raises(UserError, match=r"is for the picture '00099\.jpg', which is none of"):
        read_given_masks(path, video)


def coco_of(*names: str) -> dict[str, Any]:
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    marks = [
        {"image_id": it["id"], "category_id": 1, "segmentation": rle(A), "instance_id": 1} for it in images
    ]
    return {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "dog"}]}


def test_pictures_that_are_no_frames_are_refused_or_told(
    tmp_path: Path, video: Video, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.json", coco_of("clip/00000.jpg", "clip/00004.jpg", "other/00001.jpg"))
    with pytest.raises(UserError, match=r"for the picture '00004\.jpg', which is none of .*00000 to 00003"):
        read_given_masks(path, video)
    path = write(tmp_path / "b.json", coco_of("00001.jpg", "00004.jpg"))
    assert list(read_given_masks(path, video).masks) == [1]
    assert caplog.messages == [f"{path}: 1 pictures are no frames of {video.path} (00004.jpg)"]
    for name in ("00001.txt", "00004.txt", "classes.txt"):
        (tmp_path / "yolo").mkdir(exist_ok=True)
        (tmp_path / "yolo" / name).write_text("0 .1 .1 .5 .1 .5 .5")
    with pytest.raises(UserError, match=r"00004\.txt is named like no frame"):
        read_given_masks(tmp_path / "yolo", video)
    (tmp_path / "yolo" / "00004.txt").unlink()
    assert list(read_given_masks(tmp_path / "yolo", video).masks) == [1]


def test_what_is_wrong_with_a_mask_tells_the_file(tmp_path: Path, video: Video) -> None:
    document = coco_of("00001.jpg")
    document["annotations"][0]["segmentation"] = {"size": [H, W], "counts": [3, 4]}
    with pytest.raises(UserError, match=r"a\.json: A mask's run lengths do not fill"):
        read_given_masks(write(tmp_path / "a.json", document), video)
