"""Cells, decisions, instances and candidates as rows of the project file, and back.

What is refused when a row is read is refused when it is written too, so that no write can make a project
that does not open.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from ..engine.events import Decision, Verdict
from ..engine.types import MAX_INSTANCE, Box, Candidates, Cell, CellKey, Maker, SoftMask
from .records import Adaptation, Instance, VideoRef
from .schema import Row
from .stored_mask import StoredMask, compress


def _check_key(key: CellKey, video: VideoRef) -> None:
    if not (0 <= key.frame < video.length and 1 <= key.instance <= MAX_INSTANCE):
        raise ValueError(f"{key} lies outside the video")


def _inside(box: Box, checkpoints: Sequence[int | None], video: VideoRef) -> bool:
    if not all(0 <= frame < video.length for frame in checkpoints if frame is not None):
        return False
    return not box.area or box.clip(video.height, video.width) == box


def _checksum(key: CellKey, values: Row, png: bytes) -> int:
    # Files of older versions had no columns for what stands last in the values.
    while values[-1] is None:
        values = values[:-1]
    return crc32(png, crc32(repr((*key, *values)).encode()))


def cell_row(key: CellKey, cell: Cell, video: VideoRef) -> Row:
    """The columns of CELLS for a cell.

    Raises:
        ValueError: it does not fit into the video.
    """
    box = Box(int(cell.mask.box.x0), int(cell.mask.box.y0), int(cell.mask.box.x1), int(cell.mask.box.y1))
    _check_key(key, video)
    if not _inside(box, (cell.origin, cell.second), video):
        raise ValueError(f"the cell at {key} with {box} and origin {cell.origin} lies outside the video")
    values = (
        int(cell.origin),
        int(cell.pinned),
        str(cell.made_by),
        float(cell.confidence),
        None if cell.similarity is None else float(cell.similarity),
        *(box.x0, box.y0, box.x1, box.y1),
        None if cell.second is None else int(cell.second),
        1 if cell.smoothed else None,
    )
    png = compress(cell.mask)
    return (*values, png, _checksum(CellKey(int(key.frame), int(key.instance)), values, png))


def read_cell(key: CellKey, row: Row, video: VideoRef) -> Cell:
    """The cell of a row; its map is decoded when first looked at.

    Raises:
        ValueError: the row is damaged or does not fit into the video.
    """
    origin, pinned, made_by, confidence, similarity, x0, y0, x1, y1, second, smoothed, png, checksum = row
    if _checksum(key, row[:-2], png) != checksum:
        raise ValueError(f"the cell at {key} is damaged")
    _check_key(key, video)
    box = Box(x0, y0, x1, y1)
    if not _inside(box, (origin, second), video):
        raise ValueError(f"the cell at {key} lies outside the video")
    mask = StoredMask(box, png) if box.area else SoftMask.empty()
    maker = Maker(made_by)
    return Cell(mask, origin, bool(pinned), maker, confidence, similarity, second, bool(smoothed))


def decision_row(key: CellKey, decision: Decision, video: VideoRef) -> Row:
    """The columns of DECISIONS for a decision.

    Raises:
        ValueError: it does not fit into the video.
    """
    _check_key(key, video)
    box = decision.box
    return (
        str(decision.verdict),
        *(int(box.x0), int(box.y0), int(box.x1), int(box.y1)),
        float(decision.similarity),
        str(decision.by),
        None if decision.given_to is None else int(decision.given_to),
    )


def read_decision(key: CellKey, row: Row, video: VideoRef) -> Decision:
    """The decision of a row.

    Raises:
        ValueError: the row does not make sense.
    """
    _check_key(key, video)
    verdict, x0, y0, x1, y1, similarity, by, given_to = row
    return Decision(Verdict(verdict), Box(x0, y0, x1, y1), similarity, Maker(by), given_to)


def instance_row(instance: Instance) -> Row:
    """The columns of INSTANCES for an instance."""
    return (instance.name, instance.colour, int(instance.hidden), int(instance.locked), int(instance.order))


def read_instance(number: int, row: Row) -> Instance:
    """The instance of a row.

    Raises:
        ValueError: the row does not make sense.
    """
    name, colour, hidden, locked, order = row
    return Instance(number, name, colour, bool(hidden), bool(locked), order)


def adaptation_row(adaptation: Adaptation) -> Row:
    """The columns of ADAPTATION."""
    return (adaptation.base, adaptation.data, crc32(adaptation.data))


def read_adaptation(row: Row) -> Adaptation:
    """The adaptation of a row.

    Raises:
        ValueError: the row is damaged.
    """
    base, data, checksum = row
    if crc32(data) != checksum:
        raise ValueError("the adaptation is damaged")
    return Adaptation(base, data)


def pack_candidates(candidates: Candidates) -> bytes:
    """Boxes, scores, labels and embeddings one after the other, little-endian.

    Embeddings become float16, which moves their cosines by less than .001 and halves the file.
    """
    return b"".join(
        (
            candidates.boxes.astype("<i4").tobytes(),
            candidates.scores.astype("<f4").tobytes(),
            candidates.person.astype("u1").tobytes(),
            candidates.embeddings.astype("<f2").tobytes(),
        )
    )


def unpack_candidates(count: int, dimensions: int, data: bytes) -> Candidates:
    """The candidates of `count` boxes whose embeddings have `dimensions` numbers.

    Raises:
        ValueError: the data are of another size.
    """
    sizes = (16 * count, 4 * count, count, 2 * count * dimensions)
    if len(data) != sum(sizes):
        raise ValueError(f"{len(data)} bytes do not hold {count} candidates")
    a, b, c = np.cumsum(sizes[:-1]).tolist()
    embeddings = np.frombuffer(data[c:], "<f2").reshape(count, dimensions).astype(np.float32)
    # Rounding moved their lengths off 1.
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True).clip(min=1e-6)
    return Candidates(
        np.frombuffer(data[:a], "<i4").reshape(count, 4).astype(np.int32),
        np.frombuffer(data[a:b], "<f4").astype(np.float32),
        np.frombuffer(data[b:c], "u1").astype(np.bool_),
        embeddings,
    )
