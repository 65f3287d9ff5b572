"""The annotation: the grid of cells P[i, k] with their checkpoints c[i, k], and the decisions taken."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..events import Change, Decision
from ..types import Cell, CellKey, SoftMask, read_only
from ..types.stepwise import Poll, batches, interruptible
from .index import FILLED, PINNED, RECORD, THERE, Identities, Row, cell_of
from .maps import MapCache


class Annotation:
    """A sparse {(frame, instance): Cell}, changed only by applying a `Change`.

    A missing cell has not been computed: its map counts as empty and it has no origin. What is stored is an
    index, see `index`; maps are in memory only while they are not kept in `maps`. One thread may change an
    annotation. A copy shares everything until one of both changes, so it costs next to nothing, and other
    threads may read a copy that nobody changes.

    Attributes:
        length: number of frames of the video.
        maps: where maps are kept; None keeps them in memory.
    """

    def __init__(
        self,
        length: int,
        cells: Mapping[CellKey, Cell] | None = None,
        decisions: Mapping[CellKey, Decision] | None = None,
        maps: MapCache | None = None,
    ) -> None:
        self.length = length
        self.maps = maps
        self._identities = Identities()
        self._rows: dict[int, Row] = {}
        self._own: set[int] = set()
        self._decisions: dict[CellKey, Decision] = dict(decisions or {})
        for key, cell in (cells or {}).items():
            self._put(key, cell)

    @classmethod
    def load(
        cls,
        length: int,
        records: NDArray[np.void],
        decisions: Mapping[CellKey, Decision],
        maps: MapCache,
    ) -> Annotation:
        """An annotation from a file's index.

        Args:
            records: (n,) `RECORD`, of different cells inside the video.
        """
        annotation = cls(length, decisions=decisions, maps=maps)
        stamps = annotation._identities.reserve(len(records))
        order = np.argsort(records["instance"], kind="stable")
        # np.unique would import numpy.ma, which takes longer than all else here.
        counts = np.bincount(records["instance"])
        for number in np.flatnonzero(counts).tolist():
            part, order = np.split(order, [counts[number]])
            annotation._rows[number] = Row.of(length, records[part], stamps[part])
            annotation._own.add(number)
        return annotation

    def __len__(self) -> int:
        return sum(row.count for row in self._rows.values())

    @property
    def instances(self) -> tuple[int, ...]:
        """Instance numbers that have at least one cell, ascending."""
        return tuple(sorted(number for number, row in self._rows.items() if row.count))

    @property
    def decisions(self) -> Mapping[CellKey, Decision]:
        """Decided proposals, by cell; do not change."""
        return self._decisions

    def get(self, frame: int, instance: int) -> Cell | None:
        """The cell, None where there is none; the same object as long as somebody holds it."""
        row = self._rows.get(instance)
        if row is None or not 0 <= frame < self.length:
            return None
        stamp = int(row.stamps[frame])
        if not stamp:
            return None
        return self._identities.cell(stamp, lambda: cell_of(row.records[frame].item(), self.maps))

    def mask(self, frame: int, instance: int) -> SoftMask:
        """P[i, k]; empty where there is no cell."""
        cell = self.get(frame, instance)
        return cell.mask if cell else SoftMask.empty()

    def origin(self, frame: int, instance: int) -> int | None:
        """c[i, k]; None where there is no cell."""
        row = self._rows.get(instance)
        if row is None or not 0 <= frame < self.length or not row.stamps[frame]:
            return None
        return int(row.records["origin"][frame])

    def pinned(self, frame: int, instance: int) -> bool:
        """Whether there is a pinned cell."""
        row = self._rows.get(instance)
        return row is not None and 0 <= frame < self.length and bool(row.records["flags"][frame] & PINNED)

    def anchored(self, frame: int, instance: int) -> bool:
        """Whether c = i: a checkpoint, or 'not in this frame'. Nothing is propagated into such a cell."""
        return self.origin(frame, instance) == frame

    def row(self, instance: int) -> Mapping[int, Cell]:
        """All cells of an instance by frame, ascending. `records` and `stamps` are faster for many cells."""
        return _RowView(self, instance)

    def records(self, instance: int) -> NDArray[np.void]:
        """(length,) `RECORD` of an instance by frame, without `frame` and `instance`; read-only."""
        row = self._rows.get(instance)
        return read_only((row.records if row is not None else np.zeros(self.length, RECORD))[:])

    def stamps(self, instance: int) -> NDArray[np.int64]:
        """(length,) numbers of the cells of an instance, 0 without one; another cell has another number."""
        row = self._rows.get(instance)
        return read_only((row.stamps if row is not None else np.zeros(self.length, np.int64))[:])

    def frame_masks(self, frame: int) -> dict[int, SoftMask]:
        """The maps of one frame by instance, empty ones left out."""
        if not 0 <= frame < self.length:
            return {}
        filled = (k for k, row in sorted(self._rows.items()) if row.records["flags"][frame] & FILLED)
        return {number: self.mask(frame, number) for number in filled}

    def cells(self) -> Iterator[tuple[CellKey, Cell]]:
        """Every cell with its key, by instance, then frame."""
        for number in self.instances:
            for frame, cell in self.row(number).items():
                yield CellKey(frame, number), cell

    def checkpoints(self, instance: int) -> tuple[int, ...]:
        """Frames with c = i whose map is not empty, ascending: masks can be propagated from these."""
        row = self._rows.get(instance)
        return row.checkpoint_tuple if row is not None else ()

    def drawn_beside(self, frame: int, instance: int) -> tuple[Cell, ...]:
        """The cells of the other instances in a frame that are pinned and not empty."""
        cells = (self.get(frame, k) for k in self.instances if k != instance)
        return tuple(cell for cell in cells if cell is not None and cell.pinned and cell.mask.area)

    def nearest_drawn(self, instance: int, frame: int) -> int | None:
        """The frame closest to this one, but another, with a mask that is pinned and not empty."""
        known = self.checkpoints(instance)
        before, after = bisect_left(known, frame) - 1, bisect_right(known, frame)
        while before >= 0 or after < len(known):
            earlier = after >= len(known) or (before >= 0 and frame - known[before] <= known[after] - frame)
            found = known[before] if earlier else known[after]
            if self.pinned(found, instance):
                return found
            before, after = (before - 1, after) if earlier else (before, after + 1)
        return None

    def anchors(self, instance: int) -> tuple[int, ...]:
        """Frames with c = i, ascending: the checkpoints, and 'not in this frame'."""
        row = self._rows.get(instance)
        return tuple(row.anchors) if row is not None else ()

    def origins(self, instance: int) -> dict[int, int]:
        """c[i, k] by frame, ascending, where there is a cell."""
        frames = np.flatnonzero(self.stamps(instance))
        return dict(zip(frames.tolist(), self.records(instance)["origin"][frames].tolist(), strict=True))

    def around(self, instance: int, frame: int) -> range:
        """The frames from the anchor before this frame to the one after it, both excluded."""
        anchors = row.anchors if (row := self._rows.get(instance)) is not None else []
        before, after = bisect_left(anchors, frame), bisect_right(anchors, frame)
        first = anchors[before - 1] + 1 if before else 0
        return range(first, anchors[after] if after < len(anchors) else self.length)

    def set_cells(self, label: str, cells: Mapping[CellKey, Cell | None], poll: Poll | None = None) -> Change:
        """The change that would put these cells in place (None removes); nothing is applied yet.

        Args:
            poll: see `stepwise.interruptible`.
        """
        before = {key: self.get(*key) for key in interruptible(cells, poll)}
        return Change(label, before, cells, poll=poll)

    def decide(self, change: Change, decisions: Mapping[CellKey, Decision | None]) -> Change:
        """The same change, with decisions to be remembered (None forgets) in the same step."""
        before = {key: self._decisions.get(key) for key in decisions}
        return change.with_decisions(before, decisions)

    def apply(self, change: Change) -> None:
        """Put the change's `after` side in place."""
        for key, cell in change.after.items():
            self._put(key, cell)
        for key, decision in change.decisions_after.items():
            if decision is None:
                self._decisions.pop(key, None)
            else:
                self._decisions[key] = decision
        if self.maps is not None:
            for instance in self._own:
                if (row := self._rows[instance]).in_memory:
                    row.release_stored(self.maps)

    def with_change(self, change: Change, poll: Poll | None = None) -> Annotation:
        """A copy with a change applied; this annotation stays as it is.

        Args:
            poll: see `stepwise.interruptible`.
        """
        twin = self.copy()
        for part in batches(change.after):
            if poll is not None:
                poll()
            twin.apply(Change(change.label, dict.fromkeys(part), part))
        rest = dict.fromkeys(change.decisions_after)
        twin.apply(Change(change.label, {}, {}, rest, change.decisions_after))
        return twin

    def _put(self, key: CellKey, cell: Cell | None) -> None:
        frame, instance = key
        if not 0 <= frame < self.length:
            raise ValueError(f"{key} lies outside a video of {self.length} frames")
        row = self._rows.get(instance)
        if row is None:
            row = self._rows[instance] = Row(self.length)
        elif instance not in self._own:
            row = self._rows[instance] = row.copy()
        self._own.add(instance)
        row.put(frame, cell, self._identities.stamp(cell) if cell is not None else 0, self.maps)

    def count_masks(self, instance: int) -> int:
        """Cells of an instance whose map is not empty."""
        return int(np.count_nonzero(self.records(instance)["flags"] & FILLED))

    def replace_with(self, other: Annotation) -> None:
        """Take over the cells and decisions of another annotation of this video, which nobody changes."""
        self.maps, self._identities = other.maps, other._identities
        self._rows, self._own = other._rows.copy(), set()
        self._decisions = dict(other._decisions)

    def copy(self) -> Annotation:
        """An independent grid of the same (immutable) cells."""
        twin = Annotation(self.length, decisions=self._decisions, maps=self.maps)
        twin._identities = self._identities
        twin._rows = self._rows.copy()
        # From now on both copy a row before they change it.
        self._own = set()
        return twin


class _RowView(Mapping[int, Cell]):
    """The cells of an instance as they are when asked."""

    __slots__ = ("_annotation", "_instance")

    def __init__(self, annotation: Annotation, instance: int) -> None:
        self._annotation, self._instance = annotation, instance

    def __getitem__(self, frame: int) -> Cell:
        cell = self._annotation.get(frame, self._instance)
        if cell is None:
            raise KeyError(frame)
        return cell

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self._annotation.origin(frame, self._instance) is not None

    def __iter__(self) -> Iterator[int]:
        return iter(np.flatnonzero(self._annotation.stamps(self._instance)).tolist())

    def __len__(self) -> int:
        row = self._annotation._rows.get(self._instance)
        return row.count if row is not None else 0


def closer(annotation: Annotation, instance: int, origin: int, frames: Iterable[int]) -> list[int]:
    """The leading run of `frames` that a checkpoint at `origin` may overwrite.

    A frame i is taken where |c[i, k] - i| > |origin - i|, strictly, so that a tie keeps the old map
    (Algorithm 3, lines 24 and 28); a cell not yet computed is infinitely far from its origin. The run
    stops at the first frame where it does not hold, and a pinned cell (c = i) always stops it.

    Args:
        frames: ascending or descending from the neighbour of `origin`.
    """
    wanted = np.fromiter(frames, np.intp)
    records = annotation.records(instance)[wanted]
    there = (records["flags"] & THERE) > 0
    stops = there & (np.abs(records["origin"] - wanted) <= np.abs(origin - wanted))
    end = int(stops.argmax()) if stops.any() else len(wanted)
    run: list[int] = wanted[:end].tolist()
    return run


def overwritten(annotation: Annotation, instance: int, origin: int) -> tuple[int, ...]:
    """The frames, ascending, whose map a checkpoint at `origin` would change."""
    # No run leads beyond the next anchor.
    reach = annotation.around(instance, origin)
    backward = closer(annotation, instance, origin, range(origin - 1, reach.start - 1, -1))
    forward = closer(annotation, instance, origin, range(origin + 1, reach.stop))
    return (*reversed(backward), origin, *forward)


def _derived(annotation: Annotation, instance: int, frames: list[int]) -> Iterator[CellKey]:
    """The cells of an instance that were derived from any of these frames, other than by itself."""
    records = annotation.records(instance)
    there = (records["flags"] & THERE) > 0
    from_first = there & np.isin(records["origin"], frames)
    from_second = there & np.isin(records["second"], frames)
    own = np.arange(len(records))
    from_first &= records["origin"] != own
    for frame in np.flatnonzero(from_first | from_second).tolist():
        yield CellKey(frame, instance)


def derived_from_changed(before: Annotation, after: Annotation, change: Change) -> list[CellKey]:
    """The cells, other than those of the change, that were derived from a checkpoint which it changed.

    Args:
        before, after: the annotation without and with the change.
    """
    derived: list[CellKey] = []
    for instance, touched in change.touched.items():
        frames = np.sort(np.fromiter(touched, np.intp, len(touched)))
        was, stays = (np.isin(frames, one.anchors(instance)) for one in (before, after))
        # Of those that are anchors before and after, another map makes another checkpoint.
        moved = frames[was & ~stays].tolist()
        for frame in frames[was & stays].tolist():
            if not after.mask(frame, instance).same(before.mask(frame, instance)):
                moved.append(frame)
        derived += _derived(after, instance, moved) if moved else ()
    return [key for key in derived if key not in change.after]


def edit(
    annotation: Annotation,
    label: str,
    cells: Mapping[CellKey, Cell | None],
    poll: Poll | None = None,
) -> Change:
    """Put cells in place (None removes) and drop, in the same step, what is stale after it.

    c alone does not show that a checkpoint has been drawn again. So every edit by a person goes through here:
    the next sweep finds the dropped cells missing and computes them from what is there then.

    Args:
        poll: see `stepwise.interruptible`.

    Returns:
        the change, not yet applied.
    """
    moved: dict[int, list[int]] = {}
    for key in interruptible(cells, poll):
        cell, old = cells[key], annotation.get(*key)
        if cell is None or cell.origin != key.frame or old is None or not cell.mask.same(old.mask):
            moved.setdefault(key.instance, []).append(key.frame)
    dropped: dict[CellKey, Cell | None] = {}
    for instance, frames in moved.items():
        dropped.update(dict.fromkeys(_derived(annotation, instance, frames)))
    return annotation.set_cells(label, {**dropped, **cells}, poll)
