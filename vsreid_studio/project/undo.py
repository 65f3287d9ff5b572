"""Undo and redo, also while a run goes on, and the rounds to which a person can go back."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..engine.events import Change
from ..engine.store.annotation import Annotation, derived_from_changed
from ..engine.store.maps import MapCache
from ..engine.types import CellKey
from ..engine.types.stepwise import Poll, clear_stepwise, interruptible
from .contents import Contents, ProjectState, plain, read_contents
from .database import Database, damage_reported
from .history import Exchanged, History, StepKind, write
from .proposals import ProposalStore
from .rows import cells_of, instance_row, read_instance
from .schema import CELLS, IDENTITIES, INSTANCES, UNDOABLE, Instance, Key, Row, Rows, Table, VideoRef


class Undo:
    """The steps of a project: begins them, lets changes of a group join, takes them back and does them again.

    Attributes:
        dropped_cells: those that the last undo or redo removed, as their checkpoint is not there any more or
            another one.
    """

    def __init__(
        self,
        database: Database,
        state: ProjectState,
        proposals: ProposalStore,
        video: VideoRef,
        maps: MapCache,
        limit: int,
    ) -> None:
        """Args:
        database: of the project.
        state: what undo and redo change in memory.
        proposals: follow the instances that come and go.
        video: its length and size.
        maps: read the maps of cells.
        limit: steps kept; the oldest go first.
        """
        self._database = database
        self._state = state
        self._proposals = proposals
        self._video = video
        self._maps = maps
        self._history = History(database, limit)
        self._groups: dict[str, tuple[int, StepKind]] = {}
        self.dropped_cells: tuple[CellKey, ...] = ()

    def delete_unused_maps(self, connection: sqlite3.Connection) -> None:
        """See `History.delete_unused_maps`; before the first change in a transaction."""
        self._history.delete_unused_maps(connection)

    def keep(
        self,
        connection: sqlite3.Connection,
        rows: Mapping[Table, Rows],
        label: str,
        kind: StepKind,
        group: str | None,
        poll: Poll | None,
    ) -> int:
        """Let a step hold what is there before rows are written; inside the caller's transaction.

        Returns:
            The step: the group's, if it has one that is done, or a new one.
        """
        joined = self._groups[group][0] if group in self._groups else None
        if joined is not None and self._history.done(connection, joined):
            step = joined
        else:
            step = self._history.begin(connection, label, kind)
        for table, some in rows.items():
            self._history.keep(connection, step, table, interruptible(some, poll))
        return step

    def open_group(self, group: str, step: int, kind: StepKind) -> None:
        """After the commit: let later changes of the group join the step."""
        self._groups[group] = step, kind

    def close_groups(self) -> None:
        """Let the steps of all groups be complete: the run that made them has ended."""
        self._groups.clear()

    @property
    def undo_label(self) -> str | None:
        """The step that `undo` would take back; None if there is none."""
        step = self._history.last(self._running)
        return step[1] if step else None

    @property
    def undo_step(self) -> int | None:
        """The number of that step; see `RoundRecord`."""
        step = self._history.last(self._running)
        return step[0] if step else None

    @property
    def redo_label(self) -> str | None:
        """The step that `redo` would do again; None if there is none."""
        step = self._history.next()
        return step[1] if step else None

    @property
    def instances(self) -> frozenset[int]:
        """Numbers of the instances that undo, redo or going back may bring back."""
        found = self._database.rows(f"SELECT DISTINCT {INSTANCES.keys[0]} FROM step_{INSTANCES.name}")
        return frozenset(number for (number,) in found)

    @property
    def _running(self) -> list[int]:
        """The steps of runs that go on."""
        return [step for step, kind in self._groups.values() if kind is StepKind.RUN]

    def undo(self) -> Change | None:
        """Take back the last step, also one of an earlier session.

        While a run goes on it is the last of the person's; what the run has derived from it goes, too, see
        `dropped_cells`.

        Returns:
            What this did to cells and decisions (instances may have changed too); None if there is no step.

        Raises:
            UserError: the file cannot be written, or the step in it is damaged; nothing changes.
        """
        with self._database.lock:
            return self._exchange(self._history.last(self._running))

    def redo(self) -> Change | None:
        """Do the step again that was taken back last; otherwise like `undo`."""
        with self._database.lock:
            return self._exchange(self._history.next())

    def _exchange(self, step: tuple[int, str] | None) -> Change | None:
        if step is None:
            return None
        number, label = step
        with damage_reported(self._database.path), self._database.transaction() as connection:
            self._history.delete_unused_maps(connection)
            number = self._history.put_last(connection, number)
            exchanged = self._history.exchange(connection, number)
            self._keep_switches(connection, exchanged.placed)
            # Read before the commit: a damaged step must not get into place.
            held = read_contents(exchanged.placed, self._video, self._maps)
            change = self._state.change_to(held, label)
            after = self._state.annotation.with_change(change, poll=None)
            dropped = self._dropped(connection, number, change, exchanged, after)
            write(connection, CELLS, dropped)
            others = cells_of(dropped, self._video, self._maps)
            owned = self._state.identities, self._state.identities_with(held.identities)
            proposals = self._proposals.follow(connection, *owned)
        if others:
            change = self._state.change_to(replace(held, cells={**held.cells, **others}), label)
            after.apply(after.set_cells(label, others))
        self.dropped_cells = tuple(key for key in others if self._state.annotation.get(*key) is not None)
        self._groups = {name: one for name, one in self._groups.items() if one[0] != number}
        self._state.annotation.replace_with(after)
        self._proposals.adopt(proposals)
        self._state.place(held.instances, held.categories, held.adaptation, held.reviewed, held.identities)
        clear_stepwise(exchanged.placed[CELLS], exchanged.replaced[CELLS])
        return change

    def _keep_switches(
        self, connection: sqlite3.Connection, placed: dict[Table, dict[Key, Row | None]]
    ) -> None:
        """Leave instances hidden and locked as they are, which no step has changed; rows are replaced."""
        identities = {key[0]: None if row is None else row[0] for key, row in placed[IDENTITIES].items()}
        rows = placed[INSTANCES]
        for key, row in rows.items():
            if row is not None:
                rows[key] = instance_row(self._as_switched(read_instance(key[0], row), identities))
        write(connection, INSTANCES, rows)

    def _as_switched(self, one: Instance, identities: Mapping[int, int | None]) -> Instance:
        """The instance, hidden and locked as it is now, if it is there.

        Args:
            identities: those that change with it.
        """
        now, known = self._state.instances.get(one.number), self._state.identities.get(one.number)
        if now is None or identities.get(one.number, known) != known:
            return one
        return replace(one, hidden=now.hidden, locked=now.locked)

    def _dropped(
        self,
        connection: sqlite3.Connection,
        number: int,
        change: Change,
        exchanged: Exchanged,
        after: Annotation,
    ) -> dict[Key, Row | None]:
        """What replaces the cells that other steps derived from what an undone or redone step exchanges.

        That is what was there before, if it stands on a checkpoint that is there, else nothing.

        Args:
            after: the annotation with the change.
        """
        others = [step for step, _ in self._groups.values() if step != number]
        replaced = exchanged.replaced[CELLS]
        lost: list[Key] = [plain(key) for key in derived_from_changed(self._state.annotation, after, change)]
        # And what the run has removed itself, for want of the checkpoint that is back.
        lost += [key for key in replaced if after.get(key[0], key[1]) is None]
        if not lost:
            return {}
        found = self._history.rows_after(connection, number, others, lost)
        before = cells_of(found, self._video, self._maps)
        moved: dict[int, set[int]] = {}
        for key in change.after:
            moved.setdefault(key.instance, set()).add(key.frame)
        kept: dict[Key, Row | None] = {}
        for key, cell in before.items():
            frames = moved.get(key.instance, set())
            sound = cell is not None and all(
                origin == key.frame
                or (after.anchored(origin, key.instance) and (plain(key) in replaced or origin not in frames))
                for origin in (cell.origin, cell.second)
                if origin is not None
            )
            kept[plain(key)] = found[plain(key)] if sound else None
        return kept

    def rounds(self) -> list[RoundRecord]:
        """See `Project.rounds`."""
        with damage_reported(self._database.path):
            return rounds(self._database)

    def contents_after(self, number: int) -> Contents:
        """What was in the project right after a round, or with 0 before the first one.

        Raises:
            UserError: the project is damaged.
        """
        with self._database.lock, damage_reported(self._database.path):
            held = read_contents(contents_after(self._database, number), self._video, self._maps)
        instances = {
            n: None if one is None else self._as_switched(one, held.identities)
            for n, one in held.instances.items()
        }
        return replace(held, instances=instances)


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A step of undo, as the list of rounds shows it.

    Attributes:
        number: of the step, ascending in time.
        label: as the undo menu names it.
        kind: who made it.
        made: when, in UTC; None where an earlier version made it.
        cells: how many it changed.
        first, last: the frames between which these lie; -1 where there are none.
        instances: whose cells, ascending.
    """

    number: int
    label: str
    kind: StepKind
    made: datetime | None
    cells: int
    first: int
    last: int
    instances: tuple[int, ...]


def rounds(database: Database) -> list[RoundRecord]:
    """The steps that are done, the oldest first; as many as undo keeps.

    Raises:
        ValueError: a row is damaged.
    """
    spans = {
        step: (count, first, last, tuple(sorted(map(int, str(names).split(",")))))
        for step, count, first, last, names in database.rows(
            "SELECT step, count(*), min(frame), max(frame), group_concat(DISTINCT instance) "
            "FROM step_cells GROUP BY step"
        )
    }
    rows = database.rows("SELECT id, label, kind, made FROM steps WHERE done = 1 ORDER BY id")
    return [_round(row, spans.get(row[0], (0, -1, -1, ()))) for row in rows]


def rows_after(database: Database, number: int, table: Table) -> dict[Key, Row | None]:
    """What differed in a table right after a step, or with 0 before the first: the rows of then, by key.

    That is what the first later step found there.
    """
    size = len(table.keys)
    found = database.rows(
        f"SELECT {table.columns}, min(step) FROM step_{table.name} JOIN steps ON id = step "
        f"WHERE done = 1 AND id > ? GROUP BY {', '.join(table.keys)}",
        number,
    )
    return {row[:size]: None if row[size] is None else row[size:-1] for row in found}


def contents_after(database: Database, number: int) -> dict[Table, dict[Key, Row | None]]:
    """`rows_after` of all tables."""
    return {table: rows_after(database, number, table) for table in UNDOABLE}


def _round(row: Row, span: tuple[int, int, int, tuple[int, ...]]) -> RoundRecord:
    number, label, kind, made = row
    return RoundRecord(
        number, str(label), StepKind(kind), datetime.fromisoformat(made) if made else None, *span
    )
