"""Events of a run, its questions and their answers: frozen, as `types` are."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from .types import Box, Cell, CellKey, Maker, SoftMask
from .types.stepwise import Poll, interruptible


class Verdict(StrEnum):
    """What became of a proposal."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REASSIGNED = "reassigned"
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why a candidate is not offered; the first that applies, in this order."""

    SETTLED = "it was decided before"
    SKIPPED = "it was skipped in this run"
    EMPTY = "nothing was recovered in its box"
    UNSURE = "its mask would not be sure enough"
    WORSE = "the present mask is worth as much"
    ELSEWHERE = "it was seen beside the instance in another frame"
    BELOW = "its similarity does not exceed ρ_reid"
    LOOKALIKE = "it resembles more what stood beside the instance"
    PRESENT = "the instance has a mask in this frame"
    CONSISTENT = "it overlaps the present mask by ρ_occ or more"
    OCCUPIED = "it overlaps another instance"
    RIVAL = "another instance is more similar to it"
    OUTDATED = "the masks that it was compared with are not there any more"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decided proposal, remembered so that it is never made again.

    Attributes:
        verdict: what was decided.
        box: the box that was proposed, or the one redrawn by a person.
        similarity: of the box to the gallery, in [-1, 1].
        by: who decided.
        given_to: the instance it was reassigned to, else None.
    """

    verdict: Verdict
    box: Box
    similarity: float
    by: Maker
    given_to: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one step did to the annotation; its inverse is undo.

    Attributes:
        label: names the step in the undo menu.
        before, after: the cells touched, by key; None where there was or is none. Same keys in both.
        decisions_before, decisions_after: likewise for the decisions.
        touched: the frames of the cells touched, by instance.

    Args:
        poll: see `stepwise.interruptible`.
    """

    label: str
    before: Mapping[CellKey, Cell | None] = field(default_factory=dict)
    after: Mapping[CellKey, Cell | None] = field(default_factory=dict)
    decisions_before: Mapping[CellKey, Decision | None] = field(default_factory=dict)
    decisions_after: Mapping[CellKey, Decision | None] = field(default_factory=dict)
    touched: Mapping[int, Sequence[int]] = field(init=False, repr=False)
    poll: InitVar[Poll | None] = None

    def __post_init__(self, poll: Poll | None) -> None:
        # Key by key: comparing and copying 200,000 keys in one call each would hold Python's lock meanwhile.
        for before, after in (self.before, self.after), (self.decisions_before, self.decisions_after):
            if len(before) != len(after) or any(key not in after for key in interruptible(before, poll)):
                raise ValueError("a change names the same cells before and after")
        for name in ("before", "after", "decisions_before", "decisions_after"):
            copied = {key: value for key, value in interruptible(getattr(self, name).items(), poll)}  # noqa: C416
            object.__setattr__(self, name, MappingProxyType(copied))
        frames: dict[int, list[int]] = {}
        for frame, instance in interruptible(self.after, poll):
            frames.setdefault(instance, []).append(frame)
        object.__setattr__(self, "touched", MappingProxyType(frames))

    def with_decisions(
        self, before: Mapping[CellKey, Decision | None], after: Mapping[CellKey, Decision | None]
    ) -> Change:
        """This change of cells, which are not copied, with other decisions."""
        return Change(self.label, {}, {}, before, after)._with_cells(self.before, self.after, self.touched)

    def _with_cells(
        self,
        before: Mapping[CellKey, Cell | None],
        after: Mapping[CellKey, Cell | None],
        touched: Mapping[int, Sequence[int]],
    ) -> Change:
        """This change, just made without cells, with those of another one, which nobody changes."""
        for name, value in (("before", before), ("after", after), ("touched", touched)):
            object.__setattr__(self, name, value)
        return self

    @classmethod
    def of_many(cls, change: Change) -> Change:
        """A change of very many cells without the cells: only the keys of those it changes.

        Who follows it reads the annotation. It takes no time to make, to copy or to let go.
        """
        short = cls(change.label, {}, {}, change.decisions_before, change.decisions_after)
        frames = {k: array("q", sorted(touched)) for k, touched in change.touched.items()}
        cells = _ManyKeys(frames)
        return short._with_cells(cells, cells, MappingProxyType(frames))


class _ManyKeys(Mapping[CellKey, None]):
    """Keys of very many cells, all of which stand for None."""

    def __init__(self, frames: Mapping[int, Sequence[int]]) -> None:
        """`frames`: ascending, by instance."""
        self._frames = frames

    def __getitem__(self, key: CellKey) -> None:
        frames = self._frames.get(key[1], ())
        place = bisect_left(frames, key[0])
        if place == len(frames) or frames[place] != key[0]:
            raise KeyError(key)

    def __iter__(self) -> Iterator[CellKey]:
        return (CellKey(frame, k) for k, frames in self._frames.items() for frame in frames)

    def __len__(self) -> int:
        return sum(map(len, self._frames.values()))


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of a run is about to be done or was done.

    Attributes:
        stage: what is going on, e.g. 'propagating', 'detecting'.
        done, total: steps of this stage; total may grow when a retrieval adds work.
        frame, instance: where, when there is one place.
    """

    stage: str
    done: int
    total: int
    frame: int | None = None
    instance: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """The best retrieval of a round of Algorithm 2, waiting for an answer.

    Attributes:
        frame, instance: where instance was found again.
        box: the candidate box.
        similarity: cosine to the instance's gallery, in [-1, 1].
        iou: of the candidate's box with Box(P > 0.5) now in this cell.
        overwrites: the frames whose mask would change, ascending, this one included (follows from c alone).
        recovered: the map N_mp finds in the box, as a preview.
        confidence: of the recovered map, in [0, 1].
    """

    frame: int
    instance: int
    box: Box
    similarity: float
    iou: float
    overwrites: tuple[int, ...]
    recovered: SoftMask
    confidence: float

    @property
    def key(self) -> CellKey:
        """The cell that is proposed."""
        return CellKey(self.frame, self.instance)


@dataclass(frozen=True, slots=True)
class Passed:
    """A retrieval was passed over in this run, unasked.

    Attributes:
        frame, instance: its cell.
        reason: why.
    """

    frame: int
    instance: int
    reason: Reason

    @property
    def key(self) -> CellKey:
        """The cell that is not proposed."""
        return CellKey(self.frame, self.instance)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The best candidate of one cell (Algorithm 2).

    Attributes:
        frame, instance: the cell.
        box: the candidate's.
        similarity: best cosine over the instance's gallery, in [-1, 1].
        iou: with Box(P > 0.5) now in the cell.
        reason: why it is not offered, None for one that waits.
    """

    frame: int
    instance: int
    box: Box
    similarity: float
    iou: float
    reason: Reason | None = None

    @property
    def key(self) -> CellKey:
        """The cell."""
        return CellKey(self.frame, self.instance)


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """The best candidates now: those that wait, and those that are not offered. Yielded before each proposal.

    Attributes:
        retrievals: by falling similarity.
    """

    retrievals: tuple[Retrieval, ...]


@dataclass(frozen=True, slots=True)
class Accept:
    """Take the recovered mask and propagate from it.

    Attributes:
        by: who accepts; `RECOVERY` for a headless run, where nobody looks.
    """

    by: Maker = Maker.PERSON


@dataclass(frozen=True, slots=True)
class Reject:
    """It is not this instance: never propose this cell again."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Not now: not proposed again in this run."""


@dataclass(frozen=True, slots=True)
class Reassign:
    """It is another instance."""

    instance: int


@dataclass(frozen=True, slots=True)
class Redraw:
    """It is this instance, but in that box, which is not empty: recover it there and propose again."""

    box: Box

    def __post_init__(self) -> None:
        if not self.box.area:
            raise ValueError(f"nothing can be recovered in {self.box}")


@dataclass(frozen=True, slots=True, eq=False)
class Correct:
    """It is this instance, with this mask drawn by the person: pinned, and propagated from."""

    mask: SoftMask


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run; what is done stays."""


Answer: TypeAlias = Accept | Reject | Skip | Reassign | Redraw | Correct | Stop
Event: TypeAlias = Progress | Change | Proposal | Passed | Queue
Steps: TypeAlias = Generator[Event, Answer | None, None]
"""A run: pull it with `runtime.run.drive` or `runtime.run.answer_all`."""
