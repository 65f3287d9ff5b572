"""Decodes frames on a thread of its own, so that scrubbing keeps up with the mouse."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Condition

from PySide6.QtCore import QObject, QThread, Signal

from ..engine.types import Box, Frame
from ..engine.video import Video
from ..errors import UserError


@dataclass(frozen=True, slots=True)
class _Task:
    """One frame to be decoded.

    Attributes:
        epoch: tells the video that is open now from those before.
        key: of a crop, None for a frame to be shown.
        box: what is wanted of a crop's frame, None for all.
    """

    epoch: int
    video: Video
    index: int
    key: Hashable = None
    box: Box | None = None


class FrameLoader(QThread):
    """Serves the newest request only; crops for hover and review wait until no frame is wanted.

    Signals:
        loaded(index, frame): a frame that `request` asked for.
        cropped(key, crop): what `crop` asked for.
        failed(sentence, details): a frame cannot be read.
    """

    loaded = Signal(int, object)
    cropped = Signal(object, object)
    failed = Signal(str, str)
    _served = Signal(object, object)
    _missed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("frames")
        self._condition = Condition()
        self._video: Video | None = None
        self._epoch = 0
        self._wanted: int | None = None
        self._crops: OrderedDict[Hashable, tuple[int, Box | None]] = OrderedDict()
        self._closing = False
        # This object lives on the GUI's thread: what arrives there is compared with what is open there.
        self._served.connect(self._deliver)
        self._missed.connect(self._report)

    def open(self, video: Video | None) -> None:
        """Serve this video from now on, or none; answers about the one before are dropped."""
        with self._condition:
            self._video, self._wanted = video, None
            self._crops.clear()
            self._epoch += 1

    def request(self, index: int) -> None:
        """Ask for a frame; a request not yet begun is forgotten."""
        with self._condition:
            self._wanted = index
            self._condition.notify()

    def crop(self, key: Hashable, index: int, box: Box | None) -> None:
        """Ask for a part of a frame, or all of it; asking again for a key that waits changes nothing."""
        with self._condition:
            self._crops.setdefault(key, (index, box))
            self._condition.notify()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self.wait()

    def run(self) -> None:
        """Serve until stopped."""
        while (task := self._next()) is not None:
            try:
                frame = task.video.frame(task.index)
            except (UserError, IndexError) as error:
                self._missed.emit(task, str(error))
            except ValueError:
                pass  # Closed meanwhile.
            else:
                self._served.emit(task, frame)

    def _next(self) -> _Task | None:
        with self._condition:
            self._condition.wait_for(
                lambda: (
                    self._closing
                    or (self._video is not None and (self._wanted is not None or bool(self._crops)))
                )
            )
            if self._closing:
                return None
            assert self._video is not None
            if self._wanted is not None:
                index, self._wanted = self._wanted, None
                return _Task(self._epoch, self._video, index)
            key, (index, box) = self._crops.popitem(last=False)
            return _Task(self._epoch, self._video, index, key, box)

    def _deliver(self, task: _Task, frame: Frame) -> None:
        if task.epoch != self._epoch:
            return
        if task.key is None:
            self.loaded.emit(task.index, frame)
        else:
            self.cropped.emit(task.key, _cut(frame, task.box))

    def _report(self, task: _Task, sentence: str) -> None:
        if task.epoch == self._epoch:
            self.failed.emit(f"Frame {task.index} cannot be shown.", sentence)


def _cut(frame: Frame, box: Box | None) -> Frame:
    if box is None:
        return frame
    height, width = frame.shape[:2]
    return frame[box.clip(height, width).slices]
