"""Annotated pictures for training (DAVIS sequences with their flow, stills), and changes of their light."""

from __future__ import annotations

import os
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

STILLS = ("ecssd", "ccp", "coco", "pennfudan")
"""Folders of stills below `stills/` of the training data."""
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


def still_files(folder: Path) -> list[tuple[Path, Path]]:
    """The pictures of `<folder>/images` with masks of the same names in `<folder>/masks`, and these masks."""
    paths = sorted((folder / "images").glob("*.jpg"))
    pairs = ((path, folder / "masks" / f"{path.stem}.png") for path in paths)
    return [(path, mask) for path, mask in pairs if mask.exists()]


def sequence_files(davis: Path, name: str) -> list[tuple[Path, Path]]:
    """The frames of a sequence, each with its mask.

    Args:
        davis: holds JPEGImages/480p and Annotations/480p.

    Raises:
        UserError: there are fewer than two frames, or one without a mask.
    """
    paths = sorted((davis / "JPEGImages" / "480p" / name).glob("*.jpg"))
    pairs = [(path, davis / "Annotations" / "480p" / name / f"{path.stem}.png") for path in paths]
    if len(pairs) < 2 or not all(mask.exists() for _, mask in pairs):
        raise UserError(f"The sequence {name} in {davis} has no frames, or frames without masks.")
    return pairs


def read_stills(folders: Sequence[Path], least_area: float = 0.01) -> list[Still]:
    """Read the pictures of some folders, see `still_files`.

    Args:
        least_area: instances below this share of the picture are not trained on; pictures without any other
            are left out, and those whose mask has another size.

    Raises:
        UserError: a picture cannot be read.
    """

    def read(files: tuple[Path, Path]) -> Still | None:
        frame, labels = read_frame(files[0]), read_labels(files[1])
        sizes = np.bincount(labels.ravel(), minlength=2)
        worth = [int(n) for n in np.flatnonzero(sizes >= least_area * labels.size) if n > 0]
        return Still(frame, labels, tuple(worth)) if worth and frame.shape[:2] == labels.shape else None

    files = [pair for folder in folders for pair in still_files(folder)]
    with ThreadPoolExecutor(threads()) as pool:
        return [still for still in pool.map(read, files) if still is not None]


def read_clips(davis: Path, sequences: Sequence[str], cache: Path) -> list[Clip]:
    """Read DAVIS-2016 sequences; frames, masks and flow are memory-mapped files.

    Args:
        davis: holds JPEGImages/480p and Annotations/480p.
        sequences: names.
        cache: a folder for the decoded files and the flow; what is there already is used again.

    Raises:
        UserError: a sequence is missing or cannot be read.
    """
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(lambda name: _clip(davis, name, cache / name), sequences))


def flow_files(cache: Path, name: str) -> tuple[Path, Path]:
    """The files in a cache that hold `Clip.forward` and `Clip.backward` of a sequence."""
    return cache / name / "forward.npy", cache / name / "backward.npy"


def flow_of(earlier: Frame, later: Frame) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The flow of two neighbours as `Clip.forward` and `Clip.backward` hold it."""
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (earlier, later))
    return _half(dis.calc(second, first, None)), _half(dis.calc(first, second, None))


def _clip(davis: Path, name: str, folder: Path) -> Clip:
    files = sequence_files(davis, name)
    pictures, labels = folder / "frames.npy", folder / "labels.npy"
    flows = flow_files(folder.parent, name)
    folder.mkdir(parents=True, exist_ok=True)
    if not (pictures.exists() and labels.exists()):
        save_arrays(pictures, [read_frame(path) for path, _ in files])
        save_arrays(labels, [read_labels(mask) for _, mask in files])
    if not all(path.exists() for path in flows):
        frames = np.load(pictures, mmap_mode="r")
        pairs = [
            flow_of(earlier, later) for earlier, later in pairwise(np.asarray(frame) for frame in frames)
        ]
        for path, made in zip(flows, zip(*pairs, strict=True), strict=True):
            save_arrays(path, made)
    return Clip(name, *(np.load(path, mmap_mode="r") for path in (pictures, labels, *flows)))


def threads() -> int:
    """How many threads decode pictures."""
    return min(8, os.cpu_count() or 1)


def save_arrays(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
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


@dataclass(frozen=True, eq=False)
class Light:
    """A change of brightness, contrast, gamma, saturation and tint.

    Attributes:
        curves: (256, 3) uint8, the new value for each old one, by channel.
        grey: weight of the grey picture that is mixed in, negative for more saturation; None for none.
    """

    curves: NDArray[np.uint8]
    grey: float | None

    @classmethod
    def drawn(cls, rng: Generator, strength: float = 1.0) -> Light:
        """A random change; `strength` scales all of it."""
        steps = np.arange(256, dtype=np.float32) / 255
        gain = 1 + strength * rng.uniform(-0.25, 0.25)
        shift = strength * rng.uniform(-0.12, 0.12)
        gamma = np.exp(strength * rng.uniform(-0.25, 0.25))
        tint = 1 + strength * rng.uniform(-0.06, 0.06, 3)
        curves = np.clip((steps[:, None] ** gamma) * gain * tint + shift, 0, 1) * 255
        grey = strength * rng.uniform(-0.3, 0.5) if rng.random() < 0.5 else None
        return cls(curves.astype(np.uint8), grey)


def relight(rng: Generator, frame: Frame, strength: float = 1.0) -> Frame:
    """Change brightness, contrast, gamma, saturation and tint at random.

    Args:
        frame: (H, W, 3) uint8 RGB.
        strength: scales all changes.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    light = Light.drawn(rng, strength)
    frame = cv2.LUT(frame, light.curves.reshape(256, 1, 3)).astype(np.uint8, copy=False)
    if light.grey is not None:
        grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        frame = cv2.addWeighted(frame, 1 - light.grey, grey, light.grey, 0).astype(np.uint8, copy=False)
    return frame


SHAKEN, DEFOCUSED, NOISY, CODED = 0.15, 0.1, 0.1, 0.15
"""Probabilities of motion blur, else of defocus, of noise, and of JPEG artefacts."""
FOCUS, NOISE, QUALITY = (0.5, 2.0), (2.0, 8.0), (25, 80)
"""Limits of the sigma of the defocus in pixels, of that of the noise of 255, and of JPEG's quality."""
MOST_SHAKEN = 11
"""Longest motion blur, in pixels."""


def motion_kernel(rng: Generator) -> NDArray[np.float32]:
    """A random kernel of motion blur: (n, n) float32, n from 3 to `MOST_SHAKEN`."""
    length = int(rng.integers(3, MOST_SHAKEN + 1))
    kernel = np.zeros((length, length), np.float32)
    ends = ((int(v), int(w)) for v, w in rng.integers(0, length, (2, 2)))
    cv2.line(kernel, *ends, color=1.0, thickness=1)
    return np.asarray(kernel / max(kernel.sum(), 1), np.float32)


def degrade(rng: Generator, frame: Frame) -> Frame:
    """Add motion blur or defocus, Gaussian noise and JPEG artefacts, each with a small probability.

    Args:
        frame: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if rng.random() < SHAKEN:
        frame = cv2.filter2D(frame, -1, motion_kernel(rng)).astype(np.uint8, copy=False)
    elif rng.random() < DEFOCUSED:
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(*FOCUS)).astype(np.uint8, copy=False)
    if rng.random() < NOISY:
        noise = rng.normal(0, rng.uniform(*NOISE), frame.shape).astype(np.int16)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
    if rng.random() < CODED:
        coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*QUALITY))])[1]
        frame = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.uint8, copy=False)
    return frame
