"""Frames and masks on their way to a writer, and the proof that the masks arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from ..engine.types import MAX_INSTANCE, Frame, LabelMap
from ..errors import UserError
from .frame_names import file_names


class Footage:
    """Pairs frames with masks, checks them one at a time, and keeps a fingerprint of each mask.

    Attributes:
        name: of the sequence, for messages.
        height, width: of all frames in pixels, known once the first has passed.
        count: frames that have passed.
    """

    def __init__(
        self,
        name: str,
        frames: Iterable[Frame],
        label_maps: Iterable[LabelMap],
        frame_names: Sequence[str] | None = None,
    ) -> None:
        """Take what is to be written.

        Args:
            frames, label_maps: (H, W, 3) uint8 RGB and (H, W) uint8 of each frame, consumed one at a time.
            frame_names: of all frames, see `Video.names`; None for 00000 on.
        """
        self._names = file_names(frame_names) if frame_names is not None else None
        self._numbered = self._names is None or all(name.isdecimal() for name in self._names)
        self.name = name
        self.height = self.width = 0
        self._pairs = zip_longest(frames, label_maps)
        self._prints: list[bytes] = []

    @property
    def count(self) -> int:
        """Frames that have passed."""
        return len(self._prints)

    def __iter__(self) -> Iterator[tuple[int, Frame, LabelMap]]:
        """Number, frame and mask of each frame, once.

        Raises:
            UserError: there is no frame, frames and masks differ in number or size, the size changes, or a
                mask has a value that is no instance's number.
        """
        for number, (frame, labels) in enumerate(self._pairs):
            if frame is None or labels is None:
                raise UserError(f"The export of {self.name} needs as many masks as frames.")
            self._check(number, frame, labels)
            self._prints.append(_fingerprint(labels))
            yield number, frame, labels
        if not self._prints:
            raise UserError(f"There is no frame of {self.name} to export.")

    def file(self, index: int) -> str:
        """The name of a frame's files but for their suffix: that of the frame, see `file_names`."""
        return f"{index:05d}" if self._names is None else self._names[index]

    def number(self, index: int) -> int:
        """The number of a frame in lists: that in the names of its files where these are numbers."""
        return int(self.file(index)) if self._numbered else index

    def confirm(self, written: Iterable[LabelMap], place: Path) -> None:
        """Compare what was read back with what has passed.

        Args:
            written: (H, W) uint8 of each frame, in order.
            place: what was read, for the message.

        Raises:
            UserError: a mask differs, or one is missing or too many.
        """
        for number, (labels, expected) in enumerate(zip_longest(written, self._prints)):
            if labels is None or expected is None or _fingerprint(labels) != expected:
                raise UserError(f"{place} was written but the mask of frame {number} reads back differently.")

    def _check(self, number: int, frame: Frame, labels: LabelMap) -> None:
        if frame.shape[:2] != labels.shape:
            raise UserError(f"Frame {number} of {self.name} and its mask differ in size.")
        if not number:
            self.height, self.width = labels.shape
        elif labels.shape != (self.height, self.width):
            raise UserError(f"Frame {number} of {self.name} has another size than those before it.")
        if labels.max(initial=0) > MAX_INSTANCE:
            raise UserError(f"The mask of frame {number} of {self.name} has a value above {MAX_INSTANCE}.")


def _fingerprint(labels: LabelMap) -> bytes:
    shape = np.array(labels.shape, np.int64).tobytes()
    return hashlib.blake2b(shape + np.ascontiguousarray(labels).tobytes(), digest_size=16).digest()
