"""Middlebury .flo files, as the authors' program reads them for its flow."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ....errors import UserError
from ...types import Flow

_MAGIC = 202021.25
_HEADER = struct.Struct("<fii")
_UNKNOWN = 1e9
"""The format's mark of a pixel without flow: any greater displacement."""


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
    """Read a flow; pixels marked as unknown are taken to stand still.

    Returns:
        (H, W, 2) float32, (dx, dy) in pixels.

    Raises:
        UserError: it cannot be read or is no .flo file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"The flow {path} cannot be read: {error.strerror}.") from error
    if len(data) < _HEADER.size:
        raise UserError(f"The file {path} is no .flo file: it is too short.")
    magic, width, height = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise UserError(f"The file {path} is no .flo file: it does not begin with the format's mark.")
    if width < 1 or height < 1 or len(data) != _HEADER.size + 8 * width * height:
        raise UserError(f"The flow {path} does not hold the {width}x{height} pixels that it announces.")
    flow = np.frombuffer(data, "<f4", offset=_HEADER.size).reshape(height, width, 2).astype(np.float32)
    flow[~(np.abs(flow) <= _UNKNOWN).all(axis=2)] = 0
    return flow


def write_flo(path: Path, flow: Flow) -> None:
    """Write a (H, W, 2) float32 flow; for .flo and .rflo alike."""
    height, width = flow.shape[:2]
    path.write_bytes(_HEADER.pack(_MAGIC, width, height) + flow.astype("<f4").tobytes())
