"""Decodes frames for the canvas on a thread of its own, and turns them into Qt's images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from ..engine.types import Box, Frame
from ..engine.video import Video
from ..errors import UserError
from .server import Server

Prepare: TypeAlias = Callable[[Frame], object]
"""Makes what is drawn of a frame, on the thread that decodes."""


def to_image(frame: Frame) -> QImage:
    """A copy of a (H, W, 3) uint8 RGB frame or a part of one, which may be empty."""
    height, width = frame.shape[:2]
    if not (height and width):
        return QImage()
    whole = np.ascontiguousarray(frame)
    # Copied, as the image would not keep the array alive.
    return QImage(whole.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


@dataclass(frozen=True, slots=True)
class _FrameJob:
    """Work on a frame that can wait.

    Attributes:
        key: identifies the requester, see `FrameLoader.drop`.
        index: of the frame.
        work: what is to be done with it.
    """

    key: Hashable
    index: int
    work: Callable[[Frame], object]


@dataclass(frozen=True, slots=True)
class _FrameTask:
    """One frame to be decoded.

    Attributes:
        epoch: identifies the video that is open now.
        job: what is to be done with it, None for a frame to be shown.
        prepare: makes of a frame to be shown what the window draws, None for nothing.
    """

    epoch: int
    video: Video
    index: int
    job: _FrameJob | None = None
    prepare: Prepare | None = None


class FrameLoader(Server[_FrameTask]):
    """Serves the newest request only; jobs such as crops for the review wait until no frame is wanted.

    Signals:
        loaded(index, frame, prepared): a frame that `request` asked for, and what was prepared of it.
        done(key, result): what `crop` or `process` asked for.
        failed(sentence, details): a frame cannot be read, or work on it failed.
        missed(key): nothing comes of what `crop` or `process` asked for; `failed` told why.
    """

    loaded = Signal(int, object, object)
    done = Signal(object, object)
    failed = Signal(str, str)
    missed = Signal(object)
    _served = Signal(object, object)
    _failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("frames", parent)
        self._video: Video | None = None
        self._epoch = 0
        self._wanted: tuple[int, Prepare | None] | None = None
        self._jobs: OrderedDict[Hashable, _FrameJob] = OrderedDict()
        # This object lives on the GUI's thread: what arrives there is compared with what is open there.
        self._served.connect(self._deliver)
        self._failed.connect(self._report)

    def open(self, video: Video | None) -> None:
        """Serve this video from now on, or none; answers about the one before are dropped."""
        with self._condition:
            self._video, self._wanted = video, None
            self._jobs.clear()
            self._epoch += 1

    @property
    def length(self) -> int:
        """Frames of the video; 0 without any."""
        return 0 if self._video is None else self._video.length

    def request(self, index: int, prepare: Prepare | None = None) -> None:
        """Ask for a frame; a request not yet begun is forgotten.

        Args:
            prepare: called with the frame on this thread; `loaded` hands over what it returns.
        """
        with self._condition:
            self._wanted = index, prepare
            self._condition.notify()

    def crop(self, key: Hashable, index: int, box: Box) -> None:
        """Ask for a part of a frame."""
        self.process(key, index, partial(_cut, box=box))

    def process(self, key: Hashable, index: int, work: Callable[[Frame], object]) -> None:
        """Ask for work on a frame, done on this thread; asking again for a key that waits changes nothing."""
        with self._condition:
            self._jobs.setdefault(key, _FrameJob(key, index, work))
            self._condition.notify()

    def drop(self, key: Hashable) -> None:
        """Forget work that has not begun."""
        with self._condition:
            self._jobs.pop(key, None)

    def _serve(self, task: _FrameTask) -> None:
        frame = task.video.frame(task.index)
        if task.job is not None:
            self._served.emit(task, task.job.work(frame))
        else:
            self._served.emit(task, (frame, task.prepare(frame) if task.prepare is not None else None))

    def _fail(self, task: _FrameTask, error: Exception, details: str) -> None:
        self._failed.emit(task, str(error) if isinstance(error, UserError | IndexError) else details)

    def _next(self) -> _FrameTask | None:
        with self._condition:
            if not self._await(self._is_asked):
                return None
            assert self._video is not None
            if self._wanted is not None:
                (index, prepare), self._wanted = self._wanted, None
                return _FrameTask(self._epoch, self._video, index, prepare=prepare)
            _, job = self._jobs.popitem(last=False)
            return _FrameTask(self._epoch, self._video, job.index, job)

    def _is_asked(self) -> bool:
        return self._video is not None and (self._wanted is not None or bool(self._jobs))

    def _deliver(self, task: _FrameTask, result: Any) -> None:
        if task.epoch != self._epoch:
            return
        if task.job is None:
            self.loaded.emit(task.index, *result)
        else:
            self.done.emit(task.job.key, result)

    def _report(self, task: _FrameTask, details: str) -> None:
        # A video that was closed meanwhile raises, too: nobody waits for its frames any more.
        if task.epoch != self._epoch:
            return
        what = "shown" if task.job is None else "worked on"
        self.failed.emit(f"Frame {task.index} cannot be {what}.", details)
        if task.job is not None:
            self.missed.emit(task.job.key)


def _cut(frame: Frame, box: Box) -> Frame:
    height, width = frame.shape[:2]
    return frame[box.clip(height, width).slices]
