"""The flow between frames of one video, from wherever it is cheapest to have."""

from __future__ import annotations

import struct
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from ...errors import UserError
from ..types import Flow, Frame
from .estimators import FlowEstimator
from .field import SMALL_FRAME, FlowField, resize_flow, shrink, working_size

if TYPE_CHECKING:  # Training warps by the flow, too, where no readers of video are installed.
    from ..video import Video

_FIELDS_BYTES = 48 * 2**20
"""Callers that work on the same pair of frames share one, and the next ones are prepared."""
_HALF_BYTES = 64 * 2**20
"""Some sixty at the working size: a gap is walked forward, then back, then smoothed with the same ones."""
_HALF = float(np.finfo(np.float16).max)
_FLO_MAGIC = 202021.25
_FLO_HEADER = struct.Struct("<fii")
_FLO_UNKNOWN = 1e9
"""The format's mark of a pixel without flow: any greater displacement."""


class FlowSource:
    """F(I_i, I_j) for any pair of frames; any thread may ask. One is computed at a time, in a thread for it.

    Flow is computed at the estimator's working size, rounded to half precision, and kept so.
    """

    def __init__(self, video: Video, estimator: FlowEstimator, flo_folder: Path | None = None) -> None:
        """Take flow of a video.

        Args:
            flo_folder: with ready flow between neighbours, see `flo_path`; what it lacks is computed.

        Raises:
            UserError: `flo_folder` is no folder.
        """
        if flo_folder is not None and not flo_folder.is_dir():
            raise UserError(f"There is no folder of flow at {flo_folder}.")
        self._video = video
        self._size = video.height, video.width
        self._estimator = estimator
        self._flo_folder = flo_folder
        self._fields: LRUCache[tuple[int, int], FlowField] = LRUCache(
            _FIELDS_BYTES, getsizeof=lambda field: field.nbytes
        )
        self._halves: LRUCache[tuple[int, int], NDArray[np.float16]] = LRUCache(
            _HALF_BYTES, getsizeof=lambda half: half.nbytes
        )
        # Its thread starts with the first task, and ends with this object.
        self._background = ThreadPoolExecutor(1, "flow")
        self._coming: dict[tuple[int, int], Future[FlowField]] = {}
        self._lock = threading.Lock()
        # Of the last pair: the next one of a walk shares a frame with it.
        self._shrunk: dict[int, Frame] = {}

    def between(self, source: int, target: int) -> FlowField:
        """The flow of frame `source`'s pixels toward frame `target`.

        Raises:
            IndexError: there is no such frame.
            UserError: a frame or a .flo file cannot be read, or does not fit the video.
        """
        found = self._asked_for(source, target)
        return found if isinstance(found, FlowField) else found.result()

    def prepare(self, source: int, target: int) -> None:
        """Compute in the background what `between` will soon be asked for; errors are raised then."""
        self._asked_for(source, target)

    def compute(self, source: int, target: int) -> FlowField:
        """As `between`, but computed again, whether it is remembered or not."""
        with self._lock:
            self._fields.pop((source, target), None)
            self._halves.pop((source, target), None)
        return self.between(source, target)

    def _asked_for(self, source: int, target: int) -> FlowField | Future[FlowField]:
        """What is there at once: who asks does not wait for what is being computed for others."""
        pair = source, target
        with self._lock:
            field = self._fields.get(pair)
            if field is not None:
                return field
            half = self._halves.get(pair)
            if half is not None:
                return self._kept(pair, FlowField(half, *self._size))
            if pair not in self._coming:
                self._coming[pair] = self._background.submit(self._computed, *pair)
            return self._coming[pair]

    def _kept(self, pair: tuple[int, int], field: FlowField) -> FlowField:
        """Called with the lock held."""
        if field.nbytes <= self._fields.maxsize:
            self._fields[pair] = field
        return field

    def _computed(self, source: int, target: int) -> FlowField:
        """Called in the background thread."""
        pair = source, target
        try:
            field = self._fetch(source, target)
            if self._size[0] * self._size[1] <= SMALL_FRAME:
                _ = field.whole
            with self._lock:
                return self._kept(pair, field)
        finally:
            with self._lock:
                del self._coming[pair]

    def _fetch(self, source: int, target: int) -> FlowField:
        for index in (source, target):
            if not 0 <= index < self._video.length:
                raise IndexError(f"the video has frames 0 to {self._video.length - 1}, not {index}")
        small = working_size(*self._size, self._estimator.short_side)
        if source == target:
            return FlowField(np.zeros((*small, 2), np.float32), *self._size)
        path = None if self._flo_folder is None else flo_path(self._flo_folder, source, target)
        if path is not None and path.is_file():
            return FlowField(self._ready(path, small), *self._size)
        half = self._half(source, target)
        # Of a frame that is many times as wide as high, one may be too large to be kept.
        if half.nbytes <= self._halves.maxsize:
            with self._lock:
                self._halves[source, target] = half
        return FlowField(half, *self._size)

    def _ready(self, path: Path, small: tuple[int, int]) -> Flow:
        """The flow of a file; that of large frames is brought to the size at which it would be computed."""
        flow = read_flo(path)
        if flow.shape[:2] != self._size:
            raise UserError(
                f"The flow {path} is {flow.shape[1]}x{flow.shape[0]} pixels,"
                f" but the video {self._video.name} is {self._size[1]}x{self._size[0]}."
            )
        return flow if flow.size // 2 <= SMALL_FRAME else resize_flow(flow, *small)

    def _half(self, source: int, target: int) -> NDArray[np.float16]:
        """The flow at the working size, in half precision."""
        known, most = self._shrunk, self._estimator.short_side
        self._shrunk = {
            index: known[index] if index in known else shrink(self._video.frame(index), most)
            for index in (source, target)
        }
        flow = self._estimator(self._shrunk[source], self._shrunk[target])
        # A look at the sum is cheap; a network may say what is no number, but hardly ever does.
        return _halved(flow if np.isfinite(flow.sum()) else np.nan_to_num(flow))


def _halved(flow: NDArray[np.float32]) -> NDArray[np.float16]:
    """What lies beyond half precision's range is brought to its end."""
    # torch converts in a twentieth of the time that NumPy takes; a window without flow need not wait for it.
    import torch  # noqa: PLC0415

    found: NDArray[np.float16] = torch.from_numpy(flow).clamp(-_HALF, _HALF).half().numpy()
    return found


def flo_path(folder: Path, source: int, target: int) -> Path | None:
    """The file with the flow of a pair of neighbours, by the authors' layout; None for other pairs.

    NNNNN.flo holds the flow from frame N to N + 1, NNNNN.rflo the one back, from frame N + 1 to N; both
    are of the same format.
    """
    if target == source + 1:
        return folder / f"{source:05d}.flo"
    if target == source - 1:
        return folder / f"{target:05d}.rflo"
    return None


def read_flo(path: Path) -> Flow:
    """Read a Middlebury .flo file; pixels marked as unknown are taken to stand still.

    Returns:
        (H, W, 2) float32, (dx, dy) in pixels.

    Raises:
        UserError: it cannot be read or is no .flo file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"The flow {path} cannot be read: {error.strerror}.") from error
    if len(data) < _FLO_HEADER.size:
        raise UserError(f"The file {path} is no .flo file: it is too short.")
    magic, width, height = _FLO_HEADER.unpack_from(data)
    if magic != _FLO_MAGIC:
        raise UserError(f"The file {path} is no .flo file: it does not begin with the format's mark.")
    if width < 1 or height < 1 or len(data) != _FLO_HEADER.size + 8 * width * height:
        raise UserError(f"The flow {path} does not hold the {width}x{height} pixels that it announces.")
    flow = np.frombuffer(data, "<f4", offset=_FLO_HEADER.size).reshape(height, width, 2).astype(np.float32)
    flow[~(np.abs(flow) <= _FLO_UNKNOWN).all(axis=2)] = 0
    return flow
