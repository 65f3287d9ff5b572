"""Training data in parts: what a part and its index hold, and how a flow is coded in it."""

from __future__ import annotations

import bz2
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..formats import owned
from ..formats.atomic import write_text
from ..reading import MEGABYTE, expecting, read_json

INDEX = "index.json"
VERSION = 1
FLOW_UNIT = 1 / 16
"""Pixels at half the frames' size that a coded flow is rounded to; what it is off by is half of this."""
_MOST = 2**15 - 1
_LARGEST_INDEX = 16 * MEGABYTE


@dataclass(frozen=True)
class PackPart:
    """One file of a pack.

    Attributes:
        name: of the file, beside the index.
        size: in bytes.
        sha256: of the file.
        members: how many files it holds.
    """

    name: str
    size: int
    sha256: str
    members: int


@dataclass(frozen=True)
class Index:
    """What a pack consists of.

    Attributes:
        settings: how it was made; another pack of the same data and settings has the same bytes.
        sequences: names of the video sequences in it.
        parts: those that are finished.
        complete: whether these are all.
    """

    settings: dict[str, Any]
    sequences: tuple[str, ...]
    parts: tuple[PackPart, ...] = ()
    complete: bool = False

    @classmethod
    def read(cls, folder: Path) -> Index:
        """The index in the folder of a pack.

        Raises:
            UserError: there is none, or it is none that this version can read.
        """
        path = folder / INDEX
        found = read_json(path, _LARGEST_INDEX)
        with expecting(f"{path} is not the index of packed training data"):
            if found["version"] != VERSION:
                raise UserError(f"{path} is of version {found['version']}; this program reads {VERSION}.")
            parts = tuple(
                PackPart(str(it["name"]), int(it["size"]), str(it["sha256"]), int(it["members"]))
                for it in found["parts"]
            )
            if any(Path(part.name).name != part.name for part in parts):
                raise ValueError
            return cls(dict(found["settings"]), tuple(found["sequences"]), parts, bool(found["complete"]))

    def write(self, folder: Path) -> None:
        """Write it into the folder of its pack."""
        parts = [vars(part) for part in self.parts]
        content = {"version": VERSION, "settings": self.settings, "sequences": self.sequences}
        content |= {"complete": self.complete, "parts": parts}
        write_text(folder / INDEX, json.dumps(content, indent=1) + "\n")

    def like(self, other: Index) -> bool:
        """Whether both are of the same data and settings."""
        return (self.settings, self.sequences) == (other.settings, other.sequences)

    def beginning(self, folder: Path) -> Index:
        """The index up to the first part whose file is not as it was written."""
        good = []
        for part in self.parts:
            if not intact(folder, part):
                break
            good.append(part)
        return replace(self, parts=tuple(good), complete=self.complete and len(good) == len(self.parts))


def intact(folder: Path, part: PackPart) -> bool:
    """Whether the file of a part is there and has its size and checksum."""
    path = folder / part.name
    return path.is_file() and path.stat().st_size == part.size and checksum(path) == part.sha256


def checksum(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return owned.checksum(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read.") from error


def encoded_flow(flow: NDArray[np.floating[Any]]) -> bytes:
    """A flow, rounded to `FLOW_UNIT` and compressed: differences of neighbours both ways, then bzip2.

    Args:
        flow: (h, w, 2) in pixels at that size.
    """
    steps = np.rint(flow.astype(np.float32) / FLOW_UNIT).clip(-_MOST, _MOST).astype(np.int16)
    planes = steps.transpose(2, 0, 1)
    # 16 bits wrap around here, and back again when they are summed.
    for axis in (1, 2):
        planes = np.diff(planes, axis=axis, prepend=np.int16(0))
    small = ((planes << 1) ^ (planes >> 15)).view(np.uint16)
    head = np.array(flow.shape[:2], "<u2").tobytes()
    # Low and high bytes apart: nearly all of the latter are zero.
    return head + bz2.compress(np.stack([small & 255, small >> 8]).astype(np.uint8).tobytes())


def decoded_flow(data: bytes) -> NDArray[np.float16]:
    """The flow that `encoded_flow` has coded, (h, w, 2).

    Raises:
        ValueError: the data are damaged.
    """
    height, width = (int(side) for side in np.frombuffer(data[:4], "<u2"))
    try:
        values = np.frombuffer(bz2.decompress(data[4:]), np.uint8)
    except OSError as error:
        raise ValueError(str(error)) from error
    low, high = values.reshape(2, 2, height, width).astype(np.uint16)
    small = low | high << 8
    planes = (small >> 1 ^ np.uint16(0) - (small & 1)).view(np.int16)
    for axis in (2, 1):
        planes = np.cumsum(planes, axis, dtype=np.int16)
    return (planes.transpose(1, 2, 0).astype(np.float32) * FLOW_UNIT).astype(np.float16)
