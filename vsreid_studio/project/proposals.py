"""Proposals that wait in the project until a person answers."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from zlib import crc32

import numpy as np

from ..engine.events import Proposal, Queue, Reason, Retrieval
from ..engine.runtime.matching import LISTED, decided
from ..engine.store.annotation import Annotation, overwritten
from ..engine.store.maps import decode_map, encode_map
from ..engine.types import MAX_INSTANCE, NOWHERE, Box, CellKey, SoftMask
from .database import Database, damage_reported
from .schema import Row, VideoRef

_COLUMNS = (
    "frame, instance, x0, y0, x1, y1, similarity, iou, reason, "
    "map_x0, map_y0, map_x1, map_y1, confidence, data, checkpoints, run, checksum"
)
_FROM_MASKS = {Reason.CONSISTENT, Reason.PRESENT}
"""Reasons that follow from the present masks: `StoredProposal.is_waiting` checks them itself."""
_MOST = 100_000
"""Proposals in a file, beyond which it is hostile."""
_TOO_MANY = "there are more proposals than runs list"


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """The best candidate of one cell as the last run that looked there found it.

    Attributes:
        retrieval: cell, box, similarity, IoU with the mask that was there, and why it is not offered.
        run: number of the run, see `Project.runs`; 0 where it is not known.
        checkpoints: frames of the instance's checkpoints when it was found, ascending: it was compared with
            what these show.
        box: of the recovered map; empty while no run has recovered it.
        data: the recovered map, see `engine.store.maps.encode_map`.
        confidence: of the recovered map, in [0, 1].
    """

    retrieval: Retrieval
    run: int = 0
    checkpoints: tuple[int, ...] = ()
    box: Box = NOWHERE
    data: bytes = b""
    confidence: float = 0.0

    @property
    def key(self) -> CellKey:
        """The cell."""
        return self.retrieval.key

    @property
    def recovered(self) -> SoftMask | None:
        """The map that N_mp found in the box; None where no run has recovered it, or it is damaged."""
        if not self.data:
            return None
        with suppress(ValueError):
            return SoftMask(self.box, decode_map(self.data, self.box))
        return None

    def proposal(self, annotation: Annotation) -> Proposal | None:
        """What accepting it would do now; None where its map has to be recovered first."""
        recovered = self.recovered
        if recovered is None:
            return None
        found, frame, instance = self.retrieval, *self.key
        return Proposal(
            frame,
            instance,
            found.box,
            found.similarity,
            self.iou(annotation),
            overwritten(annotation, instance, frame),
            recovered,
            self.confidence,
        )

    def iou(self, annotation: Annotation) -> float:
        """Of its box with that of the mask that is in the cell now."""
        return self.retrieval.box.iou(annotation.mask(*self.key).hard_box or NOWHERE)

    def is_waiting(self, annotation: Annotation, rho_occ: float) -> bool:
        """Whether it is still to be answered: nobody decided on it, nor is the instance there meanwhile.

        One that was compared with checkpoints of which none is left does not wait: it proves nothing.
        """
        if self.retrieval.reason is not None or annotation.anchored(*self.key):
            return False
        known = not self.checkpoints or not set(self.checkpoints).isdisjoint(
            annotation.checkpoints(self.key.instance)
        )
        return known and self.iou(annotation) < rho_occ


class ProposalStore:
    """The proposals of a project by cell. Any thread may use it.

    They are no steps of undo: an answer is a decision, and whether a proposal waits follows from the
    decisions and cells that are there. So undoing an answer lets it wait again.

    Each belongs to the instance it was made for. Those of an instance that goes are laid aside, by its
    identity, and come back with it. The next one of that number never gets them.
    """

    def __init__(self, database: Database, video: VideoRef) -> None:
        """Read them.

        Raises:
            ValueError, TypeError: a row is damaged or does not fit into the video.
        """
        self._database, self._video = database, video
        rows = database.rows(f"SELECT {_COLUMNS} FROM proposals LIMIT {_MOST + 1}")
        if len(rows) > _MOST:
            raise ValueError(_TOO_MANY)
        self._held: Mapping[CellKey, StoredProposal] = MappingProxyType(
            {one.key: one for one in (_read(row, video) for row in rows)}
        )

    @property
    def all(self) -> Mapping[CellKey, StoredProposal]:
        """Those that wait, those that were answered, and those that are not offered; nobody changes it."""
        return self._held

    def take(
        self,
        event: Proposal | Queue,
        annotation: Annotation,
        instances: Collection[int] | None = None,
        frames: Collection[int] | None = None,
    ) -> bool:
        """Keep what a run has found.

        A `Queue` replaces what is kept of the instances and frames that the run searches; the maps of
        candidates that are the same stay. A `Proposal` adds its map.

        Args:
            event: of the run.
            annotation: as it is now.
            instances, frames: those that the run searches, None for all. What is found of other instances
                is not kept.

        Returns:
            Whether anything is otherwise now.

        Raises:
            UserError: the file cannot be written.
        """
        with self._database.lock:
            run = self._last_run()
            if isinstance(event, Proposal):
                if instances is not None and event.instance not in instances:
                    return False
                new: dict[CellKey, StoredProposal | None] = {event.key: _of_proposal(event, annotation, run)}
            else:
                new = self._replacing(event.retrievals, annotation, run, instances, frames)
            return self._write(new)

    def forget(self, frames: Collection[int]) -> None:
        """Remove those of some frames, also of instances that undo may bring back.

        Raises:
            UserError: the file cannot be written.
        """
        rows = [(int(frame),) for frame in frames]
        with self._database.lock:
            with self._database.transaction() as connection:
                for table in ("proposals", "past_proposals"):
                    connection.executemany(f"DELETE FROM {table} WHERE frame = ?", rows)
            held = {key: one for key, one in self._held.items() if key.frame not in frames}
            self._held = MappingProxyType(held)

    def follow(
        self, connection: sqlite3.Connection, before: Mapping[int, int], after: Mapping[int, int]
    ) -> Mapping[CellKey, StoredProposal]:
        """Exchange those of instances that go for those of instances that come back, in a transaction.

        Args:
            before, after: identities of the instances by number, see `ProjectState.identities`.

        Returns:
            What `adopt` takes after the commit.

        Raises:
            UserError: the file cannot be written, or a row is damaged.
        """
        numbers = [n for n in before.keys() | after.keys() if before.get(n, 0) != after.get(n, 0)]
        if not numbers:
            return self._held
        held = {key: one for key, one in self._held.items() if key.instance not in numbers}
        for number in numbers:
            gone, back = (number, before.get(number, 0)), (number, after.get(number, 0))
            connection.execute(
                f"INSERT OR REPLACE INTO past_proposals (identity, {_COLUMNS}) "
                f"SELECT ?2, {_COLUMNS} FROM proposals WHERE instance = ?1",
                gone,
            )
            connection.execute("DELETE FROM proposals WHERE instance = ?", (number,))
            which = "FROM past_proposals WHERE instance = ? AND identity = ?"
            rows = connection.execute(f"SELECT {_COLUMNS} {which} LIMIT {_MOST + 1}", back).fetchall()
            with damage_reported(self._database.path):
                held.update((one.key, one) for one in (_read(row, self._video) for row in rows))
                if len(held) > _MOST:
                    raise ValueError(_TOO_MANY)
            connection.execute(f"INSERT INTO proposals ({_COLUMNS}) SELECT {_COLUMNS} {which}", back)
            connection.execute(f"DELETE {which}", back)
        return MappingProxyType(held)

    def adopt(self, held: Mapping[CellKey, StoredProposal]) -> None:
        """After the commit: put in place what `follow` returned."""
        self._held = held

    def put(self, kept: Iterable[StoredProposal]) -> None:
        """Keep these, each in place of what there was for its cell.

        Raises:
            UserError: the file cannot be written.
        """
        with self._database.lock:
            self._write({one.key: one for one in kept})

    def _last_run(self) -> int:
        ((number,),) = self._database.rows("SELECT max(id) FROM runs")
        return int(number or 0)

    def _replacing(
        self,
        retrievals: Collection[Retrieval],
        annotation: Annotation,
        run: int,
        instances: Collection[int] | None,
        frames: Collection[int] | None,
    ) -> dict[CellKey, StoredProposal | None]:
        new: dict[CellKey, StoredProposal | None] = {}
        # A list that is full says nothing of what is less similar.
        least = min(one.similarity for one in retrievals) if len(retrievals) >= LISTED else -math.inf
        listed = {one.key for one in retrievals}
        for key, old in self._held.items():
            searched = (instances is None or key.instance in instances) and (
                frames is None or key.frame in frames
            )
            answered = annotation.anchored(*key) or key in annotation.decisions
            if searched and not answered and key not in listed and old.retrieval.similarity >= least:
                new[key] = None
        seen: dict[int, tuple[int, ...]] = {}
        for one in retrievals:
            if one.reason is Reason.SETTLED or (instances is not None and one.instance not in instances):
                # What was answered stays as it was asked, so that undo lets it wait again.
                continue
            # That it was skipped in this run means nothing afterwards: it waits.
            found = replace(one, reason=None) if one.reason is Reason.SKIPPED else one
            if one.instance not in seen:
                seen[one.instance] = annotation.checkpoints(one.instance)
            before = self._held.get(one.key)
            if before is None or before.retrieval.box != one.box:
                new[one.key] = StoredProposal(found, run, seen[one.instance])
            elif before.retrieval.reason is not None or one.reason not in _FROM_MASKS:
                # Otherwise undoing what put that mask there would not let it wait again.
                new[one.key] = replace(before, retrieval=found, checkpoints=seen[one.instance])
        return new

    def _write(self, new: Mapping[CellKey, StoredProposal | None]) -> bool:
        changed = {key: one for key, one in new.items() if self._held.get(key) != one}
        if not changed:
            return False
        rows = [_row(one, self._video) for one in changed.values() if one is not None]
        gone = [(int(key.frame), int(key.instance)) for key, one in changed.items() if one is None]
        places = ", ".join("?" * len(_COLUMNS.split(",")))
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM proposals WHERE frame = ? AND instance = ?", gone)
            connection.executemany(f"INSERT OR REPLACE INTO proposals ({_COLUMNS}) VALUES ({places})", rows)
        held = {**self._held, **changed}
        self._held = MappingProxyType({key: one for key, one in held.items() if one is not None})
        return True


def waiting(
    proposals: Mapping[CellKey, StoredProposal],
    annotation: Annotation,
    instances: Collection[int],
    rho_occ: float,
) -> list[StoredProposal]:
    """Those that are to be answered, by falling similarity.

    Args:
        instances: numbers of the instances that are there.
        rho_occ: see `ReidConfig`.
    """
    answered = set(decided(annotation))
    found = (
        one
        for key, one in proposals.items()
        if key.instance in instances and key not in answered and one.is_waiting(annotation, rho_occ)
    )
    return sorted(found, key=lambda one: (-one.retrieval.similarity, one.key))


def _of_proposal(event: Proposal, annotation: Annotation, run: int) -> StoredProposal:
    retrieval = Retrieval(*event.key, event.box, event.similarity, event.iou)
    checkpoints = annotation.checkpoints(event.instance)
    data = encode_map(event.recovered)
    box = event.recovered.box if data else NOWHERE
    return StoredProposal(retrieval, run, checkpoints, box, data, event.confidence)


def _row(kept: StoredProposal, video: VideoRef) -> Row:
    """The columns of a proposal; checked, so that no write makes a project that does not open."""
    one = kept.retrieval
    checkpoints = np.array(kept.checkpoints, "<i4").tobytes()
    row = (
        *(int(one.frame), int(one.instance)),
        *_corners(one.box),
        *(float(one.similarity), float(one.iou)),
        None if one.reason is None else one.reason.name,
        *_corners(kept.box),
        *(float(kept.confidence), kept.data, checkpoints, int(kept.run)),
        crc32(checkpoints, crc32(kept.data)),
    )
    _read(row, video)
    return row


def _corners(box: Box) -> tuple[int, int, int, int]:
    return int(box.x0), int(box.y0), int(box.x1), int(box.y1)


def _read(row: Row, video: VideoRef) -> StoredProposal:
    """The proposal of a row.

    Raises:
        ValueError, TypeError: the row is damaged or does not fit into the video.
    """
    frame, instance, *places, similarity, iou, reason = row[:9]
    *map_places, confidence, data, packed, run, checksum = row[9:]
    if not all(isinstance(value, int) for value in (frame, instance, *places, *map_places, run)):
        raise ValueError("a proposal has places that are no whole numbers")
    figures = (similarity, iou, confidence)
    if not all(isinstance(value, float) and math.isfinite(value) for value in figures):
        raise ValueError("a proposal has figures that are not finite")
    if not (isinstance(data, bytes) and isinstance(packed, bytes)):
        raise ValueError("a proposal has no map")
    if len(packed) % 4 or crc32(packed, crc32(data)) != checksum:
        raise ValueError(f"the proposal in frame {frame} is damaged")
    box, map_box = Box(*places), Box(*map_places)
    fits = 0 <= frame < video.length and 1 <= instance <= MAX_INSTANCE and run >= 0
    if not (fits and box.area and box.clip(video.height, video.width) == box):
        raise ValueError(f"the proposal in frame {frame} lies outside the video")
    if bool(map_box.area) != bool(data) or (data and map_box.clip(video.height, video.width) != map_box):
        raise ValueError(f"the map proposed in frame {frame} lies outside the video")
    if reason is not None and reason not in Reason.__members__:
        raise ValueError(f"the proposal in frame {frame} is withheld for no known reason")
    checkpoints = np.frombuffer(packed, "<i4").tolist()
    why = None if reason is None else Reason[reason]
    retrieval = Retrieval(frame, instance, box, similarity, iou, why)
    return StoredProposal(retrieval, run, tuple(checkpoints), map_box, data, confidence)
