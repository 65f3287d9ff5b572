"""One instance over time as arrays: what each frame holds, and the spans of cells that share an origin.

Painting asks for thousands of cells at once, so it reads these arrays and never the cells themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ...engine.store import index
from ...engine.types import Cell, Maker

SPAN = np.dtype([("start", np.int32), ("stop", np.int32), ("origin", np.int32)])
"""Frames start..stop-1 whose cells share an origin."""

NONE = -1
"""The origin of a cell that has not been computed."""

FILLED, ABSENT, PINNED, CHECKPOINT, RECOVERED, UNRATED = (1 << n for n in range(6))
"""Bits of `SpanTrack.flags`: the map is not empty; pinned as 'not in this frame'; pinned; c = i with a map;
a checkpoint that re-identification found; a map whose confidence nobody knows."""


class SpanTrack:
    """The cells of one instance as arrays over all frames.

    Attributes:
        origin: (n,) int32, c[i, k], `NONE` without a cell.
        confidence: (n,) float32 in [0, 1], 0 without a cell.
        flags: (n,) uint8, bits as above.
        spans: the spans by frame, of dtype `SPAN`.
    """

    def __init__(self, length: int, row: Mapping[int, Cell]) -> None:
        self.origin = np.full(length, NONE, np.int32)
        self.confidence = np.zeros(length, np.float32)
        self.flags = np.zeros(length, np.uint8)
        self._sums: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._bars: NDArray[np.void] | None = None
        self._marked: NDArray[np.intp] | None = None
        items = [(frame, cell) for frame, cell in row.items() if 0 <= frame < length]
        if items:
            frames = np.fromiter((frame for frame, _ in items), np.intp, len(items))
            self.origin[frames] = [cell.origin for _, cell in items]
            self.confidence[frames] = [cell.confidence for _, cell in items]
            self.flags[frames] = [_flags(frame, cell) for frame, cell in items]
        self.spans = find_spans(self.origin)

    @classmethod
    def of(cls, records: NDArray[np.void]) -> SpanTrack:
        """The track of (n,) records of an annotation, see `engine.store.index.RECORD`, at once."""
        track = cls(len(records), {})
        kinds = index.THERE, index.PINNED, index.FILLED
        there, pinned, filled = ((records["flags"] & bit) > 0 for bit in kinds)
        checkpoint = filled & (records["origin"] == np.arange(len(records)))
        recovered = checkpoint & (records["maker"] == index.MAKERS.index(Maker.RECOVERY))
        unrated = filled & ~pinned & (records["maker"] == index.MAKERS.index(Maker.IMPORT))
        track.origin[there] = records["origin"][there]
        track.confidence[there] = records["confidence"][there]
        bits = (filled, FILLED), (pinned, PINNED), (pinned & ~filled, ABSENT), (checkpoint, CHECKPOINT)
        for where, bit in (*bits, (recovered, RECOVERED), (unrated, UNRATED)):
            track.flags[where] |= bit
        track.spans = find_spans(track.origin)
        return track

    def __len__(self) -> int:
        return len(self.origin)

    def update(self, frames: Iterable[int], row: Mapping[int, Cell]) -> None:
        """Read some frames again; only spans that touch them are found again."""
        touched = [frame for frame in frames if 0 <= frame < len(self)]
        if not touched:
            return
        for frame in touched:
            cell = row.get(frame)
            self.origin[frame] = NONE if cell is None else cell.origin
            self.confidence[frame] = 0 if cell is None else cell.confidence
            self.flags[frame] = 0 if cell is None else _flags(frame, cell)
        self._sums = self._bars = self._marked = None
        self._splice(min(touched), max(touched) + 1)

    def _splice(self, first: int, stop: int) -> None:
        # Spans that only border on the touched frames count too: they may grow into them.
        left = int(np.searchsorted(self.spans["stop"], first, side="left"))
        right = int(np.searchsorted(self.spans["start"], stop, side="right"))
        if left < right:
            first = min(first, int(self.spans["start"][left]))
            stop = max(stop, int(self.spans["stop"][right - 1]))
        fresh = find_spans(self.origin[first:stop], first)
        self.spans = np.concatenate((self.spans[:left], fresh, self.spans[right:]))

    @property
    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Running sums, (n + 1,) each, of filled cells and of their confidence: means over any frames."""
        if self._sums is None:
            filled = (self.flags & FILLED).astype(np.float64)
            parts = np.cumsum(filled), np.cumsum(self.confidence * filled)
            self._sums = np.concatenate(([0.0], parts[0])), np.concatenate(([0.0], parts[1]))
        return self._sums

    @property
    def bars(self) -> NDArray[np.void]:
        """The parts of spans without gap, by frame, of dtype `SPAN`."""
        if self._bars is None:
            self._bars = find_spans(np.where(self.flags & FILLED, self.origin, np.int32(NONE)))
        return self._bars

    @property
    def detached(self) -> NDArray[np.void]:
        """The spans whose checkpoint lies apart from them, by frame, of dtype `SPAN`."""
        spans = self.spans
        return spans[(spans["origin"] < spans["start"]) | (spans["origin"] >= spans["stop"])]

    @property
    def marked(self) -> NDArray[np.intp]:
        """The frames of checkpoints and of pinned cells, ascending."""
        if self._marked is None:
            self._marked = self.flagged(CHECKPOINT | PINNED)
        return self._marked

    def flagged(self, bit: int, first: int = 0, stop: int | None = None) -> NDArray[np.intp]:
        """The frames in first..stop-1 with a flag, ascending."""
        return np.flatnonzero(self.flags[first:stop] & bit) + first


def _flags(frame: int, cell: Cell) -> int:
    # Not by its values: a map that was just read from a file would be decoded for it.
    filled = cell.mask.box.area > 0
    flags = FILLED if filled else 0
    if cell.pinned:
        flags |= PINNED if filled else PINNED | ABSENT
    if filled and cell.origin == frame:
        flags |= CHECKPOINT | (RECOVERED if cell.made_by is Maker.RECOVERY else 0)
    if filled and cell.known_confidence is None:
        flags |= UNRATED
    return flags


def find_spans(origin: NDArray[np.int32], first: int = 0) -> NDArray[np.void]:
    """Runs of equal origin, those of `NONE` left out.

    Args:
        origin: (n,) int32.
        first: the frame of its first entry.
    """
    if not len(origin):
        return np.zeros(0, SPAN)
    edges = np.flatnonzero(origin[1:] != origin[:-1]) + 1
    start = np.concatenate(([0], edges))
    stop = np.concatenate((edges, [len(origin)]))
    here = origin[start] != NONE
    spans = np.zeros(int(here.sum()), SPAN)
    spans["start"], spans["stop"] = start[here] + first, stop[here] + first
    spans["origin"] = origin[start[here]]
    return spans


def reaching(spans: NDArray[np.void], first: int, stop: int) -> NDArray[np.void]:
    """Of spans by frame, those that reach into frames first..stop-1; they may reach out of them, too."""
    left = int(np.searchsorted(spans["stop"], first, side="right"))
    right = int(np.searchsorted(spans["start"], stop, side="left"))
    return spans[left:right]


def ranges(frames: Collection[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring frames taken together, as (first, stop), ascending."""
    if not frames:
        return
    # np.unique would import numpy.ma, which is felt the first time.
    ordered = np.array(sorted(set(frames)), np.int64)
    for part in np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1):
        yield int(part[0]), int(part[-1]) + 1
