"""How far a run is, on stderr: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from threading import Lock
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

from ..engine.events import Event, Progress, Proposal

_EVERY = 10.0
"""Seconds between two lines of a log."""
_SEARCH = "finding again"
_SHARES = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_PASSING = {"matching", "describing", "retrieving"}
"""Stages too short for a bar of their own; they belong to the search for lost instances."""
_BESIDE = {"smoothing", "judging"}
"""And these belong to the propagation that is under way."""


class Bar:
    """Shows the events of one sequence's run; call it with each. Use as a context manager.

    There is one bar for the first propagation, one for detection and one that counts the retrievals that were
    tried, beside which it tells how far the propagation from an accepted one is.
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
        if not isinstance(event, Progress) or event.stage in _BESIDE:
            return
        if event.stage in _PASSING or (event.stage == "propagating" and self._phase == _SEARCH):
            self._enter(_SEARCH)
            self._search(event)
        else:
            self._enter(event.stage)
            self._move(event)

    def _enter(self, phase: str) -> None:
        if phase != self._phase:
            self._close()
            self._phase = phase

    def _move(self, event: Progress) -> None:
        if self._bar is None:
            self._bar = _tqdm(self._title, event.total, event.done, " frames", self._stream)
        self._bar.total = event.total
        self._bar.update(event.done - self._bar.n)

    def _search(self, event: Progress) -> None:
        if self._bar is None:
            # Nobody knows how many there will be.
            self._bar = _tqdm(self._title, None, 0, " tried", self._stream)
        told = [f"{self._found} found"] if self._found else []
        if event.stage == "propagating":
            told.append(f"propagating {event.done}/{event.total}")
        self._bar.set_postfix_str(", ".join(told), refresh=False)
        self._bar.update(event.done - self._bar.n if event.stage == "retrieving" else 0)

    @property
    def _title(self) -> str:
        return f"{self._name}: {self._phase}"

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class SetBar:
    """Shows how far many clips are, in one bar; use as a context manager.

    A clip counts by the share of its frames that the first propagation has done, and as one when it is done.
    """

    def __init__(self, clips: int, stream: TextIO | None = None) -> None:
        self._bar = _tqdm("clips", clips, 0, " clips", stream or sys.stderr, _SHARES)
        self._shares: dict[str, float] = {}
        self._done = self._failed = 0
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._bar.close()

    def update(self, name: str, progress: Progress) -> None:
        """Take the progress of a clip; may be called from any thread."""
        with self._lock:
            before = self._shares.get(name, 0.0)
            share = progress.done / max(1, progress.total) if progress.stage == "propagating" else before
            # What retrievals add makes the total grow: a bar does not run backwards.
            if before < share:
                self._shares[name] = min(share, 0.99)
            self._show()

    def done(self, name: str, *, failed: bool = False) -> None:
        """Count a clip as done, or as failed."""
        with self._lock:
            self._shares.pop(name, None)
            self._done += 1
            self._failed += failed
            self._show()

    def write(self, line: str) -> None:
        """Print a line on stdout above the bar."""
        with self._lock:
            self._bar.clear()
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def _show(self) -> None:
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        now = self._done + sum(self._shares.values())
        self._bar.update(max(0.0, now - self._bar.n))


def _tqdm(
    title: str, total: int | None, initial: int, unit: str, stream: TextIO, form: str | None = None
) -> _Tqdm:
    terminal = stream.isatty()
    return _Tqdm(
        desc=title,
        total=total,
        initial=initial,
        unit=unit,
        file=stream if terminal else _Lines(stream),
        mininterval=0.1 if terminal else _EVERY,
        # By time alone.
        miniters=0,
        delay=0 if terminal else _EVERY,
        leave=False,
        dynamic_ncols=terminal,
        bar_format=form,
    )


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
