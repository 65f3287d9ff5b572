"""The report of tables with its pictures, filled from the runs that are complete."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from ..evaluation import InstanceScore, Report
from ..formats.atomic import writable_folder, write_bytes, write_text
from ..formats.davis import DavisRoot
from ..formats.masks import Paint, Rgb, edges, painted, read_label_map
from ..reading import open_file
from .gaps import Accepted, around_gaps, read_gaps, summary
from .report import Example, Figure, Line, Page, kept_text, read_published, render
from .table_runs import DataSet, Kind, Scored, Variant

WIDTH = 427
"""Of a picture, in pixels."""
_JPEG_QUALITY = 80
_COLOURS: tuple[Rgb, ...] = ((230, 60, 30), (30, 140, 240), (240, 190, 20), (170, 60, 220))
_TRUTH = 2
"""Thickness in the frame's pixels of the white line around the truth."""


_SHOWN = "reid"
"""The row whose pictures are shown, if it is complete: the method with its default settings."""
_PARTS = ("full-image", "box", "flow-stream")
"""Rows that lack a part of the method, and are not compared with published ones."""
_PICTURES = 3
_TITLES: Mapping[Kind, tuple[str, str]] = {
    "frames": ("The best frames", "The worst frames"),
    "hidden": ("The best frames with a hidden object", "The worst frames with a hidden object"),
    "pairs": ("The best frames of crossing pairs", "The worst frames of crossing pairs"),
}
Scores = dict[Kind, dict[str, Scored]]


def extremes(
    scores: Mapping[str, Mapping[int, InstanceScore]], count: int
) -> tuple[list[Example], list[Example]]:
    """The best and the worst frames by J&F, of different sequences each.

    A frame in which nothing differs by a single pixel shows nothing, as a rule, and is none of the best.

    Args:
        scores: by sequence and instance; sequences without an instance are passed over.
        count: how many of each, at most.

    Returns:
        the best, best first, and the worst, worst first.
    """
    best, worst = [], []
    for name, instances in scores.items():
        frames = _examples(name, instances)
        drawn = [one for one in frames if one.both < 1]
        if drawn:
            best.append(max(drawn, key=lambda one: one.both))
            worst.append(min(drawn, key=lambda one: one.both))
    best.sort(key=lambda one: -one.both)
    worst.sort(key=lambda one: one.both)
    return best[:count], worst[:count]


def _examples(name: str, instances: Mapping[int, InstanceScore]) -> list[Example]:
    if not instances:
        return []
    j = np.mean([one.j_series for one in instances.values()], axis=0)
    f = np.mean([one.f_series for one in instances.values()], axis=0)
    frames = next(iter(instances.values())).frames
    return [
        Example(float(own_j), float(own_f), sequence=name, frame=frame.rpartition("/")[2])
        for frame, own_j, own_f in zip(frames, j, f, strict=True)
    ]


def draw(frame: Frame, result: LabelMap, truth: LabelMap) -> Frame:
    """The frame with the result's masks in colour, and a white line around the truth, made smaller.

    Args:
        frame: (H, W, 3) uint8 RGB.
        result, truth: (H, W) uint8.

    Returns:
        (h, `WIDTH`, 3) uint8 RGB.
    """
    present = np.unique(result[(result > 0) & (result < 255)])
    colours = {int(k): _COLOURS[(int(k) - 1) % len(_COLOURS)] for k in present}
    picture = painted(frame, result, Paint(colours, 0.5)).copy()
    picture[edges(truth, _TRUTH)] = 255
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    return np.asarray(cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


def write_figures(
    folder: Path, prefix: str, examples: Sequence[Example], davis: DavisRoot, results: Path
) -> list[Path]:
    """Draw examples as `folder`/prefix-1.jpg and so on.

    Args:
        davis: holds frames and truth.
        results: a folder of masks for each sequence.

    Raises:
        UserError: a picture cannot be read or written.
    """
    writable_folder(folder)
    paths = []
    for number, one in enumerate(examples, 1):
        source = davis.frames_folder(one.sequence) / f"{one.frame}.jpg"
        try:
            with open_file(source) as file, Image.open(file) as picture:
                frame = np.asarray(picture.convert("RGB"))
        except OSError as error:
            raise UserError(f"The frame {source} cannot be read: {error}.") from error
        truth = read_label_map(davis.annotations_folder(one.sequence) / f"{one.frame}.png")
        result = read_label_map(results / one.sequence / f"{one.frame}.png", keep_void=True)
        paths.append(folder / f"{prefix}-{number}.jpg")
        buffer = io.BytesIO()
        Image.fromarray(draw(frame, result, truth)).save(buffer, "JPEG", quality=_JPEG_QUALITY)
        write_bytes(paths[-1], buffer.getvalue())
    return paths


def write_page(
    path: Path,
    image_set: str,
    found: Sequence[Variant],
    data: Sequence[DataSet],
    published: Path | None,
) -> None:
    """Score all that is complete, and write page and pictures.

    Args:
        found: every row.
        data: the set itself first.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    writable_folder(path.parent)
    sequences = data[0].sequences
    scores = {variant.row.name: _scores(variant, data) for variant in found}
    lines = [_line(variant, scores[variant.row.name], data) for variant in found]
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    page = Page(
        f"vsreid-studio tables --davis DAVIS --set {image_set}",
        image_set,
        sequences,
        _machine(found),
        lines,
        read_published(published, sequences) if published else (),
        _pictures(path, found, scores, data),
        kept_text(old),
    )
    write_text(path, render(page))


def _scores(variant: Variant, data: Sequence[DataSet]) -> Scores:
    listed = ((one.kind, variant.scored(one)) for one in data)
    return {kind: scored for kind, scored in listed if scored is not None}


def _line(variant: Variant, scores: Scores, data: Sequence[DataSet]) -> Line:
    row = variant.row
    seconds, once = variant.known_pace() or (None, 0.0)
    line = Line(row.title, seconds, once, compared=row.name not in _PARTS)
    if frames := scores.get("frames"):
        line.frames, line.accepted = _report(frames), Accepted.total(one.accepted for one in frames.values())
    if pairs := scores.get("pairs"):
        line.pairs = _report(pairs)
    if hidden := scores.get("hidden"):
        gaps = read_gaps(next(one.davis.root for one in data if one.kind == "hidden"))
        around = [gap for name, one in hidden.items() for gap in around_gaps(name, gaps[name], one.instances)]
        if around:
            line.hidden = summary(around, [one.accepted for one in hidden.values()])
    return line


def _report(scores: Mapping[str, Scored]) -> Report:
    return Report({name: one.instances for name, one in scores.items()})


def _pictures(
    path: Path,
    found: Sequence[Variant],
    scores: Mapping[str, Scores],
    data: Sequence[DataSet],
) -> dict[str, list[Figure]]:
    pictures: dict[str, list[Figure]] = {}
    for one in data:
        ready = [variant for variant in found if one.kind in scores[variant.row.name]]
        variant = next((v for v in ready if v.row.name == _SHOWN), ready[-1] if ready else None)
        if variant is None:
            continue
        listed = {name: it.instances for name, it in scores[variant.row.name][one.kind].items()}
        groups = zip(("best", "worst"), _TITLES[one.kind], extremes(listed, _PICTURES), strict=True)
        for word, title, examples in groups:
            if word == "best" and one.kind != "frames":
                continue
            prefix = f"{path.stem}-{one.kind}-{word}"
            folder = path.parent / "images"
            files = write_figures(folder, prefix, examples, one.davis, variant.results(one))
            pictures[f"{title} ({variant.row.title})"] = [
                Figure(f"images/{file.name}", example) for file, example in zip(files, examples, strict=True)
            ]
    return pictures


def _machine(found: Sequence[Variant]) -> str:
    devices = {variant.engine.device.type for variant in found}
    where = "a GPU" if "cuda" in devices else f"{os.cpu_count()} CPU cores"
    return (
        f"Time: reading, flow, networks and search for one object, on {where}, the mean of the first frames."
    )
