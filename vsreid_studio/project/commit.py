"""A change on its way into the project file: checked, committed in one transaction, then put in place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from ..engine.events import Change, Decision
from ..engine.store.annotation import Annotation
from ..engine.store.maps import MapCache
from ..engine.types import CellKey, SoftMask
from ..engine.types.stepwise import Poll, clear_stepwise, emptied, interruptible
from ..errors import UserError
from .contents import MapFile, ProjectState, plain
from .database import Database
from .history import StepKind, write
from .notes import keep_last_identity, last_identity
from .proposals import ProposalStore
from .rows import (
    adaptation_row,
    category_row,
    cell_row,
    check_cell,
    check_key,
    decision_row,
    distinct_masks,
    instance_row,
)
from .schema import (
    ADAPTATION,
    CATEGORIES,
    CELLS,
    DECISIONS,
    IDENTITIES,
    INSTANCES,
    REVIEWED,
    Adaptation,
    Instance,
    Key,
    Row,
    Rows,
    Table,
    VideoRef,
)
from .undo import Undo


class Committer:
    """Puts changes into the file of a project, and what is committed into its state in memory."""

    def __init__(
        self,
        database: Database,
        video: VideoRef,
        state: ProjectState,
        undo: Undo,
        proposals: ProposalStore,
        file: MapFile,
        maps: MapCache,
    ) -> None:
        """Args:
        database: of the project.
        video: its length and size.
        state: changes with each commit.
        undo: keeps what is there before.
        proposals: follow the instances that come and go.
        file, maps: keep the maps of cells, and know which of them the file has.
        """
        self._database = database
        self._video = video
        self._state = state
        self._undo = undo
        self._proposals = proposals
        self._file = file
        self._maps = maps

    def commit(
        self,
        change: Change,
        instances: Mapping[int, Instance | None],
        categories: Mapping[int, str | None],
        adaptation: Mapping[int, Adaptation | None],
        reviewed: Iterable[CellKey],
        *,
        identities: Mapping[int, int | None] | None = None,
        undoable: bool,
        group: str | None,
        poll: Poll | None,
        kind: StepKind,
    ) -> None:
        """See `Project.apply`.

        Args:
            identities: of instances that come back, None for those that go; without it those that come are
                new ones.
        """
        _check_change(change, instances, self._video, poll)
        cells, annotation = change.after, self._state.annotation
        # Before the file is locked: it takes longest.
        masks = distinct_masks(cells[key] for key in interruptible(cells, poll))
        encoded = self._file.encode(interruptible(masks, poll), self._maps)
        writes = _rows_beside_cells(change.decisions_after, instances, adaptation, categories, self._video)
        placed: dict[Key, Row | None] = {}
        with emptied(placed), self._database.lock:
            _refuse_stale(change, annotation, poll)
            with self._database.transaction(poll) as connection:
                self._undo.delete_unused_maps(connection)
                numbers = self._file.write(connection, interruptible(encoded, poll))
                for key in interruptible(cells, poll):
                    cell = cells[key]
                    number = 0 if cell is None else numbers.get(id(cell.mask), 0)
                    placed[plain(key)] = None if cell is None else cell_row(key, cell, number)
                looked_at = _reviewed_rows(self._database, placed, reviewed)
                if identities is None:
                    identities = _new_identities(connection, instances, self._state.instances)
                owners: Rows = {(n,): None if one is None else (one,) for n, one in identities.items()}
                rows: dict[Table, Rows] = {
                    CELLS: placed,
                    **writes,
                    REVIEWED: looked_at,
                    IDENTITIES: owners,
                }
                if undoable:
                    step = self._undo.keep(connection, rows, change.label, kind, group, poll)
                for table, some in rows.items():
                    write(connection, table, some, poll)
                owned = self._state.identities, self._state.identities_with(identities)
                proposals = self._proposals.follow(connection, *owned)
                # Before the commit, after which nothing can be stopped, so that little is left to do then.
                after = None if poll is None else annotation.with_change(change, poll)
                seen = {CellKey(*key): row[0] for key, row in looked_at.items() if row is not None}
                clear_stepwise(placed, poll=poll)
                fresh = [one for one in interruptible(encoded, poll) if one.data is not None]
                while encoded:
                    encoded.pop()
                if poll is not None:
                    poll()
            if undoable and group is not None:
                self._undo.open_group(group, step, kind)
            self._file.adopt(fresh, numbers, self._maps)
            if after is None:
                annotation.apply(change)
            else:
                annotation.replace_with(after)
            self._proposals.adopt(proposals)
            self._state.place(instances, categories, adaptation, seen, identities)

    def stage(self, masks: Sequence[SoftMask]) -> None:
        """See `Project.stage`."""
        encoded = self._file.encode(masks, self._maps)
        with self._database.transaction() as connection:
            self._undo.delete_unused_maps(connection)
            numbers = self._file.write(connection, encoded)
            loose = [(number,) for number in numbers.values()]
            connection.executemany("INSERT OR IGNORE INTO loose VALUES (?)", loose)
        self._file.adopt(encoded, numbers, self._maps)


def _rows_beside_cells(
    decisions: Mapping[CellKey, Decision | None],
    instances: Mapping[int, Instance | None],
    adaptation: Mapping[int, Adaptation | None],
    categories: Mapping[int, str | None],
    video: VideoRef,
) -> dict[Table, Rows]:
    """The rows of all that a change touches but cells and what was reviewed; None deletes."""
    return {
        DECISIONS: {
            plain(key): None if one is None else decision_row(CellKey(*plain(key)), one, video)
            for key, one in decisions.items()
        },
        INSTANCES: {(n,): None if one is None else instance_row(one) for n, one in instances.items()},
        ADAPTATION: {(n,): None if one is None else adaptation_row(one) for n, one in adaptation.items()},
        CATEGORIES: {(n,): None if name is None else category_row(n, name) for n, name in categories.items()},
    }


_LAST_IDENTITY = """
    SELECT ifnull(max(identity), 0) FROM (
        SELECT identity FROM identities
        UNION ALL SELECT identity FROM step_identities UNION ALL SELECT identity FROM past_proposals)"""


def _new_identities(
    connection: sqlite3.Connection, instances: Mapping[int, Instance | None], known: Mapping[int, Instance]
) -> dict[int, int | None]:
    """The identities of instances that are new; None for those that go."""
    identities: dict[int, int | None] = {int(n): None for n, one in instances.items() if one is None}
    new = [int(n) for n, one in instances.items() if one is not None and n not in known]
    if new:
        ((found,),) = connection.execute(_LAST_IDENTITY).fetchall()
        # Settings name instances by their identities, also those that no step of undo is left to bring back.
        last = max(found, last_identity(connection))
        identities.update(zip(new, range(last + 1, last + 1 + len(new)), strict=True))
        keep_last_identity(connection, last + len(new))
    return identities


class StaleChange(UserError):  # noqa: N818
    """A change would overwrite a mask that a person pinned after the change was worked out."""


def _check_change(
    change: Change, instances: Mapping[int, Instance | None], video: VideoRef, poll: Poll | None
) -> None:
    """Check a change before it is committed.

    Raises:
        ValueError: something does not fit into the video.
    """
    if any(one is not None and one.number != number for number, one in instances.items()):
        raise ValueError("an instance is named by its own number")
    for key in interruptible(change.after, poll):
        cell = change.after[key]
        if cell is None:
            check_key(key, video)
        else:
            check_cell(key, cell, video)


def _refuse_stale(change: Change, annotation: Annotation, poll: Poll | None) -> None:
    """Check that a change overwrites no mask that was pinned after the change was worked out.

    Raises:
        StaleChange: it does.
    """
    for key in interruptible(change.before, poll):
        before = change.before[key]
        if annotation.pinned(*key) and not (before is not None and before.pinned):
            raise StaleChange(
                f"'{change.label}' was not applied: its mask in frame {key.frame} was pinned meanwhile."
            )


def _reviewed_rows(database: Database, cells: Rows, keys: Iterable[CellKey]) -> dict[Key, Row | None]:
    """The rows of cells that a person has looked at, with the maps that they have or are about to get."""
    rows: dict[Key, Row | None] = {}
    for key in map(plain, keys):
        row = cells.get(key)
        if key not in cells:
            sql = "SELECT record, map FROM cells WHERE frame = ? AND instance = ?"
            row = next(iter(database.rows(sql, *key)), None)
        if row is not None:
            rows[key] = (row[1] or 0,)
    return rows
