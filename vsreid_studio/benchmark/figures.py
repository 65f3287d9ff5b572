"""Small pictures of the best and the worst frames, the mask drawn into them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from ..evaluation import InstanceScore
from ..evaluation.comparison import Figures
from ..formats.atomic import writable_folder, write_bytes
from ..formats.davis import DavisRoot
from ..formats.masks import Paint, Rgb, edges, painted, read_label_map

WIDTH = 427
"""Of a picture, in pixels."""
_JPEG_QUALITY = 80
_COLOURS: tuple[Rgb, ...] = ((230, 60, 30), (30, 140, 240), (240, 190, 20), (170, 60, 220))
_TRUTH = 2
"""Thickness in the frame's pixels of the white line around the truth."""


@dataclass(frozen=True, kw_only=True)
class Example(Figures):
    """One frame of a result; the figures are means over the instances.

    Attributes:
        sequence, frame: where, the frame by its name, e.g. '00012'.
    """

    sequence: str
    frame: str


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
            with Image.open(source) as file:
                frame = np.asarray(file.convert("RGB"))
        except OSError as error:
            raise UserError(f"The frame {source} cannot be read: {error}.") from error
        truth = read_label_map(davis.annotations_folder(one.sequence) / f"{one.frame}.png")
        result = read_label_map(results / one.sequence / f"{one.frame}.png", keep_void=True)
        paths.append(folder / f"{prefix}-{number}.jpg")
        buffer = io.BytesIO()
        Image.fromarray(draw(frame, result, truth)).save(buffer, "JPEG", quality=_JPEG_QUALITY)
        write_bytes(paths[-1], buffer.getvalue())
    return paths
