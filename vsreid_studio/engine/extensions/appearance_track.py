"""The appearance track: what confident masks show of an instance, and of the objects beside it.

N_reid compares with a template (Sec. 3.2), which cannot distinguish the instance from a similar object
(distractor). A distractor that was beside the instance in an earlier frame is recognized: the candidate is
more similar to it than to the instance. Without what unreviewed recoveries show, 9 instead of 4 wrong ones
were accepted (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..algorithm import retrieve
from ..algorithm.retrieve import UNKNOWN
from ..store.candidates import EmbeddingRows
from ..types import Cell

SAME = 0.6
"""A candidate shows the instance from this IoU with the box of its mask on."""
BESIDE = 0.15
"""And something else when it shares less than this with that box, as a part of the smaller of the two."""
TRUSTED = 0.65
"""A map that was judged is trusted from this expected J on."""
MOST = 400
"""Candidates of either kind that are compared with, spread evenly: a long video has no end of them."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """When what a mask shows counts.

    Attributes:
        sure: a mask is confident from this predicted IoU on.
        rho_track: what it shows counts as the instance when it is more similar than this to the gallery.
        judged: a mask that trust has judged is confident from this expected J on. That is also what tells
            whether it looks like the instance on its way, so that the track follows an instance that turns.
    """

    sure: float = 0.8
    rho_track: float = 0.65
    judged: float = TRUSTED


class TrustedEmbeddings(NamedTuple):
    """Embeddings of the maps of one instance that are probably right.

    Attributes:
        frames: (m,) intp.
        rows: (m, d) float32 of length 1, N_reid of each map's box.
    """

    frames: NDArray[np.intp]
    rows: NDArray[np.float32]


class AppearanceTrack:
    """The candidates of the frames in which one instance is seen well, sorted into itself and others."""

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self._known: dict[int, tuple[Cell, NDArray[np.intp], NDArray[np.intp]]] = {}
        self._changed = False

    def update(
        self,
        frame: int,
        cell: Cell | None,
        rows: NDArray[np.intp],
        boxes: NDArray[np.int32],
    ) -> None:
        """Take in what is now in the instance's cell of a frame.

        Args:
            rows: of the frame's candidates in the stack of all.
            boxes: (n, 4) int32, these candidates'.
        """
        old = self._known.pop(frame, None)
        tight = cell.mask.hard_box if cell is not None else None
        if cell is not None and tight is not None and self._is_confident(cell) and len(rows):
            box = np.array([tight.x0, tight.y0, tight.x1, tight.y1], np.int32)
            same, beside = _sorted_by_overlap(boxes, box)
            self._known[frame] = cell, rows[same], rows[beside]
        self._changed |= old is not None or frame in self._known

    def up_to_date(self) -> bool:
        """Whether nothing has changed since the last `similarities`."""
        return not self._changed

    def similarities(
        self, embeddings: EmbeddingRows, template: NDArray[np.float32]
    ) -> Generator[None, None, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """How similar each candidate is to the instance along its way, and to what stood beside it.

        A candidate is not compared with itself.

        Args:
            embeddings: of all M candidates, rows of length 1.
            template: (M,) float32, their similarity to the gallery. What is unlike the gallery is not taken
                for the instance, however well a mask fits it.

        Yields:
            now and then, so that one may stop.

        Returns:
            (M,) float32 each; `UNKNOWN` where there is nothing to compare with.
        """
        self._changed = False
        own = [self._alike(cell, rows, template) for cell, rows, _ in self._known.values()]
        same = np.concatenate(own) if own else np.zeros(0, np.intp)
        others = [rows for _, _, rows in self._known.values()]
        beside = np.concatenate(others) if others else np.zeros(0, np.intp)
        rows = np.arange(len(embeddings))
        same, beside = same[spread(len(same))], beside[spread(len(beside))]
        near_same = yield from _nearest(embeddings, rows, embeddings.take(same), same)
        return near_same, (yield from _nearest(embeddings, rows, embeddings.take(beside), beside))

    def _is_confident(self, cell: Cell) -> bool:
        return cell.confidence >= (self._settings.judged if cell.judged else self._settings.sure)

    def _alike(self, cell: Cell, rows: NDArray[np.intp], template: NDArray[np.float32]) -> NDArray[np.intp]:
        return rows if cell.judged else rows[template[rows] > self._settings.rho_track]


def nearest_trusted(
    embeddings: EmbeddingRows, frames: NDArray[np.intp], trusted: TrustedEmbeddings
) -> Generator[None, None, NDArray[np.float32]]:
    """The similarity of each candidate to trusted maps of other frames.

    In its own frame a part of the instance, or what is around it, resembles it.

    Args:
        embeddings: of all M candidates, rows of length 1.
        frames: (M,) of each.

    Yields:
        now and then, so that one may stop.

    Returns:
        (M,) float32; `UNKNOWN` where there is nothing to compare with.
    """
    every = spread(len(trusted.frames))
    return (yield from _nearest(embeddings, frames, trusted.rows[every], trusted.frames[every]))


def spread(count: int) -> slice:
    """At most `MOST` of so many, evenly."""
    return slice(None, None, -(-count // MOST) or 1)


def _nearest(
    embeddings: EmbeddingRows,
    labels: NDArray[np.intp],
    known: NDArray[np.float32],
    own: NDArray[np.intp],
) -> Generator[None, None, NDArray[np.float32]]:
    """The greatest cosine of each embedding with the known ones that have another label: (M,) float32.

    Args:
        embeddings: M rows; `labels`: (M,), of each.
        known: (m, d) float32; `own`: (m,), their labels.
    """
    found = np.full(len(embeddings), UNKNOWN, np.float32)
    if not len(known):
        return found
    for part, rows in embeddings.parts():
        product = rows @ known.T
        product[labels[part, None] == own] = UNKNOWN
        found[part] = product.max(axis=1)
        yield
    return found


def _sorted_by_overlap(
    boxes: NDArray[np.int32], box: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which boxes show the instance, and which show something else; some are neither."""
    smaller = np.minimum(retrieve.areas(boxes), retrieve.areas(box))
    part = retrieve.shared(boxes, box) / np.maximum(smaller, 1)
    return retrieve.iou(boxes, box) >= SAME, part < BESIDE
