"""Synthetic material of the size of long footage, and what a process takes: for the benchmark of scale.

Each part of that benchmark runs in a process of its own, see `gui.benchmark.scale`, so that its peak of
memory is its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.algorithm.protocols import Cells, MaskPropagation
from ..engine.store.index import FILLED, MAKERS, RECORD, THERE
from ..engine.types import Box, Cell, CellKey, Maker, Prediction, SoftMask
from ..formats.masks import write_label_map
from ..project import Instance, Project, VideoRef

HEIGHT, WIDTH = 1080, 1920
_DIFFERENT = 64
"""Pictures and maps that differ; further ones are these again."""
_APART = 500
"""Frames from one checkpoint to the next."""
_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class ScaleFigure:
    """One thing that was measured.

    Attributes:
        part: the process.
        name: what was done.
        value: the figure.
        unit: of it.
        budget: what it may be; None where there is none.
    """

    part: str
    name: str
    value: float
    unit: str
    budget: float | None = None


def tell(figure: ScaleFigure) -> None:
    """Hand a figure to the process that asked."""
    sys.stdout.write(json.dumps(asdict(figure)) + "\n")
    sys.stdout.flush()


def figures_in(lines: Sequence[str]) -> Iterator[ScaleFigure]:
    """What `tell` wrote, whatever else stands there."""
    for line in lines:
        if line.startswith("{"):
            yield ScaleFigure(**json.loads(line))


def table(figures: Sequence[ScaleFigure]) -> str:
    """The figures as Markdown."""
    rows = ["| process | what | figure | budget | |", "|---|---|---|---|---|"]
    for one in figures:
        budget = "" if one.budget is None else f"{one.budget:,.0f} {one.unit}"
        over = one.budget is not None and one.value > one.budget
        rows.append(
            f"| {one.part} | {one.name} | {one.value:,.0f} {one.unit} | {budget} | {'over' if over else ''} |"
        )
    return "\n".join(rows) + "\n"


def peak() -> float:
    """The most memory that this process has had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def memory() -> float:
    """The memory that this process has now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def make_video(path: Path, frames: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    """A video of a picture that moves."""
    height, width = size
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (width, height))
    coarse = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    moved = [np.roll(picture, 4 * n, axis=1) for n in range(16)]
    for frame in range(frames):
        writer.write(moved[frame % len(moved)])
    writer.release()


def mask_at(frame: int, instance: int) -> SoftMask:
    """A soft ellipse of some 150 x 200 pixels, one that nobody else holds; of one instance it moves."""
    values, offset = _ellipse(frame % _DIFFERENT, instance)
    return SoftMask.tight(values, offset)


@cache
def _ellipse(frame: int, instance: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    width, height = 120 + 5 * (instance % 9), 180 + 4 * (frame % 11)
    values = np.zeros((height, width), np.uint8)
    axes = (width // 2 - 12, height // 2 - 12)
    cv2.ellipse(values, (width // 2, height // 2), axes, instance, 0, 360, 255, cv2.FILLED)
    values = np.asarray(cv2.GaussianBlur(values, (15, 15), 0), np.uint8)
    x = (90 * instance + 3 * frame) % (WIDTH - width)
    y = (170 * instance + frame) % (HEIGHT - height)
    return values, (x, y)


def fill_project(path: Path, video: VideoRef, instances: int) -> None:
    """A project in which each instance has a mask in each frame, most of them propagated."""
    with Project.create(path, video) as project:
        numbers = range(1, instances + 1)
        named = {k: Instance(k, f"object {k}", f"#{k * 7919 % 0xFFFFFF:06x}", order=k) for k in numbers}
        for first in range(0, video.length, _AT_ONCE):
            cells: dict[CellKey, Cell | None] = {}
            for frame in range(first, min(first + _AT_ONCE, video.length)):
                origin = frame // _APART * _APART
                for k in numbers:
                    pinned = frame == origin
                    made_by = Maker.PERSON if pinned else Maker.PROPAGATION
                    cell = Cell(mask_at(frame, k), origin, pinned, made_by, 1.0 if pinned else 0.9)
                    cells[CellKey(frame, k)] = cell
            project.apply(project.annotation.set_cells("fill", cells), instances=named, undoable=False)


def synthetic_index(frames: int, instances: int) -> NDArray[np.void]:
    """The records of a project in which each instance has a mask in each frame, as a file has them."""
    records = np.zeros(frames * instances, RECORD)
    records["frame"] = np.tile(np.arange(frames), instances)
    records["instance"] = np.repeat(np.arange(1, instances + 1), frames)
    records["flags"], records["maker"] = THERE | FILLED, MAKERS.index(Maker.PROPAGATION)
    records["origin"], records["second"] = records["frame"] // _APART * _APART, -1
    records["confidence"], records["similarity"] = 0.9, np.nan
    for name in ("", "hard_"):
        records[f"{name}x1"], records[f"{name}y1"] = 150, 200
    records["area"], records["map"] = 23_000, np.arange(1, len(records) + 1)
    return records


def make_masks(folder: Path, frames: int, instances: int) -> None:
    """A folder of label maps, one a frame; later ones are links to the first."""
    folder.mkdir()
    for frame in range(frames):
        path = folder / f"{frame:05d}.png"
        if frame >= _DIFFERENT:
            path.hardlink_to(folder / f"{frame % _DIFFERENT:05d}.png")
            continue
        labels: NDArray[np.uint8] = np.zeros((HEIGHT, WIDTH), np.uint8)
        for k in range(1, instances + 1):
            mask = mask_at(frame, k)
            labels[mask.box.slices][mask.values > 127] = k
        write_label_map(path, labels)


class Synthetic(MaskPropagation):
    """M_mp without a network: each mask comes from `mask_at`, so that memory and bookkeeping are measured."""

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """The masks of another frame."""
        return {k: Prediction(mask_at(target, k), 0.9) for k in instances}

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        """The mask of a frame."""
        return Prediction(mask_at(frame, instance), 0.9)
