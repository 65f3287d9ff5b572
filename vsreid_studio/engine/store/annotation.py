"""The annotation: the grid of cells P[i, k] with their checkpoints c[i, k], and the decisions taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..events import Change, Decision
from ..types import Cell, CellKey, SoftMask


class Annotation:
    """A sparse {(frame, instance): Cell}, changed only by applying a `Change`.

    A missing cell has not been computed: its map counts as empty and it has no origin.

    Attributes:
        length: number of frames of the video.
    """

    def __init__(
        self,
        length: int,
        cells: Mapping[CellKey, Cell] | None = None,
        decisions: Mapping[CellKey, Decision] | None = None,
    ) -> None:
        self.length = length
        self._rows: dict[int, dict[int, Cell]] = {}
        self._decisions: dict[CellKey, Decision] = dict(decisions or {})
        # Asked for several times in each step, and only a few of thousands of cells are checkpoints.
        self._checkpoints: dict[int, tuple[int, ...]] = {}
        for key, cell in (cells or {}).items():
            self._rows.setdefault(key.instance, {})[key.frame] = cell

    def __len__(self) -> int:
        return sum(len(row) for row in self._rows.values())

    @property
    def instances(self) -> tuple[int, ...]:
        """Instance numbers that have at least one cell, ascending."""
        return tuple(sorted(number for number, row in self._rows.items() if row))

    @property
    def decisions(self) -> Mapping[CellKey, Decision]:
        """Settled proposals; do not change."""
        return self._decisions

    def get(self, frame: int, instance: int) -> Cell | None:
        """The cell, None where there is none."""
        return self._rows.get(instance, {}).get(frame)

    def mask(self, frame: int, instance: int) -> SoftMask:
        """P[i, k]; empty where there is no cell."""
        cell = self.get(frame, instance)
        return cell.mask if cell else SoftMask.empty()

    def origin(self, frame: int, instance: int) -> int | None:
        """c[i, k]; None where there is no cell."""
        cell = self.get(frame, instance)
        return cell.origin if cell else None

    def anchored(self, frame: int, instance: int) -> bool:
        """Whether c = i: a checkpoint, or 'not in this frame'. Nothing is propagated into such a cell."""
        return self.origin(frame, instance) == frame

    def row(self, instance: int) -> Mapping[int, Cell]:
        """All cells of an instance by frame; do not change."""
        return self._rows.get(instance, {})

    def frame_masks(self, frame: int) -> dict[int, SoftMask]:
        """The maps of one frame by instance, empty ones left out."""
        cells = ((number, row.get(frame)) for number, row in sorted(self._rows.items()))
        return {number: cell.mask for number, cell in cells if cell is not None and cell.mask.box.area}

    def cells(self) -> Iterator[tuple[CellKey, Cell]]:
        """Every cell with its key, by instance, then frame."""
        for number in self.instances:
            for frame in sorted(self._rows[number]):
                yield CellKey(frame, number), self._rows[number][frame]

    def checkpoints(self, instance: int) -> tuple[int, ...]:
        """Frames with c = i whose map is not empty, ascending: masks can be propagated from these."""
        known = self._checkpoints.get(instance)
        if known is None:
            row = self.row(instance).items()
            known = tuple(sorted(i for i, cell in row if cell.origin == i and cell.mask.box.area))
            self._checkpoints[instance] = known
        return known

    def set_cells(self, label: str, cells: Mapping[CellKey, Cell | None]) -> Change:
        """The change that would put these cells in place (None removes); nothing is applied yet."""
        return Change(label, {key: self.get(*key) for key in cells}, cells)

    def decide(self, change: Change, decisions: Mapping[CellKey, Decision | None]) -> Change:
        """The same change, with decisions to be remembered (None forgets) in the same step."""
        before = {key: self._decisions.get(key) for key in decisions}
        return Change(change.label, change.before, change.after, before, decisions)

    def apply(self, change: Change) -> None:
        """Put the change's `after` side in place."""
        for key, cell in change.after.items():
            row = self._rows.setdefault(key.instance, {})
            if any(one is not None and one.origin == key.frame for one in (cell, row.get(key.frame))):
                self._checkpoints.pop(key.instance, None)
            if cell is None:
                row.pop(key.frame, None)
            else:
                row[key.frame] = cell
        for key, decision in change.decisions_after.items():
            if decision is None:
                self._decisions.pop(key, None)
            else:
                self._decisions[key] = decision

    def copy(self) -> Annotation:
        """An independent grid of the same (immutable) cells."""
        return Annotation(self.length, dict(self.cells()), self._decisions)


def closer(annotation: Annotation, instance: int, origin: int, frames: Iterable[int]) -> list[int]:
    """The leading run of `frames` that a checkpoint at `origin` may overwrite.

    A frame i is taken where |c[i, k] - i| > |origin - i|, strictly, so that a tie keeps the old map
    (Algorithm 3, lines 24 and 28); a cell not yet computed is infinitely far from its origin. The run
    stops at the first frame where it does not hold, and a pinned cell (c = i) always stops it.

    Args:
        frames: ascending or descending from the neighbour of `origin`.
    """
    taken = []
    for frame in frames:
        old = annotation.origin(frame, instance)
        if old is not None and abs(old - frame) <= abs(origin - frame):
            break
        taken.append(frame)
    return taken


def overwritten(annotation: Annotation, instance: int, origin: int) -> tuple[int, ...]:
    """The frames, ascending, whose map a checkpoint at `origin` would change."""
    backward = closer(annotation, instance, origin, range(origin - 1, -1, -1))
    forward = closer(annotation, instance, origin, range(origin + 1, annotation.length))
    return (*reversed(backward), origin, *forward)


def stale_after(annotation: Annotation, key: CellKey) -> tuple[CellKey, ...]:
    """The cells, by frame, that were derived from this one and lose their ground when its map changes."""
    row = annotation.row(key.instance)
    return tuple(
        CellKey(frame, key.instance)
        for frame in sorted(row)
        if frame != key.frame and key.frame in (row[frame].origin, row[frame].second)
    )


def edit(annotation: Annotation, label: str, cells: Mapping[CellKey, Cell | None]) -> Change:
    """Put cells in place (None removes) and drop, in the same step, what is stale after it.

    c alone does not tell that a checkpoint has been drawn anew. So every edit by a person goes through here:
    the next sweep finds the dropped cells missing and computes them from what is there then.

    Returns:
        the change, not yet applied.
    """
    dropped: dict[CellKey, Cell | None] = {}
    for key, cell in cells.items():
        old = annotation.get(*key)
        kept = cell is not None and cell.origin == key.frame and old is not None and cell.mask.same(old.mask)
        if not kept:
            dropped.update(dict.fromkeys(stale_after(annotation, key)))
    return annotation.set_cells(label, {**dropped, **cells})
