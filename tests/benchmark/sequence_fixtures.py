from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.formats.masks import write_label_map

HEIGHT, WIDTH = 72, 120


class Sequence(NamedTuple):
    frames: list[NDArray[np.uint8]]
    masks: list[NDArray[np.bool_]]


def disk_sequence(length: int, colour: tuple[int, int, int], radius: int = 9, x: int = 35) -> Sequence:
    """A disk that drifts to the right over a textured ground."""
    ground = np.random.default_rng(1).integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    ground = cv2.GaussianBlur(ground, (5, 5), 0)
    frames, masks = [], []
    for number in range(length):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(mask, (x + number // 2, 36), radius, (1,), -1)
        frames.append(np.where(mask[..., None] == 1, np.array(colour, np.uint8), ground))
        masks.append(mask == 1)
    return Sequence(frames, masks)


@pytest.fixture
def red() -> Sequence:
    return disk_sequence(50, (230, 20, 20))


@pytest.fixture
def green() -> Sequence:
    return disk_sequence(44, (20, 230, 20), radius=12)


@pytest.fixture
def davis(tmp_path: Path, red: Sequence, green: Sequence) -> Path:
    """A data set of two fit sequences and one that is too short."""
    root = tmp_path / "davis"
    sequences = {"red": red, "green": green, "brief": Sequence(red.frames[:12], red.masks[:12])}
    for name, sequence in sequences.items():
        pictures, masks = root / "JPEGImages/480p" / name, root / "Annotations/480p" / name
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        for number, (frame, mask) in enumerate(zip(*sequence, strict=True)):
            Image.fromarray(frame).save(pictures / f"{number:05d}.jpg", quality=95)
            write_label_map(masks / f"{number:05d}.png", mask.astype(np.uint8))
    listing = root / "ImageSets/2017/all.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("".join(f"{name}\n" for name in sequences))
    return root
