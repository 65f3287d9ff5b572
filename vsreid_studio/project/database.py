"""The SQLite connection: one at a time per file, transactions, errors as sentences."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock, RLock, get_ident
from typing import Any

from ..engine.types.stepwise import Poll
from ..errors import UserError
from .schema import (
    APPLICATION_ID,
    CREATE,
    CREATE_7,
    IDENTITIES,
    SCHEMA_VERSION,
    Row,
    as_created,
    only_tables,
)

_PRIMARY = 0xFF  # SQLite's extended error codes carry the primary one in the lowest byte
_SENTENCES = {
    sqlite3.SQLITE_BUSY: "The project {path} is open in another window.",
    sqlite3.SQLITE_LOCKED: "The project {path} is open in another window.",
    sqlite3.SQLITE_NOTADB: "{path} is not a vsreid-studio project.",
    sqlite3.SQLITE_CORRUPT: "The project {path} is damaged on disk and was left as it is.",
    sqlite3.SQLITE_FULL: "The disk is full: the project {path} could not be saved and stays as it was.",
    sqlite3.SQLITE_READONLY: "The project {path} cannot be written: it or its folder is read-only.",
    sqlite3.SQLITE_IOERR: "The disk failed under the project {path}, which stays as it was.",
    sqlite3.SQLITE_CANTOPEN: "The project {path} cannot be opened: it or its folder is not accessible.",
}


_CHECKED_WHOLE = 64 * 2**20
"""Bytes up to which a file is checked page by page when it is opened; of larger ones all but the maps is."""
_STEPS = 50_000
"""Instructions of SQLite between two calls that ask whether to stop: some milliseconds."""
_CHECKPOINT = 1000
"""Pages of the log after which a commit copies them into the file; SQLite's own figure."""
_LONGEST = 2**30
"""Bytes of the longest value that is read."""


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn SQLite's complaints about the file or the disk into a UserError; mistakes of ours pass through."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError):
        raise
    except sqlite3.DatabaseError as error:
        # Without a code it comes from the module: a text in the file is not UTF-8, and is quoted.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY
        sentence = _SENTENCES.get(code, "The project {path} cannot be used: {error}.")
        raise UserError(sentence.format(path=path, error=error)) from error
    except UnicodeDecodeError as error:
        # SQLite's complaint quotes the file, or a text in it is damaged.
        raise damaged(path) from error


def damaged(path: Path) -> UserError:
    """The error for a file whose content does not make sense."""
    return UserError(_SENTENCES[sqlite3.SQLITE_CORRUPT].format(path=path))


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Report a file as damaged if the values read from it are not valid."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, sqlite3.IntegrityError) as error:
        raise damaged(path) from error


class Database:
    """An open project file, locked against every other process and handle until it is closed.

    Any thread may call any method: `lock` is held for a read and for the whole of a transaction. While it
    is open, nothing else in this process may open and close the file itself (to copy it, say): POSIX
    drops a process's locks on a file as soon as any of its descriptors is closed.

    Attributes:
        path: the file, absolute.
        lock: reentrant; hold it to make several calls one.
    """

    def __init__(self, path: Path, *, look: bool = False) -> None:
        """Connect; with `look` to a file that nobody writes, for reading."""
        self.path = path
        self.lock = RLock()
        # Closing a connection on which another thread reads crashes the process.
        self._reading = Lock()
        # Another holder keeps its lock until it is closed, so waiting long is no use.
        place = f"{path.as_uri()}?mode=ro&immutable=1" if look else path
        self._connection = sqlite3.connect(
            place, timeout=0.2, isolation_level=None, check_same_thread=False, uri=look
        )
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        self._place = _place(path)

    @classmethod
    def create(cls, path: Path, video: Row) -> Database:
        """A new file with the tables of `schema`, empty but for one row.

        Args:
            path: absolute.
            video: the columns of the table `video`.

        Raises:
            UserError: something of that name exists, or it cannot be written; nothing is left behind.
        """
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            raise UserError(f"{path} exists already and is not overwritten.") from None
        except OSError as error:
            raise UserError(f"The project {path} cannot be created: {error.strerror}.") from error
        try:
            with reporting(path):
                database = cls(path)
                try:
                    database._configure()
                    # All of it appears together, so that a kill leaves a project or an empty file.
                    with database.transaction() as connection:
                        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                        for statement in CREATE:
                            connection.execute(statement)
                        connection.execute("INSERT INTO video VALUES (?, ?, ?, ?, ?, ?)", video)
                    database._write_ahead()
                except BaseException:
                    database.close()
                    raise
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return database

    @classmethod
    def open(cls, path: Path, upgrade: Callable[[Database, sqlite3.Connection, int], None]) -> Database:
        """An existing project file, which may come from anyone.

        Args:
            path: absolute.
            upgrade: brings a file of an older version up to this one; inside a transaction.

        Raises:
            UserError: it does not exist, is no project, is damaged, was made by a newer version, is open
                elsewhere or cannot be written. The file is left as it is.
        """
        if not path.is_file():
            raise UserError(f"The project {path} does not exist.")
        if not os.access(path, os.W_OK):
            raise UserError(_SENTENCES[sqlite3.SQLITE_READONLY].format(path=path))
        with reporting(path):
            database = cls(path)
            try:
                database._configure()
                database._check(upgrade)
                database._write_ahead()
            except (ValueError, TypeError, OverflowError, sqlite3.IntegrityError) as error:
                database.close()
                raise damaged(path) from error
            except BaseException:
                database.close()
                raise
        return database

    @classmethod
    def open_readonly(cls, path: Path) -> Database:
        """An existing file, only to be read: nothing is locked, upgraded or left beside it.

        It is of this version or of 7, which has all but what undo needs.

        Args:
            path: absolute.

        Raises:
            UserError: it is no project, of another version, in use, or was not closed.
        """
        with reporting(path):
            if not path.is_file():
                raise UserError(f"The project {path} does not exist.")
            if any(_size(path.with_name(path.name + side)) for side in ("-wal", "-journal")):
                raise UserError(f"The project {path} is in use, or was not closed.")
            database = cls(path, look=True)
            try:
                ((identity,),) = database.rows("PRAGMA application_id")
                ((version,),) = database.rows("PRAGMA user_version")
                if identity != APPLICATION_ID:
                    raise UserError(f"{path} is not a vsreid-studio project.")
                created = {7: CREATE_7, SCHEMA_VERSION: CREATE}.get(version)
                if created is None:
                    word = "an older" if version < SCHEMA_VERSION else "a newer"
                    raise UserError(f"The project {path} was made by {word} version of vsreid-studio.")
                database.pragma("trusted_schema = OFF")
                if not (only_tables(database._connection) and as_created(database._connection, created)):
                    raise damaged(path)
                if created is CREATE_7:
                    columns = f"{IDENTITIES.name} ({IDENTITIES.columns})"
                    database._connection.execute(f"CREATE TEMP TABLE {columns}")
            except BaseException:
                database.close()
                raise
        return database

    def _configure(self) -> None:
        # Taken at the first read and kept: two windows would each undo what the other did. SQLite's lock
        # goes with the process, so that nothing stale remains after a crash.
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def _check(self, upgrade: Callable[[Database, sqlite3.Connection, int], None]) -> None:
        ((identity,),) = self.rows("PRAGMA application_id")
        ((version,),) = self.rows("PRAGMA user_version")
        if identity != APPLICATION_ID or version < 1:
            raise UserError(f"{self.path} is not a vsreid-studio project.")
        if version > SCHEMA_VERSION:
            raise UserError(f"The project {self.path} was made by a newer version of vsreid-studio.")
        self.pragma("trusted_schema = OFF")
        # Before anything else is read: what a hostile file defines beside tables must not run.
        if not only_tables(self._connection):
            raise damaged(self.path)
        self._check_pages()
        # Begun even with nothing to add: a read-only file is reported now, not at the first stroke.
        with self.transaction() as connection:
            if version < SCHEMA_VERSION:
                upgrade(self, connection, version)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            if not as_created(connection, CREATE):
                raise damaged(self.path)

    def _check_pages(self) -> None:
        """Look for damage on disk. A large file's maps are left out: each has a checksum, read with it."""
        checks = ["quick_check(1)"]
        if self.path.stat().st_size > _CHECKED_WHOLE:
            names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'maps'")
            checks = [f"quick_check('{str(name).replace(chr(39), chr(39) * 2)}')" for (name,) in names]
        if any(self.pragma(check) != ("ok",) for check in checks):
            raise damaged(self.path)

    def _write_ahead(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing: what it wrote is with the kernel. Only a power cut can take the
        # last changes, and never the file's consistency. FULL would instead wait for the disk at every
        # change, 5 to 30 ms on the GUI thread.
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def pragma(self, text: str) -> Row | None:
        """The first row that a PRAGMA answers, if it does."""
        row: Row | None = self._connection.execute(f"PRAGMA {text}").fetchone()
        return row

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a query.

        Raises:
            UserError: the file cannot be read.
        """
        with self.lock, reporting(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def read(self, sql: str, *parameters: Any) -> list[Row]:
        """As `rows`, of what never changes once it is written: without waiting for a transaction under way.

        Reads of several threads are made one by one, as SQLite would make them anyway.

        Raises:
            UserError: the file cannot be read, or is closed.
        """
        try:
            with self._reading, reporting(self.path):
                return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.ProgrammingError as error:
            raise UserError(f"The project {self.path} is closed.") from error

    def check_place(self) -> None:
        """Make sure that the file is still where its name says.

        Raises:
            UserError: it was moved or deleted while it was open.
        """
        # SQLite would go on in a file without a name.
        if _place(self.path) != self._place:
            raise UserError(
                f"The project {self.path} was moved or deleted while it was open: "
                "what was done since then is not saved."
            )

    @contextmanager
    def transaction(self, poll: Poll | None = None) -> Iterator[sqlite3.Connection]:
        """All or nothing: committed at the end of the block, rolled back when it raises.

        Args:
            poll: called also while one statement takes long; see `stepwise.interruptible`. The commit itself
                is then short: what it wrote goes from the log into the file with the next one.

        Raises:
            UserError: the disk is full, fails or is read-only, and the file is as before; or the file is not
                where its name says any more.
        """
        with self.lock, reporting(self.path):
            self.check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                with self._polling(poll) if poll is not None else nullcontext():
                    yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                if poll is not None:
                    self._connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
            self.check_place()

    @contextmanager
    def _polling(self, poll: Poll) -> Iterator[None]:
        """In the block, let what `poll` raises end the statement that this thread executes."""
        raised: list[BaseException] = []
        own = get_ident()

        def ask() -> bool:
            # Others read maps meanwhile, through the same connection.
            if get_ident() == own:
                try:
                    poll()
                except BaseException as error:
                    raised.append(error)
            return bool(raised)

        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._connection.set_progress_handler(ask, _STEPS)
        try:
            yield
        except sqlite3.OperationalError:
            if raised:
                raise raised[0] from None
            raise
        finally:
            self._connection.set_progress_handler(None, 0)

    def close(self) -> None:
        """Release the file; may be called twice."""
        with self.lock, self._reading:
            self._connection.close()


def _size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def _place(path: Path) -> tuple[int, int] | None:
    """Identifies a file, also against another one of the same name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
