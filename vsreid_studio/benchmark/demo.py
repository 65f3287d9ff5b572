"""Makes the demo clip, `python -m vsreid_studio.benchmark.demo [FOLDER]`, from pictures in the public domain.

An astronaut (instance 1) walks behind a wall on a launch pad at dusk, is wholly hidden by a pillar for half a
second and comes out elsewhere and nearer; her coffee (instance 2) drifts across the scene in front.
scikit-image must be installed, for the pictures that it ships; nothing else in the project needs it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from ..formats.davis import frame_name
from ..formats.masks import write_label_map
from ..paths import resources

Matrix = NDArray[np.float64]
"""(2, 3) float64, from a layer's pixels to those of the frame."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture with transparency.

    Attributes:
        colour: (h, w, 3) float32 RGB in [0, 255], times `alpha`.
        alpha: (h, w) float32 in [0, 1].
        instance: the number of the object that it shows, 0 for scenery.
    """

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]
    instance: int = 0

    @classmethod
    def opaque(cls, picture: NDArray[np.float32]) -> Layer:
        """Scenery without transparency, of a (h, w, 3) float32 picture."""
        return cls(picture, np.ones(picture.shape[:2], np.float32))

    def moved(self, matrix: Matrix, height: int, width: int) -> Layer:
        """The layer in a frame of height x width; what lies outside it is transparent."""
        stack = np.dstack([self.colour, self.alpha])
        moved = cv2.warpAffine(stack, matrix, (width, height), flags=cv2.INTER_LINEAR)
        placed = np.asarray(moved, np.float32)
        return Layer(placed[..., :3], placed[..., 3], self.instance)


def place(
    centre: tuple[float, float], at: tuple[float, float], scale: float = 1.0, degrees: float = 0.0
) -> Matrix:
    """The (2, 3) affine matrix that moves the point `centre` of a layer to `at`, scaled and rotated about it.

    Args:
        centre, at: x and y, in pixels.
        degrees: of the rotation.
    """
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, degrees, scale), np.float64)
    matrix[:, 2] += np.subtract(at, centre)
    return matrix


def cut_out(picture: Frame, outline: Sequence[tuple[int, int]], band: int, instance: int) -> Layer:
    """Cut an object along a hand-drawn outline, which GrabCut refines within a band around it.

    Args:
        picture: (h, w, 3) uint8 RGB.
        outline: x, y corners of a polygon.
        band: pixels on either side of the outline that are left to GrabCut.
        instance: the object's number.
    """
    drawn = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.array(outline, np.int32)], (1,))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    # An object may run out of the picture: its border there is not to be eroded.
    inner = cv2.erode(drawn, disk, borderType=cv2.BORDER_REPLICATE)
    trimap = np.where(drawn == 1, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[inner == 1] = cv2.GC_FGD
    trimap[cv2.dilate(drawn, disk) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        np.ascontiguousarray(picture[..., ::-1]), trimap, (0, 0, 1, 1), *models, 4, cv2.GC_INIT_WITH_MASK
    )
    mask = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    # Median and erosion take away GrabCut's frayed edge and the rim of old background.
    clean = cv2.medianBlur((mask * 255).astype(np.uint8), 7)
    clean = cv2.erode(clean, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    alpha = np.asarray(cv2.GaussianBlur(clean.astype(np.float32) / 255, (0, 0), 1.0), np.float32)
    return Layer(picture * alpha[..., None], alpha, instance)


def render(
    layers: Sequence[tuple[Layer, Matrix]], height: int, width: int
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
    """Lay the layers over each other, the farthest first.

    Returns:
        The picture, (height, width, 3) float32 in [0, 255], and for each instance the share of every pixel
        in which it is seen, (height, width) float32 in [0, 1].
    """
    picture = np.zeros((height, width, 3), np.float32)
    seen: dict[int, NDArray[np.float32]] = {}
    for layer, matrix in layers:
        placed = layer.moved(matrix, height, width)
        through = 1 - placed.alpha
        picture = picture * through[..., None] + placed.colour
        seen = {number: share * through for number, share in seen.items()}
        if placed.instance:
            seen[placed.instance] = placed.alpha
    return picture, seen


HEIGHT, WIDTH, LENGTH, RATE = 480, 854, 60, 24
SHUTTER = (-0.2, -0.1, 0.0, 0.1, 0.2)
"""Moments, in frames, that are averaged into one frame: motion blur."""

ASTRONAUT = (
    *((20, 511), (21, 440), (28, 385), (22, 345), (34, 308), (50, 262), (76, 235), (112, 212), (111, 190)),
    *((125, 164), (150, 150), (184, 150), (182, 124), (160, 112), (153, 80), (165, 45), (200, 20), (240, 13)),
    *((280, 30), (298, 60), (302, 100), (290, 122), (272, 128), (258, 150), (255, 175), (287, 195)),
    *((302, 225), (304, 246), (330, 260), (348, 287), (360, 345), (385, 346), (402, 343), (440, 352)),
    *((475, 385), (494, 435), (500, 455), (511, 470), (511, 511)),
)
"""Her outline in scikit-image's `astronaut`, helmet included."""


def make(folder: Path) -> None:
    """Write demo.mp4, first.png and truth/ into `folder`.

    Raises:
        UserError: scikit-image is not installed, or something cannot be written.
    """
    frames, labels = zip(*_clip(), strict=True)
    truth = folder / "truth"
    try:
        truth.mkdir(parents=True, exist_ok=True)
        _encode(folder / "demo.mp4", frames)
    except OSError as error:
        raise UserError(f"The demo cannot be written to {folder}: {error}.") from error
    write_label_map(folder / "first.png", labels[0])
    for number, label in enumerate(labels):
        write_label_map(truth / frame_name(number, ".png"), label)


def _clip() -> Iterator[tuple[Frame, LabelMap]]:
    """Each frame with its truth."""
    rng = np.random.default_rng(7)
    sky, wall, pillar, woman, coffee = _scenery(), _wall(rng), _pillar(rng), _astronaut(), _coffee()
    vignette = _vignette()
    for number in range(LENGTH):
        shots = []
        for moment in SHUTTER:
            t = number + moment
            move = partial(_seen_from, pan=34 * t / LENGTH, shake=_shake(t))
            scene = [
                (sky, move(place((0, 0), (-103, -198)), depth=0.3)),
                (woman, move(_walk(t), depth=1.0)),
                (pillar, move(place((0, 0), (413, -20)), depth=1.2)),
                (wall, move(place((0, 0), (-40, 384)), depth=1.25)),
                (coffee, move(_drift(t), depth=1.0)),
            ]
            shots.append(render(scene, HEIGHT, WIDTH))
        picture = np.mean([picture for picture, _ in shots], axis=0) * vignette
        # Sensor noise grows with light; pixels of a lens are never quite independent.
        noise = cv2.GaussianBlur(rng.normal(0, 1, picture.shape).astype(np.float32), (0, 0), 0.6)
        picture += noise * (1.2 + 0.18 * np.sqrt(picture.clip(0, 255)))
        label = np.zeros((HEIGHT, WIDTH), np.uint8)
        for instance in (1, 2):
            label[np.mean([seen[instance] for _, seen in shots], axis=0) > 0.5] = instance
        yield picture.round().clip(0, 255).astype(np.uint8), label


def _seen_from(matrix: Matrix, pan: float, shake: tuple[float, float, float], depth: float) -> Matrix:
    """A place in the scene as the panning camera sees it: what is near (greater depth) moves faster."""
    x, y, degrees = shake
    turn = place((WIDTH / 2, HEIGHT / 2), (WIDTH / 2 + x, HEIGHT / 2 + y), degrees=degrees)
    whole = np.vstack([matrix, [0, 0, 1]])
    whole[0] -= pan * depth * whole[2]
    return np.asarray(turn @ whole, np.float64)


def _walk(t: float) -> Matrix:
    """The astronaut: quick to the pillar, a halt behind it, on to the right and nearer."""
    x = float(np.interp(t, (0, 20, 33, 53, LENGTH), (150, 536, 584, 782, 806)))
    scale = float(np.interp(t, (0, 22, 32, LENGTH), (0.5, 0.5, 0.55, 0.6)))
    step = math.sin(2 * math.pi * t / 11)
    return place((266, 511), (x, 444 + 3.5 * abs(step)), scale, 1.6 * step)


def _drift(t: float) -> Matrix:
    """The coffee: weightless, from right to left, turning and coming slowly nearer."""
    x = float(np.interp(t, (0, LENGTH), (748, 205)))
    y = 125 + 34 * math.sin(2 * math.pi * t / 70)
    return place((279, 200), (x, y), 0.34 + 0.0016 * t, -14 + 0.9 * t)


def _shake(t: float) -> tuple[float, float, float]:
    """A hand-held camera: (x, y in pixels, degrees) off its course, smooth and reproducible."""
    phases = np.array([[0.4, 3.1, 5.0], [2.2, 0.7, 1.9], [5.6, 4.3, 0.2]])
    waves = np.sin(2 * math.pi * t / np.array([41.0, 17.0, 7.0]) + phases)
    x, y, degrees = waves @ np.array([1.6, 0.8, 0.3])
    return float(x), float(y), float(degrees) * 0.1


def _astronaut() -> Layer:
    woman = cut_out(_shipped("astronaut.png"), ASTRONAUT, 7, instance=1)
    return _dusk(woman)


def _coffee() -> Layer:
    """Saucer, cup and the spoon's handle: two ellipses and a corner in scikit-image's `coffee`."""
    picture = _shipped("coffee.png")
    shape = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(shape, ((279.0, 227.0), (404.0, 324.0), 4.0), (1,), -1)
    cv2.ellipse(shape, ((291.0, 113.0), (238.0, 190.0), 0.0), (1,), -1)
    cv2.fillPoly(shape, [np.array([(396, 68), (426, 70), (410, 135), (390, 135)], np.int32)], (1,))
    contours, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = [(int(x), int(y)) for x, y in contours[0][:, 0]]
    return _dusk(cut_out(picture, outline, 8, instance=2))


def _dusk(layer: Layer) -> Layer:
    """An object in the evening's light: bluish, and darker towards its foot."""
    fall = np.linspace(1.0, 0.78, len(layer.alpha), dtype=np.float32)[:, None, None]
    tint = np.array([0.92, 0.93, 1.0], np.float32)
    return Layer(layer.colour * fall * tint, layer.alpha, layer.instance)


def _scenery() -> Layer:
    """The launch pad, far away."""
    picture = _shipped("rocket.jpg").astype(np.float32)
    scaled = cv2.resize(picture, None, fx=1.53, fy=1.53, interpolation=cv2.INTER_CUBIC)
    return Layer.opaque(cv2.GaussianBlur(scaled, (0, 0), 0.7).clip(0, 255) * np.float32(1.22))


def _pillar(rng: np.random.Generator) -> Layer:
    """A pillar of brick, 290 x 460 pixels, lit from the right."""
    bricks = _shipped("brick.png")[..., 0].astype(np.float32).T
    texture = cv2.resize(bricks[60:420, 110:337], (290, 460), interpolation=cv2.INTER_AREA)
    across = np.linspace(-1, 1, 290, dtype=np.float32)
    light = 0.72 + 0.3 * across - 0.18 * across**2
    stain = cv2.resize(rng.uniform(0.85, 1.1, (9, 7)).astype(np.float32), (290, 460))
    warm = np.array([1.2, 0.78, 0.62], np.float32)
    picture = (texture * light * stain)[..., None] * warm
    return _soften(picture)


def _wall(rng: np.random.Generator) -> Layer:
    """A low wall of pebble-dash with a coping, 1000 x 140 pixels."""
    gravel = _shipped("gravel.png")[..., 0].astype(np.float32)
    tile = cv2.resize(gravel, (360, 360), interpolation=cv2.INTER_AREA)[:140]
    texture = np.hstack([tile, tile[:, ::-1], tile])[:, :1000]
    down = np.linspace(0.62, 0.4, 140, dtype=np.float32)[:, None]
    picture = (texture * down)[..., None] * np.array([0.95, 0.97, 1.08], np.float32)
    coping = 92 + cv2.GaussianBlur(rng.normal(0, 14, (24, 1000)).astype(np.float32), (0, 0), 1.2)
    joints = np.where(np.arange(1000) % 167 < 2, 0.6, 1.0)
    picture[:24] = (coping * joints)[..., None] * np.array([0.95, 0.98, 1.05])
    picture[24:32] *= 0.5
    return _soften(picture)


def _soften(picture: NDArray[np.float32]) -> Layer:
    """Scenery near the camera, slightly out of focus, edges included."""
    framed = cv2.copyMakeBorder(picture, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    alpha = np.zeros(framed.shape[:2], np.float32)
    alpha[2:-2, 2:-2] = 1
    soft = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.9), np.float32)
    return Layer(np.asarray(cv2.GaussianBlur(framed, (0, 0), 0.7) * soft[..., None], np.float32), soft)


def _vignette() -> NDArray[np.float32]:
    """(H, W, 1) float32, darker towards the corners."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    return np.asarray(1 - 0.14 * (x**2 + y**2) / 2, np.float32)[..., None]


def _shipped(name: str) -> Frame:
    """A picture that scikit-image ships: (h, w, 3) uint8 RGB."""
    try:
        with (files("skimage") / "data" / name).open("rb") as file, Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))
    except (ModuleNotFoundError, OSError) as error:
        raise UserError(f"The demo is made from pictures of scikit-image, and {name} is missing.") from error


def _encode(path: Path, frames: tuple[Frame, ...]) -> None:
    """H.264, readable everywhere."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    cv2.setNumThreads(1)
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else resources() / "demo")
