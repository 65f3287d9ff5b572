"""Algorithm 2 in a run: candidates, templates and similarities, computed in parts so that one may stop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..algorithm.protocols import Reidentification
from ..algorithm.retrieve import CandidateFilter
from ..algorithm.vsreid import PlannedSteps
from ..events import Progress, Queue, Reason, Retrieval
from ..extensions.appearance_track import TrackSettings
from ..extensions.gallery import Gallery
from ..store.annotation import Annotation
from ..store.candidates import CandidateStack
from ..store.index import FILLED, THERE
from ..types import CellKey
from .matching import Matcher, TrustedOf

AT_ONCE = 4
"""Frames in which candidates are looked for together; in between one may stop."""
_PART = 50
"""Frames whose candidates are read between two places to stop: some 20 milliseconds."""


@dataclass(frozen=True)
class OneRetrieval:
    """`algorithm.vsreid.RetrievalSearch` that knows its answer: what an earlier run found."""

    retrieval: Retrieval

    def prepare(self) -> PlannedSteps:
        """Nothing is to be computed."""
        yield from ()

    def best(self, withheld: Mapping[CellKey, Reason]) -> Retrieval | None:
        """The retrieval, until it has been offered."""
        return None if self.retrieval.key in withheld else self.retrieval

    def queue(self, withheld: Mapping[CellKey, Reason]) -> Queue:
        """The same."""
        found = self.best(withheld)
        return Queue(() if found is None else (found,))


class CandidateSearch:
    """`algorithm.vsreid.RetrievalSearch` on one annotation."""

    def __init__(
        self,
        annotation: Annotation,
        reid: Reidentification,
        gallery: Gallery,
        filters: Sequence[CandidateFilter],
        instances: Sequence[int],
        frames: Collection[int] | None,
        *,
        track: TrackSettings | None = None,
        compare_all: bool = False,
        sure: float = 1.0,
        every: int = 1,
        trusted: TrustedOf | None = None,
    ) -> None:
        """Take the parts, see `Matcher`.

        Args:
            every: of the frames in which each instance has a map to rely on, only every n-th is searched.
        """
        self._annotation = annotation
        self._reid = reid
        self._gallery = gallery
        self._filters = tuple(filters)
        self._instances = tuple(instances)
        self._frames = frames
        self._track = track
        self._compare_all = compare_all
        self._sure = sure
        self._every = every
        self._trusted = trusted
        self._found = CandidateStack()
        self._matcher: Matcher | None = None

    def prepare(self) -> PlannedSteps:
        """Candidates of frames that were not searched yet, then what is new: templates and similarities."""
        # A retrieval that was accepted may have led to maps that are not right: these are searched, too.
        new = [frame for frame in self._searched() if frame not in self._found]
        if self._matcher is None or new:
            yield from self._candidates(new)
            self._matcher = Matcher(
                self._found,
                self._gallery,
                self._filters,
                self._annotation.instances,
                self._instances,
                track=self._track,
                compare_all=self._compare_all,
                sure=self._sure,
                trusted=self._trusted,
            )
        yield from self._describe()
        for done in self._matcher.follow(self._annotation):
            yield Progress("matching", done, max(done, len(self._annotation)))

    def best(self, withheld: Mapping[CellKey, Reason]) -> Retrieval | None:
        """The retrieval of greatest similarity; `prepare` comes before."""
        assert self._matcher is not None
        return self._matcher.best(self._annotation, withheld)

    def queue(self, withheld: Mapping[CellKey, Reason]) -> Queue:
        """What waits, and why others are not offered; `prepare` comes before."""
        assert self._matcher is not None
        return self._matcher.queue(self._annotation, withheld)

    def _searched(self) -> list[int]:
        """The frames to search: where one of the instances may be found again (c ≠ i), and is not certain.

        Where it is certain, the appearance track still needs some frames.
        """
        annotation = self._annotation
        wanted = np.ones(annotation.length, np.bool_)
        if self._frames is not None:
            wanted[:] = False
            wanted[sorted(set(self._frames))] = True
        number = np.arange(annotation.length)
        anchored, certain = np.ones_like(wanted), np.ones_like(wanted)
        for k in self._instances:
            records = annotation.records(k)
            there = records["flags"] & THERE > 0
            own = there & (records["origin"] == number)
            judged = there & (records["flags"] & FILLED > 0) & ~np.isnan(records["similarity"])
            anchored &= own
            certain &= own | (judged & (records["confidence"] >= self._sure))
        passed = certain & (number % self._every != 0)
        found: list[int] = np.flatnonzero(wanted & ~anchored & ~passed).tolist()
        return found

    def _candidates(self, searched: Sequence[int]) -> PlannedSteps:
        """Find those of some frames, and add them to the stack."""
        reid = self._reid
        lacking = [frame for frame in searched if not reid.cached(frame)]
        for done, frame in enumerate(lacking):
            yield Progress("detecting", done, len(lacking), frame)
            if done % AT_ONCE == 0:
                reid.prepare(lacking[done : done + AT_ONCE])
            self._found.add(frame, reid.candidates(frame))
        if lacking:
            yield Progress("detecting", len(lacking), len(lacking))
        for done, frame in enumerate(searched):
            if done and done % _PART == 0:
                yield Progress("matching", done, len(searched))
            if frame not in self._found:
                self._found.add(frame, reid.candidates(frame))

    def _describe(self) -> PlannedSteps:
        """Compute missing gallery entries; the matcher would, but could not be stopped between them."""
        annotation, gallery = self._annotation, self._gallery
        # A rival's similarity counts even when the rival itself is not to be found again.
        compared = annotation.instances if self._compare_all else self._instances
        pending = [(frame, k) for k in compared for frame in gallery.pending(annotation, k)]
        for done, (frame, instance) in enumerate(pending):
            yield Progress("describing", done, len(pending), frame, instance)
            # A person may have taken the mask away meanwhile.
            if frame in gallery.frames(annotation, instance):
                gallery.entry(annotation, frame, instance)
