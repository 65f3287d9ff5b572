"""What every kind of video has in common."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cachetools import LRUCache

from ...errors import UserError
from ..types import Frame, read_only
from . import identity
from .container import TrackInfo
from .pixels import ValueRange
from .timing import FrameOrder, Timing

CACHE_BYTES = 128 * 2**20
"""Some 100 frames of 480p, 20 of 1080p, 5 of 4K: a window and an engine each keep as many."""
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person may choose of how a video is read.

    Attributes:
        track: number of the video track, from 1 on; None for the one that players show.
        value_range: what becomes black and white of pictures with more than 8 bits a sample; None for what
            fits the clip.
    """

    track: int | None = None
    value_range: ValueRange | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON value without what is not chosen."""
        chosen: dict[str, Any] = {} if self.track is None else {"track": self.track}
        if self.value_range is not None:
            chosen["range"] = [self.value_range.low, self.value_range.high]
        return chosen

    @classmethod
    def from_json(cls, value: object) -> Self:
        """From what `to_json` gave.

        Raises:
            UserError: it is something else.
        """
        try:
            given = dict(value)  # type: ignore[call-overload]
            track, values = given.get("track"), given.get("range")
            return cls(
                None if track is None else int(track),
                None if values is None else ValueRange(float(values[0]), float(values[1])),
            )
        except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
            raise UserError("The project is damaged: how its video is read makes no sense.") from error


AS_USUAL = ReadOptions()
"""Nothing is chosen."""


class Video(ABC):
    """Frames by index, the same picture for an index in whatever order they are asked for.

    Any thread may ask; one is served at a time. Use as a context manager, or call `close`.

    Attributes:
        path: the file or folder.
        name: the file's stem or the folder's name.
        length: number of frames, at least 1.
        height, width: of every frame, in pixels, after rotation.
        options: how it is read.
        rate: frames per second on the average, None if unknown.
        timing: when each frame is shown, None if unknown (pictures).
        pixel_aspect: width by height of a pixel, after rotation.
        tracks: the video tracks of a file; empty where there can be none.
        track: the number of the one that is read, None where there are none.
        value_range: the samples of more than 8 bits that are shown as black and white, None for 8 bits.
        order: which packet becomes which frame, where that was found by decoding the whole file; None where
            the packets tell.
        sound: a file with the sound on the clock of `timing`, None for a silent clip.
    """

    length: int
    height: int
    width: int
    options: ReadOptions = AS_USUAL
    rate: Fraction | None = None
    timing: Timing | None = None
    pixel_aspect: Fraction = Fraction(1)
    tracks: Sequence[TrackInfo] = ()
    track: int | None = None
    value_range: ValueRange | None = None
    order: FrameOrder | None = None
    sound: Path | None = None

    def __init__(self, path: Path, name: str, cache_bytes: int) -> None:
        self.path = path
        self.name = name
        self._cache: LRUCache[int, Frame] = LRUCache(cache_bytes, getsizeof=lambda frame: frame.nbytes)
        self._cache_lock = threading.Lock()
        self._lock = threading.RLock()
        self._closed = False
        self._notes: list[str] = []

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how it is read, in sentences without the video's name."""
        return tuple(self._notes)

    def _note(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)

    def frame(self, index: int) -> Frame:
        """One frame.

        Args:
            index: 0 to length - 1, in the order of presentation.

        Returns:
            (height, width, 3) uint8 RGB, read-only.

        Raises:
            IndexError: there is no such frame.
            UserError: it cannot be read or decoded.
            ValueError: the video has been closed.
        """
        if not 0 <= index < self.length:
            raise IndexError(f"{self.name} has frames 0 to {self.length - 1}, not {index}")
        # Who wants what is there does not wait for what another thread has decoded.
        found = self._kept(index)
        if found is not None:
            return found
        with self._lock:
            if self._closed:
                raise ValueError(f"{self.path} has been closed")
            found = self._kept(index)
            if found is None:
                found = self._keep(index, self._read(index))
            return found

    def _kept(self, index: int) -> Frame | None:
        with self._cache_lock:
            return self._cache.get(index)

    def _keep(self, index: int, frame: Frame) -> Frame:
        """Cache a frame at the cost of those not used for longest; the last one stays, however large."""
        frame = read_only(frame)
        with self._cache_lock:
            if frame.nbytes > self._cache.maxsize:
                self._cache = LRUCache(frame.nbytes, getsizeof=lambda one: one.nbytes)
            self._cache[index] = frame
        return frame

    @property
    def _most_ahead(self) -> int:
        """Frames that may be decoded before they are asked for: half the cache, or they evict one another."""
        return int(self._cache.maxsize) // (2 * self.height * self.width * 3)

    @cached_property
    def names(self) -> Sequence[str]:
        """The name of each frame: the picture's in a folder, else its number from 00000 on."""
        return tuple(f"{index:05d}" for index in range(self.length))

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the video, independent of its path: compare it with `identity.agree`."""
        marks = [str(self.length)]
        for index in self._sampled():
            try:
                marks.append(identity.of_pixels(self.frame(index)))
            except UserError:
                marks.append("damaged")
        return identity.fingerprint(marks, self.file_marks)

    @cached_property
    def file_marks(self) -> tuple[str, ...]:
        """Marks of the bytes of the files, see `identity.of_file`: in a folder, of each picture."""
        if not self.path.is_file():
            return ()
        try:
            return (identity.of_file(self.path),)
        except OSError as error:
            raise UserError(f"The video {self.path} cannot be read: {error.strerror}.") from error

    @cached_property
    def earlier_fingerprint(self) -> str:
        """What earlier versions identified a video by: of a file, its size and both ends."""
        if not self.path.is_file():
            return ""
        with self.path.open("rb") as file:
            size = self.path.stat().st_size
            digest = hashlib.sha256(f"file {size}\n".encode())
            digest.update(file.read(_CHUNK))
            file.seek(max(0, size - _CHUNK))
            digest.update(file.read(_CHUNK))
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of the file and of all cached frames; closing twice does no harm."""
        with self._lock:
            self._closed = True
            with self._cache_lock:
                self._cache.clear()
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _read(self, index: int) -> Frame:
        """Decode a frame that is not in the cache; called with the lock held."""

    def _sampled(self) -> Sequence[int]:
        """The frames whose pixels are part of the fingerprint."""
        return identity.samples(self.length)

    def _release(self) -> None:  # noqa: B027  (pictures hold nothing open)
        """Close what is open; called with the lock held."""
