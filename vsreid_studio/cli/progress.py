"""How far a run is, on stderr: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

from ..engine.events import Event, Progress, Proposal

_EVERY = 10.0
"""Seconds between two lines of a log."""
_SEARCH = "finding again"
_PASSING = {"matching", "describing", "retrieving"}
"""Stages too short for a bar of their own; they belong to the search for lost instances."""


class Bar:
    """Shows the events of one sequence's run; call it with each. Use as a context manager.

    There is one bar for the first propagation, one for detection and one for everything that follows from
    retrievals, the total of which grows with each.
    """

    def __init__(self, name: str, stream: TextIO | None = None) -> None:
        self._name = name
        self._stream = stream or sys.stderr
        self._bar: _Tqdm | None = None
        self._phase = ""
        self._found = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Proposal):
            self._found += 1
        if not isinstance(event, Progress):
            return
        if event.stage in _PASSING:
            self._enter(_SEARCH)
        else:
            # What retrievals add is a phase of its own, with another rate than the first propagation.
            searching = event.stage == "propagating" and self._phase == _SEARCH
            self._enter(_SEARCH if searching else event.stage)
            self._move(event)

    def _enter(self, phase: str) -> None:
        if phase != self._phase:
            self._close()
            self._phase = phase

    def _new_bar(self, first: Progress) -> _Tqdm:
        terminal = self._stream.isatty()
        return _Tqdm(
            desc=f"{self._name}: {self._phase}",
            total=first.total,
            initial=first.done,
            unit=" frames",
            file=self._stream if terminal else _Lines(self._stream),
            mininterval=0.1 if terminal else _EVERY,
            miniters=1,
            delay=0 if terminal else _EVERY,
            leave=False,
            dynamic_ncols=terminal,
        )

    def _move(self, event: Progress) -> None:
        if self._bar is None:
            self._bar = self._new_bar(event)
        if self._found:
            self._bar.set_postfix_str(f"{self._found} found", refresh=False)
        self._bar.total = event.total
        self._bar.update(event.done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Tqdm(tqdm):  # type: ignore[misc]
    """Without the thread by which tqdm watches slow bars."""

    monitor_interval = 0


class _Lines:
    """Makes of tqdm's redrawn line one line after another, for a stream that is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Pass a line on, without what returns to its beginning or wipes it."""
        if line := text.strip("\r \n"):
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        """Pass on."""
        self._stream.flush()
