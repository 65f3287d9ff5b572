"""Synthetic material of the size of long footage, and what a process takes: for the benchmark of scale.

Each part of that benchmark, see `gui.benchmark.scale` and `scale_headless`, runs in a process of its own, so
that its peak of memory is its own.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.algorithm.protocols import MaskPropagation
from ..engine.store.index import FILLED, MAKERS, RECORD, THERE
from ..engine.store.view import Cells
from ..engine.types import Box, Cell, CellKey, Frame, Maker, Prediction, SoftMask
from ..errors import UserError
from ..formats.masks import write_label_map
from ..project import Instance, Project, VideoRef

if TYPE_CHECKING:
    from ..engine.nets.detector import Detections

HEIGHT, WIDTH = 1080, 1920
MOST, STEP_4K = 2048.0, 1536.0
"""MB that the window and a headless run may take, and a step in 4K."""
OPENED = 1000.0
"""Milliseconds to open a project."""
WINDOWED = {"index", "window", "import", "cancel-import", "cancel-run"}
"""Parts of `gui.benchmark.scale`; the others are those of `scale_headless`."""
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


def measure(
    parts: Sequence[str],
    frames: int,
    instances: int,
    material: Path | None,
    say: Callable[[str], object],
) -> Iterator[ScaleFigure]:
    """Run parts of the benchmark; figures come when their part has ended, those of a part that fails, too.

    Args:
        parts: see `cli.benchmark.PARTS`.
        material: a folder that keeps what the part 'fill' makes for the others; None for one that goes.
        say: called with the name of each part before it runs.

    Raises:
        UserError: a part fails, or there is no material for it.
    """
    with nullcontext(material) if material is not None else tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.mkdir(exist_ok=True)
        if "fill" not in parts and not (folder / "masks").is_dir():
            raise UserError("There is no material for these parts: add the part 'fill', or give --material.")
        for part in parts:
            say(part)
            # By its name, as this module does without Qt.
            module = (
                f"vsreid_studio.{'gui.benchmark.scale' if part in WINDOWED else 'benchmark.scale_headless'}"
            )
            command = [sys.executable, "-m", module, part, str(folder), str(frames), str(instances)]
            environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            yield from figures_in(done.stdout.splitlines())
            if done.returncode < 0:
                raise UserError(f"The part '{part}' was ended by {signal.Signals(-done.returncode).name}.")
            if done.returncode:
                raise UserError(f"The part '{part}' failed: {done.stderr.strip().splitlines()[-1]}")


def run_part(parts: Mapping[str, Callable[[Path, int, int], object]], arguments: Sequence[str]) -> None:
    """Run the part that the arguments of a process name: PART FOLDER FRAMES INSTANCES."""
    part, scratch, frames, instances = arguments
    parts[part](Path(scratch), int(frames), int(instances))


def fresh(path: Path) -> Path:
    """Delete a project, and the files that SQLite keeps beside it; returns its path."""
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    return path


def since(start: float) -> float:
    """Milliseconds since a reading of `time.perf_counter`."""
    return 1000 * (time.perf_counter() - start)


def report(figure: ScaleFigure) -> None:
    """Write a figure to the standard output, as a line of JSON for the process that asked."""
    sys.stdout.write(json.dumps(asdict(figure)) + "\n")
    sys.stdout.flush()


def figures_in(lines: Sequence[str]) -> Iterator[ScaleFigure]:
    """The figures that `report` wrote, among any other lines."""
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
    """Write a video of a picture that moves; `size` is (height, width) in pixels."""
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
    """Create a project in which each instance has a mask in each frame, most of them propagated."""
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
    """The index of a project as `fill_project` makes it: (frames * instances,) `RECORD`."""
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
    """Write a folder of label maps, one a frame; later ones are links to the first."""
    shutil.rmtree(folder, ignore_errors=True)
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


class SyntheticFinder:
    """Frames, N_det and N_reid without networks: as many candidates a frame as the shipped ones keep.

    Attributes:
        height, width: of a frame.
        dimensions: of an embedding.
    """

    height, width, dimensions = HEIGHT, WIDTH, 128
    _BOXES = 40

    def __init__(self, length: int) -> None:
        """`length`: frames."""
        self._length = length
        self._rng = np.random.default_rng(0)

    def frame(self, index: int) -> Frame:
        """A black frame."""
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def detect(self, frame: Frame) -> Detections:
        """Boxes at random places."""
        from ..engine.nets.detector import Detections  # noqa: PLC0415  (torch, which the window does without)

        corners = self._rng.integers(0, HEIGHT - 200, (self._BOXES, 2))
        boxes = np.hstack([corners, corners + 150]).astype(np.int32)
        return Detections(boxes, np.full(len(boxes), 0.5, np.float32), np.zeros(len(boxes), np.bool_))

    def embed(self, frame: Frame, boxes: NDArray[np.int32]) -> NDArray[np.float32]:
        """(n, d) float32 random embeddings of length 1."""
        return self._rows(len(boxes))

    def embed_parts(self, parts: Sequence[tuple[Frame, Box]]) -> NDArray[np.float32]:
        """(n, d) float32 random embeddings of length 1."""
        return self._rows(len(parts))

    def _rows(self, count: int) -> NDArray[np.float32]:
        rows = self._rng.normal(size=(count, self.dimensions)).astype(np.float32)
        found: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return found
