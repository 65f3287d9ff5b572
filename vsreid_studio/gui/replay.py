"""An engine that replays the ground truth of the demo clip, for screenshots."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import paths
from ..config import Config
from ..engine.algorithm.protocols import MaskPropagation, Reidentification
from ..engine.events import Progress
from ..engine.runtime.pipeline import Modules, Pipeline
from ..engine.store.annotation import Annotation
from ..engine.store.view import Cells
from ..engine.types import Box, Candidates, Prediction, SoftMask
from ..engine.video import Video
from ..formats.davis import mask_files
from ..formats.masks import read_label_map
from ..project import CandidateStore

LOST_FROM = 21
"""The frame from which the astronaut is out of sight for good, until she is found again."""
BACK = 52
STEP = 0.04
"""Seconds that a step takes: long enough to stand still in the middle of a run."""
_FEATHER = 3
_LEAST = 2000
"""Pixels of an instance that a detector would find: of slivers beside the pillar it makes nothing."""


class Replay:
    """`worker.jobs.Engine` for pictures.

    Attributes:
        config, checksums, run_settings, candidates_key, device, base: see there.
    """

    def __init__(self) -> None:
        self.config = Config()
        self.checksums: Mapping[str, str] = {}
        self.run_settings: Mapping[str, object] = {}
        self.candidates_key = "replay"
        self.device = "cpu"
        self.base = "replay"
        folder = paths.resources() / "demo" / "truth"
        self._truth = [read_label_map(file) for file in mask_files(folder)]

    def modules(self, video: Video, *, adapted: bytes | None = None, careful: bool = True) -> Modules:
        """With an M_mp that knows everything, but loses sight of the astronaut."""
        known = _Propagation(self._truth)
        return Modules(Pipeline.studio(self.config), known)

    def adapt(self, video: Video, annotation: Annotation) -> Generator[Progress, None, bytes]:
        """Learn nothing: it knows everything."""
        yield Progress("adapting", 1, 1)
        return b""

    def reid(self, video: Video, store: CandidateStore) -> _Reidentification:
        """M_reid that knows who is who, less surely the smaller they are."""
        return _Reidentification(self._truth)


class _Propagation(MaskPropagation):
    def __init__(self, truth: list[NDArray[np.uint8]]) -> None:
        self._truth = truth

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        time.sleep(STEP)
        found = {}
        for k in instances:
            origin = cells.origin(source, k) or 0
            sure = max(0.4, 0.97 - 0.008 * abs(target - origin))
            lost = k == 1 and origin < LOST_FROM <= target
            found[k] = Prediction(SoftMask.empty() if lost else self._mask(target, k), sure)
        return found

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        return Prediction(self._mask(frame, instance), 0.86)

    def _mask(self, frame: int, instance: int) -> SoftMask:
        hard = (self._truth[frame] == instance).astype(np.float32)
        return SoftMask.from_dense(cv2.GaussianBlur(hard, (0, 0), _FEATHER / 2).astype(np.float32))


class _Reidentification(Reidentification):
    def __init__(self, truth: list[NDArray[np.uint8]]) -> None:
        self._truth = truth
        self._known: dict[int, Candidates] = {}

    def cached(self, frame: int) -> bool:
        return frame in self._known

    def candidates(self, frame: int) -> Candidates:
        if frame not in self._known:
            boxes, rows = [], []
            for k in (1, 2):
                seen = self._truth[frame] == k
                box = Box.around(seen)
                if box is not None and seen.sum() >= _LEAST:
                    boxes.append((box.x0, box.y0, box.x1, box.y1))
                    rows.append(self._looks(k, 0.9 - 0.006 * abs(frame - BACK), frame))
            self._known[frame] = Candidates(
                np.array(boxes, np.int32).reshape(-1, 4),
                np.ones(len(boxes), np.float32),
                np.zeros(len(boxes), np.bool_),
                np.array(rows, np.float32).reshape(-1, len(self._truth) + 3),
            )
        return self._known[frame]

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        height, width = self._truth[frame].shape
        covered = self._truth[frame][mask.hard(height, width)]
        return self._looks(int(np.bincount(covered, minlength=3)[1:].argmax()) + 1, 1.0, frame)

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        return self.appearance(frame, mask)[:3].astype(np.float16)

    def _looks(self, instance: int, similarity: float, frame: int) -> NDArray[np.float32]:
        """A vector of length 1 with this cosine to the instance's own; in no two frames it differs alike."""
        row = np.zeros(len(self._truth) + 3, np.float32)
        row[instance] = similarity
        row[3 + frame] = np.sqrt(max(0.0, 1 - similarity**2))
        return row
