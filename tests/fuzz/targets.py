"""What is read without trust: a reader for each kind of input, and good inputs to begin with."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from vsreid_studio import config
from vsreid_studio.benchmark.candidates import CandidateFiles
from vsreid_studio.benchmark.gaps import read_gaps
from vsreid_studio.benchmark.report import read_published
from vsreid_studio.engine.flow.source import read_flo
from vsreid_studio.engine.types import Candidates
from vsreid_studio.engine.video import open_video
from vsreid_studio.evaluation.reliability import measure_reliability
from vsreid_studio.formats.coco import segmentation
from vsreid_studio.formats.davis import read_sequence_list
from vsreid_studio.formats.given_masks import read_given_masks
from vsreid_studio.formats.marks import marks_of
from vsreid_studio.formats.masks import encode_label_map, read_label_map
from vsreid_studio.formats.mots import read_mots
from vsreid_studio.formats.points import read_points
from vsreid_studio.formats.youtube_vos import read_objects

from . import mutators, projects
from .apart import VideosApart
from .mutators import Mutator
from .projects import project_bytes, use_project
from .videos import CONTAINERS, video_bytes

H, W = 24, 32
PROJECT = "p.vsreid"


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: of the kind of input.
        file: where the input lies, below a folder.
        seeds: good inputs.
        read: reads it, of the folder.
        mutators: how inputs are damaged.
        weight: how many of a run's inputs it gets, beside 1.
    """

    name: str
    file: str
    seeds: Sequence[bytes]
    read: Callable[[Path], object]
    mutators: Sequence[Mutator] = mutators.TEXT
    weight: float = field(default=1.0)


def labels() -> np.ndarray:
    """Two blocks."""
    found = np.zeros((H, W), np.uint8)
    found[4:12, 3:13], found[10:20, 18:28] = 1, 2
    return found


def targets(folder: Path, apart: VideosApart) -> list[Target]:
    """All of them.

    Args:
        folder: gets a clip that annotations are read for.
        apart: reads the videos.
    """
    clip = folder / "clip"
    clip.mkdir(parents=True)
    for index in range(3):
        noise = np.random.default_rng(index).integers(0, 255, (H, W, 3), np.uint8)
        Image.fromarray(noise).save(clip / f"{index:05d}.png")
    given = partial(_given, clip)
    return [
        Target(
            "mask picture", "m.png", _pictures(), lambda at: read_label_map(at / "m.png"), mutators.PICTURE, 4
        ),
        Target("given mask", "m.png", _pictures(), partial(given, "m.png"), mutators.PICTURE, 2),
        Target("tiff mask", "m.tif", _tiffs(), partial(given, "m.tif"), mutators.BINARY),
        Target("coco", "m.json", [_coco()], partial(given, "m.json"), weight=2),
        Target("youtube-vis", "m.json", [_youtube_vis()], partial(given, "m.json"), weight=2),
        Target("labelme", "m.json", [_labelme()], partial(given, "m.json"), weight=2),
        Target("cvat", "m.xml", [_cvat()], partial(given, "m.xml"), weight=2),
        Target("yolo", "m.txt", [b"0 .1 .1 .5 .1 .5 .5\n1 .6 .6 .9 .6 .9 .9 3\n"], partial(given, "m.txt")),
        Target("mots", "m.txt", [_mots()], lambda at: list(read_mots(at / "m.txt", H, W, 3))),
        Target("points", "p.json", [_points()], lambda at: read_points(at / "p.json", 3, H, W), weight=2),
        Target("settings", "s.toml", [_settings()], lambda at: config.load(at / "s.toml"), weight=2),
        Target(
            "set",
            "val.txt",
            [b"bear\ndog-agility/1\n\nbus\r\n"],
            lambda at: read_sequence_list(at / "val.txt"),
        ),
        Target("meta.json", "meta.json", [_meta()], lambda at: read_objects(at, "a")),
        Target("record", "results/a/provenance.json", [_record()], _reliability),
        Target("gaps", "gaps.json", [b'{"a": [{"instance": 1, "first": 2, "last": 5}]}'], read_gaps),
        Target("published", "p.json", [_published()], lambda at: read_published(at / "p.json", ["a"])),
        Target(
            "candidates", "00000.npz", _candidates(), lambda at: CandidateFiles(at).get(0), mutators.BINARY, 2
        ),
        Target("frame", "clip/0.png", _pictures(), lambda at: _frames(at / "clip"), mutators.PICTURE),
        Target("flow", "f.flo", [_flo()], lambda at: read_flo(at / "f.flo"), mutators.BINARY),
        Target("project", PROJECT, [project_bytes(folder)], _project, projects.MUTATORS, 4),
        *(_video(suffix, apart) for suffix in CONTAINERS),
    ]


def _video(suffix: str, apart: VideosApart) -> Target:
    name = f"v.{suffix}"
    return Target(suffix, name, [video_bytes(suffix)], lambda at: apart.read(at / name), mutators.BINARY)


def _project(at: Path) -> None:
    use_project(at / PROJECT)


def _given(clip: Path, name: str, at: Path) -> object:
    with open_video(clip) as video:
        return read_given_masks(at / name, video)


def _flo() -> bytes:
    flow = np.random.default_rng(0).normal(size=(6, 8, 2)).astype("<f4")
    return b"PIEH" + np.array([8, 6], "<i4").tobytes() + flow.tobytes()


def _frames(source: Path) -> object:
    with open_video(source) as video:
        return [video.frame(index) for index in range(min(video.length, 3))]


def _reliability(at: Path) -> object:
    for folder in ("truth/a", "results/a"):
        (at / folder).mkdir(parents=True, exist_ok=True)
        for index in range(3):
            (at / folder / f"{index:05d}.png").write_bytes(encode_label_map(labels()))
    return measure_reliability(at / "truth", at / "results", ["a"])


def _encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _pictures() -> list[bytes]:
    found = labels()
    clear = np.dstack([np.full((H, W, 3), 200, np.uint8), np.where(found, 255, 0).astype(np.uint8)])
    two = Image.fromarray((found > 0).astype(np.uint8))
    two.putpalette([255, 255, 255, 0, 0, 0])
    return [
        encode_label_map(found),
        *(_encoded(Image.fromarray(found * 120).convert(mode)) for mode in ("1", "L", "RGB", "LA")),
        _encoded(Image.fromarray(clear)),
        _encoded(Image.fromarray(found.astype(np.uint16) * 1000)),
        _encoded(two, bits=1, transparency=0),
    ]


def _tiffs() -> list[bytes]:
    grey = Image.fromarray(labels() * 100)
    real = Image.fromarray(labels().astype(np.float32) / 2)
    return [*(_encoded(grey, "TIFF", compression=how) for how in (None, "tiff_lzw")), _encoded(real, "TIFF")]


def _outlines() -> list[list[int]]:
    return [[3, 4, 13, 4, 13, 12, 3, 12]]


def _coco() -> bytes:
    marks = [
        {
            "id": k,
            "image_id": 1,
            "category_id": k,
            "segmentation": segmentation(mark.counts, H, W),
            "bbox": mark.box,
        }
        for k, mark in marks_of(labels()).items()
    ]
    marks.append({"id": 9, "image_id": 2, "category_id": 1, "segmentation": _outlines(), "iscrowd": 0})
    images = [{"id": n + 1, "file_name": f"clip/{n:05d}.png", "height": H, "width": W} for n in range(2)]
    kinds = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return json.dumps({"images": images, "annotations": marks, "categories": kinds}).encode()


def _youtube_vis() -> bytes:
    names = [f"clip/{index:05d}.png" for index in range(3)]
    counts = segmentation(marks_of(labels())[1].counts, H, W)
    track = {"id": 1, "video_id": 1, "category_id": 1, "segmentations": [counts, None, _outlines()]}
    videos = [{"id": 1, "height": H, "width": W, "length": 3, "file_names": names}]
    return json.dumps({"videos": videos, "annotations": [track], "categories": []}).encode()


def _labelme() -> bytes:
    png = base64.b64encode(_encoded(Image.fromarray(np.ones((5, 4), np.uint8) * 255))).decode()
    shapes = [
        {"label": "dog", "points": [[3, 4], [13, 4], [13, 12]], "shape_type": "polygon", "group_id": None},
        {"label": "cat", "points": [[3, 4], [13, 12]], "shape_type": "rectangle", "group_id": 2},
        {"label": "cat", "points": [[9, 9], [12, 9]], "shape_type": "circle", "group_id": 2},
        {"label": "hen", "points": [[20, 4], [24, 9]], "shape_type": "mask", "mask": png},
    ]
    return json.dumps({"shapes": shapes, "imageHeight": H, "imageWidth": W}).encode()


def _cvat() -> bytes:
    return b"""<?xml version="1.0" encoding="utf-8"?>
<annotations><meta><task><original_size><width>32</width><height>24</height></original_size></task></meta>
<track id="0" label="dog"><polygon frame="0" outside="0" points="3,4;13,4;13,12"/>
<mask frame="1" outside="0" rle="3, 5, 12" left="4" top="4" width="5" height="4"/></track>
<image id="2" name="clip/00002.png" width="32" height="24">
<box label="a" xtl="1" ytl="2" xbr="9" ybr="9"/></image>
</annotations>"""


def _mots() -> bytes:
    marks = marks_of(labels())
    return "".join(f"0 {1000 + k} 1 {H} {W} {mark.counts}\n" for k, mark in marks.items()).encode()


def _points() -> bytes:
    entry = {"frame": 0, "instance": 1, "points": [[5, 5, 1], [9, 9, 0]]}
    return json.dumps([entry, {"frame": 1, "instance": 2, "box": [3, 4, 13, 12]}]).encode()


def _settings() -> bytes:
    propagation = b"[propagation]\nscales = [0.75, 1.0]\nflip = true\nmemory = 3\n"
    return b'device = "cpu"\nflow = "dis"\n' + propagation + b"[reid]\nrho_reid = 0.7\n"


def _meta() -> bytes:
    return b'{"videos": {"a": {"objects": {"1": {"category": "dog", "frames": ["00000", "00001"]}}}}}'


def _record() -> bytes:
    cells = [
        {
            "frame": n,
            "origin": 0,
            "made_by": "propagation",
            "pinned": False,
            "empty": False,
            "confidence": 0.5 + n / 9,
        }
        for n in range(3)
    ]
    record = {"instances": [{"instance": 1, "name": "a", "frames": cells}], "decisions": [], "frames": 3}
    return json.dumps({**record, "frame_names": ["00000", "00001", "00002"]}).encode()


def _published() -> bytes:
    return b'{"methods": {"x": {"val": {"a": {"J": 0.5, "F": 0.25}}}}}'


def _candidates() -> list[bytes]:
    random, buffer = np.random.default_rng(0), io.BytesIO()
    found = Candidates(
        random.integers(0, 20, (3, 4), dtype=np.int32),
        random.random(3, np.float32),
        np.zeros(3, np.bool_),
        random.random((3, 8), np.float32),
    )
    np.savez(buffer, **{name: getattr(found, name) for name in Candidates.__slots__})
    return [buffer.getvalue()]
