"""A clip that runs in a blink: coloured disks, and stand-ins for the networks that know them by colour."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.config import Config
from vsreid_studio.engine.algorithm.protocols import MaskPropagation
from vsreid_studio.engine.types import Box, Prediction, SoftMask
from vsreid_studio.engine.video import Video
from vsreid_studio.formats.masks import write_label_map

HEIGHT, WIDTH, LENGTH = 48, 80, 10
COLOURS = {1: (230, 20, 20), 3: (20, 230, 20)}
HIDDEN = range(3, 6)
"""Frames in which instance 1 is out of sight."""


def coloured(frame: NDArray[np.uint8], number: int) -> NDArray[np.bool_]:
    """Where an instance is seen: (H, W) bool."""
    return np.all(np.abs(frame.astype(int) - COLOURS[number]) < 30, axis=2)


def picture(index: int) -> NDArray[np.uint8]:
    frame = np.random.default_rng(index).integers(90, 110, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    if index not in HIDDEN:
        cv2.circle(frame, (12 + 5 * index, 16), 7, COLOURS[1], -1)
    cv2.circle(frame, (60 - 3 * index, 36), 6, COLOURS[3], -1)
    return frame


def truth(index: int) -> NDArray[np.uint8]:
    """(H, W) uint8 with instances 1 and 3."""
    frame = picture(index)
    return sum(number * coloured(frame, number).astype(np.uint8) for number in COLOURS)  # type: ignore[return-value]


@dataclass(frozen=True)
class Clip:
    """A folder of pictures and the mask of its first."""

    source: Path
    masks: Path


@dataclass
class Calls:
    """What the stand-ins were asked.

    Attributes:
        propagated: target frames, in order.
        detected: how often the detector looked.
    """

    propagated: list[int] = field(default_factory=list)
    detected: int = 0


def make_clip(folder: Path, mask: Path, length: int = LENGTH) -> Clip:
    folder.mkdir(parents=True)
    mask.parent.mkdir(parents=True, exist_ok=True)
    for index in range(length):
        Image.fromarray(picture(index)).save(folder / f"{index:05d}.png")
    write_label_map(mask, truth(0))
    return Clip(folder, mask)


def stand_ins(
    monkeypatch: pytest.MonkeyPatch, each: Callable[[Video, int], None] = lambda video, target: None
) -> Calls:
    """Puts stand-ins in the networks' place until the patches are undone.

    Args:
        each: called with the video and the target of each step of propagation.
    """
    # Here, as most tests do without torch.
    from vsreid_studio.engine.extensions.temporal_smoothing import TemporalSmoothing  # noqa: PLC0415
    from vsreid_studio.engine.runtime import (  # noqa: PLC0415
        engine,
        models,
        pipeline,
    )

    calls = Calls()

    class ByColour(MaskPropagation):
        def __init__(self, video: Video) -> None:
            self._video = video

        def propagate(
            self, annotation: object, source: int, target: int, instances: Sequence[int]
        ) -> dict[int, Prediction]:
            calls.propagated.append(target)
            each(self._video, target)
            return {k: self._seen(target, k) for k in instances}

        def recover(self, annotation: object, frame: int, box: Box, instance: int) -> Prediction:
            return self._seen(frame, instance)

        def smooth(
            self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
        ) -> Generator[None, None, dict[int, SoftMask]]:
            yield
            return {frame: maps[frame] for frame in frames}

        def _seen(self, frame: int, instance: int) -> Prediction:
            return Prediction(SoftMask.from_dense(coloured(self._video.frame(frame), instance)), 0.9)

    def assembled(config: Config, video: Video, *_: object) -> pipeline.Modules:
        module = ByColour(video)
        smoothing = TemporalSmoothing(module)
        return pipeline.Modules(pipeline.Pipeline.studio(config, smoothing), module)

    class Detector:
        def detect(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.generic], ...]:
            calls.detected += 1
            boxes = [Box.around(coloured(frame, k)) for k in COLOURS]
            rows = [(b.x0, b.y0, b.x1, b.y1) for b in boxes if b is not None]
            n = len(rows)
            return np.array(rows, np.int32).reshape(-1, 4), np.ones(n, np.float32), np.zeros(n, np.bool_)

    class Embedder:
        dimensions = 3

        def embed(self, frame: NDArray[np.uint8], boxes: NDArray[np.int32]) -> NDArray[np.float32]:
            means = [frame[y0:y1, x0:x1].mean((0, 1)) - 100 for x0, y0, x1, y1 in boxes]
            rows = np.array(means, np.float32).reshape(-1, 3)
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

        def embed_parts(self, parts: list[tuple[NDArray[np.uint8], Box]]) -> NDArray[np.float32]:
            sides = [np.array([[box.x0, box.y0, box.x1, box.y1]], np.int32) for _, box in parts]
            return np.concatenate([self.embed(parts[n][0], side) for n, side in enumerate(sides)])

    monkeypatch.setattr(models, "load_inference", lambda *_, **__: None)
    monkeypatch.setattr(models, "load_detector", lambda *_: Detector())
    monkeypatch.setattr(models, "load_embedder", lambda *_: Embedder())
    monkeypatch.setattr(engine, "assembled", assembled)
    return calls
