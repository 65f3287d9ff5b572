"""An engine that works in a blink, without torch: it knows the disks of `tests/stand_ins.py` by colour."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vsreid_studio.config import Config, ReidConfig
from vsreid_studio.engine.algorithm.protocols import MaskPropagation, Reidentification
from vsreid_studio.engine.events import Progress
from vsreid_studio.engine.extensions.temporal_smoothing import TemporalSmoothing
from vsreid_studio.engine.runtime.pipeline import Modules, Pipeline
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import Box, Candidates, Frame, Prediction, SoftMask
from vsreid_studio.engine.video import Video
from vsreid_studio.errors import UserError

COLOURS = {1: (230, 20, 20), 2: (20, 230, 20)}
CONFIG = Config(reid=ReidConfig(appearance_track=False, rho_reid=0.9, rho_occ=0.3))


def seen(frame: Frame, number: int) -> NDArray[np.bool_]:
    """Where an instance is seen: (H, W) bool."""
    return np.all(np.abs(frame.astype(int) - COLOURS[number]) < 30, axis=2)


@dataclass
class Script:
    """What the stand-ins do, and what they were asked.

    Attributes:
        delay: seconds that a step takes.
        missing: weights that are not there: 'propagation', 'detector'.
        fails_at: the target frame at which propagation raises.
        gate: when set, each step waits for it.
        threads: names of the threads that the engine ran on.
        targets: frames that masks were carried to, in order.
        adapted, careful: what each M_mp was made with.
    """

    delay: float = 0.0
    missing: set[str] = field(default_factory=set)
    fails_at: int | None = None
    gate: threading.Semaphore | None = None
    threads: set[str] = field(default_factory=set)
    targets: list[int] = field(default_factory=list)
    adapted: list[bytes | None] = field(default_factory=list)
    careful: list[bool] = field(default_factory=list)
    on_step: Callable[[int], None] = lambda target: None

    def step(self, target: int) -> None:
        self.threads.add(threading.current_thread().name)
        self.targets.append(target)
        if self.gate is not None:
            self.gate.acquire()
        if self.delay:
            time.sleep(self.delay)
        self.on_step(target)
        if target == self.fails_at:
            raise RuntimeError("the network fell over")

    def need(self, what: str) -> None:
        if what in self.missing:
            raise UserError(f"No weights '{what}' are shipped.")


class ByColour(MaskPropagation):
    """Loses instance 1 behind the wall for good, as a network would, until it is found again."""

    def __init__(self, video: Video, script: Script) -> None:
        self._video, self._script = video, script

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        self._script.step(target)
        return {k: self._look(target, k) for k in instances}

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        return self._look(frame, instance)

    def smooth(
        self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
    ) -> Generator[None, None, dict[int, SoftMask]]:
        yield
        return {frame: maps[frame] for frame in frames}

    def _look(self, frame: int, instance: int) -> Prediction:
        return Prediction(SoftMask.from_dense(seen(self._video.frame(frame), instance)), 0.9)


class ReidByColour(Reidentification):
    def __init__(self, video: Video) -> None:
        self._video = video
        self._known: dict[int, Candidates] = {}

    def cached(self, frame: int) -> bool:
        return frame in self._known

    def candidates(self, frame: int) -> Candidates:
        if frame not in self._known:
            picture = self._video.frame(frame)
            found = {k: Box.around(seen(picture, k)) for k in COLOURS}
            boxes = [(b.x0, b.y0, b.x1, b.y1) for b in found.values() if b is not None]
            rows = np.array([_unit(k) for k, b in found.items() if b is not None], np.float32)
            n = len(boxes)
            self._known[frame] = Candidates(
                np.array(boxes, np.int32).reshape(-1, 4),
                np.ones(n, np.float32),
                np.zeros(n, np.bool_),
                rows.reshape(-1, 3),
            )
        return self._known[frame]

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        picture = self._video.frame(frame)
        covered = picture[mask.hard(*picture.shape[:2])].mean(axis=0)
        return _unit(min(COLOURS, key=lambda k: float(np.abs(covered - COLOURS[k]).sum())))

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        return self.appearance(frame, mask).astype(np.float16)


def _unit(number: int) -> NDArray[np.float32]:
    row = np.zeros(3, np.float32)
    row[number] = 1
    return row


class FakeEngine:
    """`worker.jobs.Engine` for tests."""

    def __init__(self, script: Script, config: Config = CONFIG) -> None:
        self.config = config
        self.checksums: Mapping[str, str] = {"propagation-lite": "abc"}
        self.run_settings: Mapping[str, object] = {"flow": "none"}
        self.candidates_key = "key"
        self.device = "cpu"
        self._script = script

    @property
    def base(self) -> str:
        return "abc"

    def modules(self, video: Video, *, adapted: bytes | None = None, careful: bool = True) -> Modules:
        self._script.need("propagation")
        self._script.adapted.append(adapted)
        self._script.careful.append(careful)
        propagation = ByColour(video, self._script)
        smoothing = TemporalSmoothing(propagation)
        return Modules(Pipeline.studio(self.config, smoothing), propagation)

    def adapt(self, video: Video, annotation: Annotation) -> Generator[Progress, None, bytes]:
        for step in range(3):
            self._script.step(step)
            yield Progress("adapting", step, 3)
        return b"learnt"

    def reid(self, video: Video, store: object) -> ReidByColour:
        self._script.need("detector")
        return ReidByColour(video)
