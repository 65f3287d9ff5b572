"""The flow between frames of one video, from wherever it is cheapest to have."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....errors import UserError
from ...types import Flow, Frame, read_only
from ...video import Video
from ..lru import ArrayCache
from .cache import FlowCache
from .estimators import FlowEstimator
from .flo_files import flo_path, read_flo
from .working_size import enlarge, shrink, working_size

_MEMORY_BYTES = 64 * 2**20
"""Some twenty flows at 480p: callers that work on the same pair of frames share one."""
_HALF_BYTES = 64 * 2**20
"""Some sixty at the working size: a gap is walked forward, then back, then smoothed with the same ones."""
_HALF = float(np.finfo(np.float16).max)


class FlowSource:
    """F(I_i, I_j) for any pair of frames; any thread may ask. One is computed at a time, in a thread for it.

    Flow is computed at the estimator's working size and rounded to half precision, cached on disk or not, so
    that a run gives the same masks with and without a cache.
    """

    def __init__(
        self,
        video: Video,
        estimator: FlowEstimator,
        cache: FlowCache | None = None,
        flo_folder: Path | None = None,
    ) -> None:
        """Take flow of a video.

        Args:
            cache: of this video's flow, on disk.
            flo_folder: with ready flow between neighbours, see `flo_files.flo_path`; what it lacks is
                computed.

        Raises:
            UserError: `flo_folder` is no folder.
        """
        if flo_folder is not None and not flo_folder.is_dir():
            raise UserError(f"There is no folder of flow at {flo_folder}.")
        self._video = video
        self._size = video.height, video.width
        self._estimator = estimator
        self._cache = cache
        self._flo_folder = flo_folder
        self._memory: ArrayCache[tuple[int, int], np.float32] = ArrayCache(_MEMORY_BYTES)
        self._halves: ArrayCache[tuple[int, int], np.float16] = ArrayCache(_HALF_BYTES)
        # Its thread starts with the first task, and ends with this object.
        self._background = ThreadPoolExecutor(1, "flow")
        self._coming: dict[tuple[int, int], Future[Flow]] = {}
        self._lock = threading.Lock()
        # Of the last pair: the next one of a walk shares a frame with it.
        self._shrunk: dict[int, Frame] = {}

    def between(self, source: int, target: int) -> Flow:
        """The flow of frame `source`'s pixels toward frame `target`.

        Returns:
            (H, W, 2) float32, (dx, dy) in pixels of the frame; read-only.

        Raises:
            IndexError: there is no such frame.
            UserError: a frame or a .flo file cannot be read, or does not fit the video.
        """
        flow = self._memory.get((source, target))
        return self._asked_for(source, target).result() if flow is None else flow

    def at_size(self, source: int, target: int, height: int, width: int) -> Flow:
        """As `between`, but (height, width, 2), in pixels of that size, and not remembered there."""
        # Often there: who asks need not wait for what is being computed.
        half = self._halves.get((source, target))
        if half is not None:
            return enlarge(_single(half), height, width)
        return self._background.submit(self._fetch, source, target, (height, width)).result()

    def prepare(self, source: int, target: int) -> None:
        """Compute in the background what `between` will soon be asked for; what goes wrong is told then."""
        if self._memory.get((source, target)) is None:
            self._asked_for(source, target)

    def compute(self, source: int, target: int) -> Flow:
        """As `between`, but anew, whether it is remembered or not."""
        return self._background.submit(self._fetch, source, target, self._size, anew=True).result()

    def _asked_for(self, source: int, target: int) -> Future[Flow]:
        with self._lock:
            coming = self._coming.get((source, target))
            if coming is None:
                coming = self._background.submit(self._remembered, source, target)
                self._coming[source, target] = coming
            return coming

    def _remembered(self, source: int, target: int) -> Flow:
        try:
            flow = read_only(self._fetch(source, target, self._size))
            self._memory.put((source, target), flow)
            return flow
        finally:
            with self._lock:
                del self._coming[source, target]

    def _fetch(self, source: int, target: int, size: tuple[int, int], *, anew: bool = False) -> Flow:
        """Called in the background thread."""
        for index in (source, target):
            if not 0 <= index < self._video.length:
                raise IndexError(f"the video has frames 0 to {self._video.length - 1}, not {index}")
        if source == target:
            return np.zeros((*size, 2), np.float32)
        if self._flo_folder is not None:
            path = flo_path(self._flo_folder, source, target)
            if path is not None and path.is_file():
                flow = read_flo(path)
                if flow.shape[:2] != self._size:
                    raise UserError(
                        f"The flow {path} is {flow.shape[1]}x{flow.shape[0]} pixels,"
                        f" but the video {self._video.name} is {self._size[1]}x{self._size[0]}."
                    )
                return enlarge(flow, *size)
        half = self._halves.get((source, target))
        if half is None or anew:
            half = self._half(source, target)
            self._halves.put((source, target), half)
        return enlarge(_single(half), *size)

    def _half(self, source: int, target: int) -> NDArray[np.float16]:
        """The flow at the working size, in half precision: from the cache, or computed and then cached."""
        name = self._estimator.name
        size = working_size(*self._size, self._estimator.short_side)
        cached = None if self._cache is None else self._cache.load(name, source, target, size)
        if cached is not None:
            return cached
        known, most = self._shrunk, self._estimator.short_side
        self._shrunk = {
            index: known[index] if index in known else shrink(self._video.frame(index), most)
            for index in (source, target)
        }
        flow = self._estimator(self._shrunk[source], self._shrunk[target])
        # A look at the sum is cheap; a network may say what is no number, but hardly ever does.
        finite = flow if np.isfinite(flow.sum()) else np.nan_to_num(flow)
        half = _halved(finite)
        if self._cache is not None:
            self._cache.store(name, source, target, half)
        return half


# torch converts in a twentieth of the time that NumPy takes; a window without flow need not wait for it.
def _single(half: NDArray[np.float16]) -> NDArray[np.float32]:
    import torch  # noqa: PLC0415

    found: NDArray[np.float32] = torch.from_numpy(half).float().numpy()
    return found


def _halved(flow: NDArray[np.float32]) -> NDArray[np.float16]:
    """What lies beyond half precision's range is brought to its end."""
    import torch  # noqa: PLC0415

    found: NDArray[np.float16] = torch.from_numpy(flow).clamp(-_HALF, _HALF).half().numpy()
    return found
