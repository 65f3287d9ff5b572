"""The open project: its annotation, and the one way to change it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..config import ReidConfig
from ..engine.events import Change
from ..engine.store.annotation import Annotation, derived_from_changed
from ..engine.store.maps import MapCache
from ..engine.types import MAX_INSTANCE, CellKey, SoftMask
from ..engine.types.stepwise import Poll
from . import video
from .commit import Committer
from .contents import MapFile, ProjectState, read_contents
from .database import Database, damage_reported
from .history import StepKind, read
from .notes import RUN_SETTINGS, CandidateStore, Settings, copy_runs, forget_candidates, record_run, runs
from .proposals import ProposalStore, StoredProposal, waiting
from .rows import read_index
from .schema import CELLS, UNDOABLE, Adaptation, Instance, RunRecord, VideoRef
from .undo import RoundRecord, Undo
from .upgrade import upgrade

MAX_STEPS = 200
_ROWS = 1_000_000
"""Rows that a table may have in any case: a list of classes is as long for a short clip as for a long one."""


class Project:
    """A project file, open and locked against any other window.

    Every change is on disk when its method returns, and only then in `annotation` and `instances`; one that
    fails leaves both file and memory as they were. A run that was cancelled or killed needs no special care:
    the annotation of the reopened project holds what was done.

    Candidates, proposals, settings, runs and maps may be used from any thread. Changes, undo and redo belong
    to one thread, and `annotation` to the same; others read copies of it, and hand their changes over.

    Attributes:
        path: the file, absolute.
        annotation: the cells and decisions; changed only through this class.
        maps: the maps in the file, and those read last.
        settings: JSON values by key.
        proposals: what runs found again, kept until it is answered.
    """

    def __init__(self, database: Database) -> None:
        """Use `create` or `open`."""
        self.path = database.path
        self._database = database
        self._video = video.read_video(database)
        self.settings = Settings(database)
        map_file = MapFile(database)
        self.maps = MapCache(map_file)
        most = max(self._video.length * MAX_INSTANCE, _ROWS)
        with damage_reported(database.path):
            records = read_index(database.rows, self._video)
            found = {table: read(database, table, most) for table in UNDOABLE if table is not CELLS}
            held = read_contents({CELLS: {}, **found}, self._video, self.maps)
            self.proposals = ProposalStore(database, self._video)
        self._state = ProjectState(self._video.length, records, held, self.maps)
        self.annotation = self._state.annotation
        self._undo = Undo(database, self._state, self.proposals, self._video, self.maps, MAX_STEPS)
        self._committer = Committer(
            database, self._video, self._state, self._undo, self.proposals, map_file, self.maps
        )

    @classmethod
    def create(cls, path: Path, video_ref: VideoRef) -> Project:
        """A new, empty project of a video.

        Raises:
            UserError: a file of that name exists, or it cannot be written; nothing is left behind.
        """
        path = path.absolute()
        video_ref = replace(video_ref, path=video.absolute_path(video_ref.path))
        return cls(Database.create(path, video.video_row(video_ref, path)))

    @classmethod
    def open(cls, path: Path) -> Project:
        """An existing project, which may come from anyone; its maps are read when they are asked for.

        Raises:
            UserError: it does not exist, is no project, is damaged, was made by a newer version, is open in
                another window or cannot be written. The file is left as it is.
        """

        def newer(database: Database, connection: sqlite3.Connection, version: int) -> None:
            upgrade(connection, version, lambda: video.read_video(database))

        return cls._of(Database.open(path.absolute(), newer))

    @classmethod
    def open_readonly(cls, path: Path) -> Project:
        """An existing project, only to be read; see `Database.open_readonly`.

        Raises:
            UserError: as `Database.open_readonly`, or it is damaged.
        """
        return cls._of(Database.open_readonly(path.absolute()))

    @classmethod
    def _of(cls, database: Database) -> Self:
        try:
            return cls(database)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Release the file; may be called twice."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def instances(self) -> Mapping[int, Instance]:
        """The instances by number, in the person's order; a copy."""
        return self._state.instances

    @property
    def identities(self) -> Mapping[int, int]:
        """What tells the instances from earlier ones of the same number, by number."""
        return self._state.identities

    @property
    def categories(self) -> Mapping[int, str]:
        """The names of the classes that instances may have, by number, ascending; a copy."""
        return self._state.categories

    def apply(
        self,
        change: Change,
        *,
        instances: Mapping[int, Instance | None] | None = None,
        categories: Mapping[int, str | None] | None = None,
        adaptation: Mapping[int, Adaptation | None] | None = None,
        reviewed: Iterable[CellKey] = (),
        undoable: bool = True,
        group: str | None = None,
        poll: Poll | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> None:
        """Commit a change, then put it into the annotation.

        Args:
            change: names the step and says what becomes of cells and decisions.
            instances: what becomes of instances in the same step; None removes.
            categories: what becomes of the list of classes; None removes.
            adaptation: what becomes of the adaptation, which has the number 0; None removes.
            reviewed: cells whose masks, as they are with the change, a person has looked at.
            undoable: whether it is a step of its own. If not, undo of an older step still brings back what
                that step found.
            group: changes of the same group are one step, named by the first, whatever comes between, until
                `close_groups` or undo: a run's, say.
            poll: for changes of very many cells, see `stepwise.interruptible`: what it raises before the
                change is committed leaves file and memory as they were.
            kind: who makes the step. One of a `RUN` is not undone while its group is open.

        Raises:
            StaleChange: it would overwrite a mask that a person pinned meanwhile.
            UserError: the disk is full, fails or is read-only.
            ValueError: a cell does not fit into the video.
        """
        self._committer.commit(
            change,
            instances or {},
            categories or {},
            adaptation or {},
            reviewed,
            undoable=undoable,
            group=group,
            poll=poll,
            kind=kind,
        )

    def stage(self, masks: Sequence[SoftMask]) -> None:
        """Put maps into the file ahead of the change that uses them, so that they need not stay in memory.

        Those that no change uses go in the next session.

        Raises:
            UserError: the disk is full, fails or is read-only.
        """
        self._committer.stage(masks)

    def close_groups(self) -> None:
        """Let the steps of all groups be complete: the run that made them has ended."""
        self._undo.close_groups()

    @property
    def undo_label(self) -> str | None:
        """The step that `undo` would take back; None if there is none."""
        return self._undo.undo_label

    @property
    def undo_step(self) -> int | None:
        """The number of that step."""
        return self._undo.undo_step

    @property
    def redo_label(self) -> str | None:
        """The step that `redo` would do again; None if there is none."""
        return self._undo.redo_label

    @property
    def past_instances(self) -> frozenset[int]:
        """See `Undo.instances`."""
        return self._undo.instances

    @property
    def dropped_cells(self) -> tuple[CellKey, ...]:
        """See `Undo.dropped_cells`."""
        return self._undo.dropped_cells

    def undo(self) -> Change | None:
        """Take back the last step, see `Undo.undo`."""
        return self._undo.undo()

    def redo(self) -> Change | None:
        """Do the step again that was taken back last, see `Undo.redo`."""
        return self._undo.redo()

    @property
    def reviewed_maps(self) -> Mapping[CellKey, int]:
        """Numbers of the maps that a person has looked at and left, by cell."""
        return self._state.reviewed_maps

    def rounds(self) -> list[RoundRecord]:
        """What each run, answer and edit changed, the oldest first; as many as undo keeps.

        Raises:
            UserError: the project is damaged.
        """
        return self._undo.rounds()

    def annotation_after(self, number: int) -> Annotation:
        """A copy of cells and decisions as they were right after a round, or with 0 before the first one.

        Raises:
            UserError: the project is damaged.
        """
        held = self._undo.contents_after(number)
        twin = self.annotation.copy()
        twin.apply(twin.decide(twin.set_cells("", held.cells), held.decisions))
        return twin

    def go_back(self, number: int, label: str) -> Change:
        """Make everything as it was after a round; one step of undo.

        Args:
            number: of the round; 0 for before the first.
            label: names the step.

        Returns:
            What this did to cells and decisions.

        Raises:
            UserError: the file cannot be written or is damaged; nothing changes.
        """
        with self._database.lock:
            held = self._undo.contents_after(number)
            change = self._without_stale(self._state.change_to(held, label))
            looked_at = [key for key, map_ in held.reviewed.items() if map_ == self._map_after(change, key)]
            self._committer.commit(
                change,
                held.instances,
                held.categories,
                held.adaptation,
                looked_at,
                identities=held.identities,
                undoable=True,
                group=None,
                poll=None,
                kind=StepKind.EDIT,
            )
        return change

    def _without_stale(self, change: Change) -> Change:
        """The change, which also removes what a run has derived from a checkpoint that is not there then.

        A run is an earlier round than what a person did while it went on, but may have derived masks from it.
        """
        after = self.annotation.with_change(change)
        stale = derived_from_changed(self.annotation, after, change)
        whole = self.annotation.set_cells(change.label, {**change.after, **dict.fromkeys(stale)})
        return self.annotation.decide(whole, change.decisions_after)

    def _map_after(self, change: Change, key: CellKey) -> int | None:
        """The number of the map that a cell has with a change, 0 for an empty one; None without a cell."""
        cell = change.after[key] if key in change.after else self.annotation.get(*key)
        return None if cell is None else self.maps.number(cell.mask) or 0

    @property
    def reviewed(self) -> frozenset[CellKey]:
        """The cells whose present masks a person has looked at and left; drawn and approved ones aside."""
        return self._state.reviewed

    def waiting(self, rho_occ: float = ReidConfig.rho_occ) -> list[StoredProposal]:
        """The proposals that a person has to answer, by falling similarity; see also `proposal_tracks`.

        Args:
            rho_occ: what overlaps the present mask by this or more does not wait.
        """
        return waiting(self.proposals.all, self.annotation, self.instances, rho_occ)

    @property
    def adaptation(self) -> Adaptation | None:
        """What N_mp has learnt of this video, if it was adapted."""
        return self._state.adaptation

    def set_adaptation(self, adaptation: Adaptation | None) -> None:
        """Keep what an adaptation has brought, or forget it; one step of undo.

        Raises:
            UserError: the file cannot be written.
        """
        label = "forget the adaptation" if adaptation is None else "adapt to this video"
        self.apply(Change(label), adaptation={0: adaptation})

    @property
    def video(self) -> VideoRef:
        """The video as last seen; `locate_video` finds it after a move."""
        return self._video

    def locate_video(self) -> Path:
        """Where the video is now: its old place, the same place relative to the project, or its folder.

        Raises:
            UserError: it is in none of these; ask, then `adopt_video`.
        """
        return video.locate(self._database)

    def adopt_video(self, reference: VideoRef) -> None:
        """Take a video for the project's own from now on; its frames have the same number and size.

        Raises:
            ValueError: they have not.
            UserError: the file cannot be written.
        """
        self._video = video.adopt(self._database, reference, self._video)

    def forget_candidates(self, frames: Iterable[int]) -> None:
        """Let the candidates of some frames be looked for again.

        Raises:
            UserError: the file cannot be written.
        """
        forget_candidates(self._database, frames)

    def candidates(self, weights: str) -> CandidateStore:
        """The store of the candidates that networks of this checksum found."""
        return CandidateStore(self._database, weights, self._video)

    def check_place(self) -> None:
        """Make sure that the file is still where its name says, so that what was done is saved there.

        Raises:
            UserError: it was moved or deleted while it was open.
        """
        self._database.check_place()

    def record_run(
        self, weights: Mapping[str, str], settings: Mapping[str, Any], *, if_other: bool = False
    ) -> None:
        """Note that a run starts now, with which weights and settings.

        Args:
            weights: the checksum of each file of weights that it uses, by name.
            settings: plain data for JSON.
            if_other: do nothing where the last run had the same.

        Raises:
            UserError: the file cannot be written.
        """
        known = self.last_weights, self.last_settings
        if if_other and known == (dict(weights), json.loads(json.dumps(settings))):
            return
        record_run(self._database, weights, settings)

    def copy_runs(self, known: Iterable[RunRecord]) -> None:
        """Note the runs of a project that this one is made from.

        Raises:
            UserError: the file cannot be written.
        """
        copy_runs(self._database, known)

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All runs so far, in order."""
        return runs(self._database)

    @property
    def last_settings(self) -> Mapping[str, Any]:
        """The settings of the last run; none where an older version made it, or before the first one."""
        kept = self.settings.get(RUN_SETTINGS)
        return kept if isinstance(kept, dict) else {}

    @property
    def last_weights(self) -> Mapping[str, str]:
        """The checksum of each file of weights that the last run used, by name; none before the first run."""
        known = self.runs
        return known[-1].weights if known else {}
