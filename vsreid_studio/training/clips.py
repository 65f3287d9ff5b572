"""Annotated pictures for training (DAVIS sequences with their flow, stills), and changes of their light."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import Flow, Frame, LabelMap
from ..errors import UserError
from ..formats.atomic import replacing

FLOW_SCALE = 2
"""Flow is kept at half the frames' size: the flow stream's patches are that coarse anyway."""


@dataclass(frozen=True, eq=False)
class Still:
    """One picture with its instances.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 instance numbers, 0 for background.
        instances: the numbers of those fit for training.
    """

    frame: Frame
    labels: LabelMap
    instances: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Clip:
    """One DAVIS sequence.

    Attributes:
        name: of the sequence.
        frames: (N, H, W, 3) uint8 RGB.
        labels: (N, H, W) uint8 instance numbers.
        forward: (N-1, h, w, 2) float16: flow from frame i+1 to frame i at half size, in half-size pixels.
            It carries maps forward (`engine.flow.warp_mask`).
        backward: likewise from frame i to frame i+1.
    """

    name: str
    frames: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    forward: NDArray[np.float16]
    backward: NDArray[np.float16]

    def flow(self, target: int, source: int) -> Flow:
        """Flow from frame `target` to frame `source`, which differ.

        Returns:
            (h, w, 2) float32 at half size, in half-size pixels; between frames that are no neighbours the
                concatenation of the flow of neighbours.
        """
        step = 1 if source > target else -1
        total = self._between(target, target + step)
        for number in range(target + step, source, step):
            height, width = total.shape[:2]
            rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
            further = self._between(number, number + step)
            total += cv2.remap(
                further,
                columns + total[..., 0],
                rows + total[..., 1],
                cv2.INTER_LINEAR,
                None,
                cv2.BORDER_REPLICATE,
            )
        return total

    def _between(self, target: int, source: int) -> Flow:
        found = self.forward[source] if source < target else self.backward[target]
        return found.astype(np.float32)


def read_labels(path: Path) -> LabelMap:
    """Read a mask picture: (H, W) uint8 instance numbers.

    A mask of 0 and 255 alone becomes 0 and 1; elsewhere 255 is void and becomes 0.

    Raises:
        OSError: it cannot be read.
    """
    with Image.open(path) as picture:
        labels = np.asarray(picture if picture.mode in {"P", "L"} else picture.convert("L")).astype(np.uint8)
    if labels.max(initial=0) == 255:
        labels = np.where(labels == 255, 0 if np.any((labels > 0) & (labels < 255)) else 1, labels)
    return labels.astype(np.uint8)


def read_frame(path: Path) -> Frame:
    """Read a picture: (H, W, 3) uint8 RGB.

    Raises:
        UserError: it cannot be read.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise UserError(f"The picture {path} cannot be read.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)


def read_stills(folders: Sequence[Path], least_area: float = 0.01) -> list[Still]:
    """Read every picture of `<folder>/images` that has a mask of the same name in `<folder>/masks`.

    Args:
        least_area: instances below this share of the picture are not trained on; pictures without any other
            are left out, and those whose mask has another size.

    Raises:
        UserError: a picture cannot be read.
    """

    def read(path: Path) -> Still | None:
        mask = path.parent.parent / "masks" / f"{path.stem}.png"
        if not mask.exists():
            return None
        frame, labels = read_frame(path), read_labels(mask)
        sizes = np.bincount(labels.ravel(), minlength=2)
        worth = [int(n) for n in np.flatnonzero(sizes >= least_area * labels.size) if n > 0]
        return Still(frame, labels, tuple(worth)) if worth and frame.shape[:2] == labels.shape else None

    paths = [path for folder in folders for path in sorted((folder / "images").glob("*.jpg"))]
    with ThreadPoolExecutor(2) as pool:
        return [still for still in pool.map(read, paths) if still is not None]


def read_clips(davis: Path, sequences: Sequence[str], cache: Path) -> list[Clip]:
    """Read DAVIS-2016 sequences; frames, masks and flow are memory-mapped files.

    Args:
        davis: holds JPEGImages/480p and Annotations/480p.
        sequences: names.
        cache: a folder for the decoded files; what is there already is used again.

    Raises:
        UserError: a sequence is missing or cannot be read.
    """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda name: _clip(davis, name, cache / name), sequences))


def _clip(davis: Path, name: str, folder: Path) -> Clip:
    paths = sorted((davis / "JPEGImages" / "480p" / name).glob("*.jpg"))
    masks = [davis / "Annotations" / "480p" / name / f"{path.stem}.png" for path in paths]
    if len(paths) < 2 or not all(mask.exists() for mask in masks):
        raise UserError(f"The sequence {name} in {davis} has no frames, or frames without masks.")
    parts = {part: folder / f"{part}.npy" for part in ("frames", "labels", "forward", "backward")}
    if not all(path.exists() for path in parts.values()):
        folder.mkdir(parents=True, exist_ok=True)
        frames = [read_frame(path) for path in paths]
        _save(parts["frames"], frames)
        _save(parts["labels"], [read_labels(mask) for mask in masks])
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        pairs = list(pairwise(grey))
        _save(parts["forward"], [_half(dis.calc(later, earlier, None)) for earlier, later in pairs])
        _save(parts["backward"], [_half(dis.calc(earlier, later, None)) for earlier, later in pairs])
    return Clip(name, *(np.load(path, mmap_mode="r") for path in parts.values()))


def _save(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Write a stack of arrays, whole or not at all: several processes may do so at the same time."""
    with replacing(path) as temporary:
        np.save(temporary, np.stack(arrays))


def _half(flow: Flow) -> NDArray[np.float16]:
    height, width = flow.shape[0] // FLOW_SCALE, flow.shape[1] // FLOW_SCALE
    return (cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) / FLOW_SCALE).astype(np.float16)


def split(root: Path, name: str) -> list[str]:
    """Names of the sequences in `ImageSets/2016/<name>.txt`.

    Raises:
        UserError: there is no such list.
    """
    path = root / "ImageSets" / "2016" / f"{name}.txt"
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise UserError(f"The list of sequences {path} cannot be read.") from error


def relight(rng: Generator, frame: Frame, strength: float = 1.0) -> Frame:
    """Change brightness, contrast, gamma, saturation and tint at random.

    Args:
        frame: (H, W, 3) uint8 RGB.
        strength: scales all changes.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    steps = np.arange(256, dtype=np.float32) / 255
    gain = 1 + strength * rng.uniform(-0.25, 0.25)
    shift = strength * rng.uniform(-0.12, 0.12)
    gamma = np.exp(strength * rng.uniform(-0.25, 0.25))
    tint = 1 + strength * rng.uniform(-0.06, 0.06, 3)
    curves = (np.clip((steps[:, None] ** gamma) * gain * tint + shift, 0, 1) * 255).astype(np.uint8)
    frame = cv2.LUT(frame, np.ascontiguousarray(curves.reshape(256, 1, 3))).astype(np.uint8, copy=False)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        share = strength * rng.uniform(-0.3, 0.5)
        frame = cv2.addWeighted(frame, 1 - share, grey, share, 0).astype(np.uint8, copy=False)
    return frame


def degrade(rng: Generator, frame: Frame) -> Frame:
    """Add motion blur or defocus, Gaussian noise and JPEG artefacts, each with a small probability.

    Args:
        frame: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if rng.random() < 0.15:
        length = int(rng.integers(3, 12))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(
            kernel, *((int(v), int(w)) for v, w in rng.integers(0, length, (2, 2))), color=1.0, thickness=1
        )
        frame = cv2.filter2D(frame, -1, kernel / max(kernel.sum(), 1)).astype(np.uint8, copy=False)
    elif rng.random() < 0.1:
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.5, 2.0)).astype(np.uint8, copy=False)
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 8), frame.shape).astype(np.int16)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])[1]
        frame = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.uint8, copy=False)
    return frame
