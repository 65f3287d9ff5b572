"""Calls of the program in children that can be killed, each forked from a process in which all is imported.

`python -m tests.fuzz.killable` answers each line of JSON, a `Call`, with a line of JSON, an `Ending`. The
networks are stand-ins, so that a call takes a tenth of a second.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds after which a call that nobody kills counts as hung."""
KILLED = -signal.SIGALRM
"""The exit code of a call that was killed: the timer ends a process like `kill -9`, anywhere."""
_IMPORTED = ("cli.run", "cli.export", "headless.run", "headless.export", "formats.overlay")
"""What a child would have to import."""
_WATCHED = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"})
"""Audit events that may change files; SQL statements are counted with them."""


@dataclass(frozen=True)
class Call:
    """Arguments of the program, and when to kill it.

    Attributes:
        arguments: of `vsreid-studio`.
        event: the number of the file operation or SQL statement from which on `seconds` count; None for the
            beginning.
        seconds: until it is killed; None not to kill it.
    """

    arguments: Sequence[str]
    event: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Ending:
    """How a call ended.

    Attributes:
        code: the exit code, negative for a signal.
        seconds: that it took.
        events: file operations and SQL statements, where it was not killed.
        said: the end of what it printed.
    """

    code: int
    seconds: float
    events: int
    said: str


class Killable:
    """A process that makes calls; close it."""

    def __init__(self) -> None:
        """Start it; it takes some seconds to import everything."""
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        # A fork takes one thread with it, so that no pool of threads may exist before.
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.killable"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, call: Call) -> Ending:
        """Make a call.

        Raises:
            RuntimeError: the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(call)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that makes the calls ended with {self._process.wait()}")
        return Ending(**json.loads(line))

    def close(self) -> None:
        """End the process."""
        with self._process as process:
            process.kill()


def _serve() -> None:
    import tempfile  # noqa: PLC0415
    import time  # noqa: PLC0415

    import pytest  # noqa: PLC0415
    from stand_ins import stand_ins  # noqa: PLC0415

    from vsreid_studio.app import main  # noqa: PLC0415

    stand_ins(pytest.MonkeyPatch())
    for module in _IMPORTED:
        import_module(f"vsreid_studio.{module}")
    for line in sys.stdin:
        call = Call(**json.loads(line))
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as counted:
            started = time.monotonic()
            if not (child := os.fork()):
                _be_called(call, said.fileno(), counted.fileno(), main)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            seconds = time.monotonic() - started
            said.seek(0)
            text = said.read()[-2000:].decode("utf-8", "replace")
            counted.seek(0)
            ending = Ending(code, seconds, int(counted.read() or 0), text)
        sys.stdout.write(json.dumps(asdict(ending)) + "\n")
        sys.stdout.flush()


def _be_called(call: Call, said: int, counted: int, main: Any) -> None:
    """In the child: never returns."""
    code = 70
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        events = [0]
        _watch(call, events)
        if call.event is None and call.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, max(call.seconds, 1e-6))
        elif call.event is None or call.seconds is None:
            signal.setitimer(signal.ITIMER_REAL, LIMIT)
        code = main(call.arguments)
        os.write(counted, str(events[0]).encode())
    except BaseException:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _watch(call: Call, events: list[int]) -> None:
    """Count what changes files, and start the timer at the event that the call names."""

    def note(*_: object) -> None:
        if events[0] == call.event and call.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, max(call.seconds, 1e-6))
        events[0] += 1

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _WATCHED and (event != "open" or _writes(arguments)):
            note()

    plain = sqlite3.connect

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = plain(*args, **options)
        connection.set_trace_callback(note)
        return connection

    sys.addaudithook(audit)
    # There is no audit event for statements.
    sqlite3.connect = connect  # type: ignore[assignment]


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


if __name__ == "__main__":
    _serve()
