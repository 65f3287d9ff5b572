"""Draws the pictures of the guide, the tutorial and docs/method.md, and the animation of the README.

`python docs/reference/figures.py SHOTS` takes the pictures of `python -m vsreid_studio.gui.screenshots SHOTS
--scale 1 --theme light` and the demo clip; no network is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio import paths
from vsreid_studio.engine.types import Box
from vsreid_studio.engine.video import open_video
from vsreid_studio.formats.masks import read_label_map

IMAGES = Path(__file__).parents[1] / "images"
YELLOW = np.array((255, 190, 40), np.float32)
STEP = (6, 8)
"""Two frames of the demo: far enough apart for the motion to be seen."""
SCENES = (("running", 1200), ("proposal", 2600), ("accepted", 2200))
"""Pictures of the animation, and how long each is shown in milliseconds."""
WIDTH = 880
WHOLE = ("opened", "drawn", "running", "proposal", "accepted", "comparison")
"""States that are shown with the whole window."""
PARTS: dict[str, tuple[str, tuple[int, int, int, int] | None]] = {
    "start.webp": ("start-empty", (270, 40, 1170, 380)),
    "clips.webp": ("clips", (0, 66, 700, 502)),
    "waiting.webp": ("proposal", (1078, 66, 1440, 660)),
    "doubtful.webp": ("doubtful", (800, 66, 1440, 660)),
    "gaps.webp": ("gaps", (1078, 66, 1440, 660)),
    "rounds.webp": ("wipe", (680, 66, 1440, 840)),
    "classes.webp": ("classes", None),
    "preferences.webp": ("preferences-keys", None),
    "export.png": ("export", None),
}
"""State and place of what the guide shows of a window, None for a dialog as it is."""


def tinted(frame: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The frame with a map of 0 to 1 over it."""
    share = 0.55 * mask[..., None]
    return (frame * (1 - share) + YELLOW * share).astype(np.uint8)


def flow_colours(flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Direction as hue, speed as saturation."""
    angle, speed = np.arctan2(flow[..., 1], flow[..., 0]), np.hypot(flow[..., 0], flow[..., 1])
    hsv = np.zeros((*speed.shape, 3), np.uint8)
    hsv[..., 0] = (angle + np.pi) / (2 * np.pi) * 179
    hsv[..., 1] = 255 * np.clip(speed / max(1e-6, float(np.percentile(speed, 99))), 0, 1)
    hsv[..., 2] = 255
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def step() -> None:
    """One step of Algorithm 1 on the demo, with the exact mask in the network's place."""
    demo = paths.resources() / "demo"
    first, second = STEP
    with open_video(demo / "demo.mp4") as video:
        before, after = video.frame(first), video.frame(second)
    own, truth = (
        (read_label_map(demo / "truth" / f"{index:05d}.png") == 1).astype(np.float32) for index in STEP
    )
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (after, before)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)
    ys, xs = np.mgrid[: own.shape[0], : own.shape[1]].astype(np.float32)
    warped = cv2.remap(own, xs + flow[..., 0], ys + flow[..., 1], cv2.INTER_LINEAR)
    tight = Box.around(warped > 0.5)
    assert tight is not None
    box = tight.enlarge(0.12).clip(*own.shape)
    boxed = tinted(after, warped)
    cv2.rectangle(boxed, (box.x0, box.y0), (box.x1 - 1, box.y1 - 1), (255, 255, 255), 3)
    panels = [tinted(before, own), flow_colours(flow), boxed, tinted(after, truth)]
    size = (480, round(480 * own.shape[0] / own.shape[1]))
    small = [cv2.resize(panel, size, interpolation=cv2.INTER_AREA) for panel in panels]
    gap = np.full((8, 480 * 2 + 8, 3), 255, np.uint8)
    side = np.full((size[1], 8, 3), 255, np.uint8)
    rows = [np.hstack([small[0], side, small[1]]), gap, np.hstack([small[2], side, small[3]])]
    Image.fromarray(np.vstack(rows)).save(IMAGES / "method-step.jpg", quality=85)


def taken(shots: Path, name: str) -> Image.Image:
    """The picture of a state, light and at the scale 1."""
    return Image.open(shots / f"{name}-light-1x.png").convert("RGB")


def of_window(shots: Path) -> None:
    """The pictures of the guide and the tutorial, the timeline after a retrieval, and the animation."""
    for name in WHOLE:
        taken(shots, name).save(IMAGES / f"{name}.jpg", quality=82)
    for file, (name, place) in PARTS.items():
        taken(shots, name).crop(place).save(IMAGES / file, quality=85, method=6)
    accepted = taken(shots, "accepted")
    timeline = accepted.crop((0, 660, 1440, 868))
    timeline.resize((960, 139), Image.Resampling.LANCZOS).quantize(96).save(
        IMAGES / "method-timeline.png", optimize=True
    )
    frames = []
    for name, _ in SCENES:
        picture = taken(shots, name)
        frames.append(picture.resize((WIDTH, WIDTH * 900 // 1440), Image.Resampling.LANCZOS))
    frames[0].save(
        IMAGES / "review.webp",
        save_all=True,
        append_images=frames[1:],
        duration=[time for _, time in SCENES],
        loop=0,
        quality=80,
        method=6,
    )


if __name__ == "__main__":
    step()
    of_window(Path(sys.argv[1]))
