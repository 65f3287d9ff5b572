"""Candidates of Algorithm 2 as files: many runs on one video, with whatever settings, look for them once."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..engine.runtime.reid import CandidateStore
from ..engine.types import Candidates
from ..formats.atomic import writable_folder, write_bytes


class CandidateFiles:
    """A `CandidateStore`: one file a frame. What is damaged counts as missing."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or written yet.

        Args:
            folder: of one video and one pair of networks.
        """
        self._folder = folder
        self._known: dict[int, Candidates] = {}

    def __contains__(self, frame: int) -> bool:
        return self.get(frame) is not None

    def get(self, frame: int) -> Candidates | None:
        """What was put, to the last bit, or None."""
        if frame not in self._known:
            try:
                with np.load(io.BytesIO(self._file(frame).read_bytes())) as arrays:
                    found = Candidates(**{item.name: arrays[item.name] for item in fields(Candidates)})
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                return None
            self._known[frame] = found
        return self._known[frame]

    def put(self, frame: int, candidates: Candidates) -> None:
        """Keep the candidates of a frame.

        Raises:
            UserError: they cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, **{item.name: getattr(candidates, item.name) for item in fields(Candidates)})
        writable_folder(self._folder)
        write_bytes(self._file(frame), buffer.getvalue())
        self._known[frame] = candidates

    def _file(self, frame: int) -> Path:
        return self._folder / f"{frame:05d}.npz"


class Backed:
    """A run's own store, filled from one that it shares with others."""

    def __init__(self, own: CandidateStore, shared: CandidateStore) -> None:
        self._own = own
        self._shared = shared

    def __contains__(self, frame: int) -> bool:
        return frame in self._own or frame in self._shared

    def get(self, frame: int) -> Candidates | None:
        """As the run's own store gives it, which may round, so that sharing changes no result."""
        if frame not in self._own and (shared := self._shared.get(frame)) is not None:
            self._own.put(frame, shared)
        return self._own.get(frame)

    def put(self, frame: int, candidates: Candidates) -> None:
        """Keep them in both."""
        self._shared.put(frame, candidates)
        self._own.put(frame, candidates)
