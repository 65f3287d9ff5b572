"""Computed flow on disk, in half precision. It may be deleted at any time."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


class FlowCache:
    """One file a pair of frames of one video, in a folder for each estimator.

    Trouble with the disk never stops a run: a damaged file is removed and its flow computed anew; a disk
    that cannot be written is reported once, and the run goes on without it.

    Attributes:
        folder: beside the project file; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writable = True

    def load(self, name: str, source: int, target: int, shape: tuple[int, int]) -> NDArray[np.float16] | None:
        """The flow of a pair, None when it has to be computed.

        Args:
            name: the estimator's.
            shape: (h, w) that the flow must have.

        Returns:
            (h, w, 2) float16, (dx, dy) in pixels of that size.
        """
        path = self._path(name, source, target)
        try:
            flow = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            flow = None
        # np.load also opens archives, which are no arrays.
        if isinstance(flow, np.ndarray) and flow.dtype == np.float16 and flow.shape == (*shape, 2):
            return flow
        log.warning("removing the damaged flow %s", path)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def store(self, name: str, source: int, target: int, flow: NDArray[np.float16]) -> None:
        """Keep a (h, w, 2) float16 flow; whole or not at all, whenever the program dies."""
        if not self._writable:
            return
        path = self._path(name, source, target)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, flow)
        except OSError as error:
            self._writable = False
            log.warning("flow cannot be kept in %s (%s): going on without", self.folder, error)

    def _path(self, name: str, source: int, target: int) -> Path:
        return self.folder / name / f"{source:05d}-{target:05d}.npy"


def _write(path: Path, flow: NDArray[np.float16]) -> None:
    handle, temporary = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, flow, allow_pickle=False)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
