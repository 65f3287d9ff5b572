"""Candidates of Algorithm 2, kept as files for many runs, and the thresholds that serve them best."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config, digest
from ..engine.runtime.engine import VideoEngine
from ..engine.runtime.reid import CandidateCache, ReidModule
from ..engine.types import Candidates
from ..engine.video import Video
from ..formats.atomic import writable_folder, write_bytes
from ..reading import MEGABYTE
from ..training.adaptation import adapt
from .gaps import GapSummary
from .report import grid, number, paged

_LARGEST = 64 * MEGABYTE
"""Bytes that the arrays of one frame never reach."""


class CandidateFiles:
    """A `CandidateCache`: one file a frame. What is damaged counts as missing."""

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
                found = _read(self._file(frame))
            # NumPy and zipfile answer damage with exceptions of many kinds, documented and not.
            except Exception:
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


def _read(file: Path) -> Candidates:
    """The candidates of a file.

    Raises:
        ValueError: it holds something else. So may others, where it is damaged.
    """
    data = file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST:
            raise ValueError("the arrays are larger than candidates are")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        found = {item.name: arrays[item.name] for item in fields(Candidates)}
    _check(found)
    return Candidates(**found)


def _check(found: Mapping[str, NDArray[np.generic]]) -> None:
    """Whether these are the arrays of `Candidates`."""
    count = len(found["boxes"])
    kinds = {name: (array.dtype.str[1:], array.ndim, len(array)) for name, array in found.items()}
    if kinds != {
        "boxes": ("i4", 2, count),
        "scores": ("f4", 1, count),
        "person": ("b1", 1, count),
        "embeddings": ("f4", 2, count),
    } or found["boxes"].shape != (count, 4):
        raise ValueError("the arrays are not those of candidates")
    if not all(np.isfinite(found[name]).all() for name in ("scores", "embeddings")):
        raise ValueError("a number is not finite")


class LayeredCandidates:
    """A run's own store, filled from one that it shares with others."""

    def __init__(self, own: CandidateCache, shared: CandidateCache) -> None:
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


class SharingEngine(VideoEngine):
    """Keeps candidates in a folder for all runs on a video with the same detector and embedding."""

    def __init__(self, config: Config, weights: Path | None, folder: Path) -> None:
        """As `VideoEngine`; nothing is written yet.

        Args:
            folder: for the candidates.
        """
        super().__init__(config, weights, adapt)
        self._folder = folder

    def make(self) -> Callable[[], SharingEngine]:
        """What makes the same engine in another process."""
        return partial(SharingEngine, self.config, self._weights, self._folder)

    @property
    def earlier_identity(self) -> dict[str, Any]:
        """The identity itself: measured is what this version makes with its own values."""
        return self.identity

    def reid(self, video: Video, store: CandidateCache) -> ReidModule | None:
        """As `VideoEngine.reid`, `store` being filled from the folder."""
        files = CandidateFiles(self._folder / digest([self.candidates_key, video.fingerprint])[:16])
        return super().reid(video, LayeredCandidates(store, files))

    def reid_alone(self, video: Video, store: CandidateCache) -> ReidModule | None:
        """As `VideoEngine.reid`, without the folder."""
        return super().reid(video, store)


@dataclass(frozen=True, order=True)
class Thresholds:
    """Three that are to be tried together.

    Attributes:
        rho_reid: least similarity, see `ReidConfig`.
        rho_occ: greatest overlap.
        least_confidence: of a recovered mask.
    """

    rho_reid: float
    rho_occ: float
    least_confidence: float

    def __str__(self) -> str:
        return f"ρ_reid {self.rho_reid:g}, ρ_occ {self.rho_occ:g}, least confidence {self.least_confidence:g}"


def tradeoff(summary: GapSummary) -> float:
    """The objective, to be maximised: J in and after the gap, less the share of wrong acceptances.

    A wrong acceptance costs J already where it puts a mask into a gap or in the place of the right one. It
    counts once more, as a person has to find and undo it.
    """
    wrong = summary.accepted.share if summary.accepted is not None else None
    return (summary.inside + summary.after) / 2 - (wrong or 0.0)


def best(tried: Mapping[Thresholds, GapSummary]) -> Thresholds:
    """Those of the greatest `tradeoff`; of equal ones the strictest, which ask a person least."""
    return max(
        tried,
        key=lambda one: (round(tradeoff(tried[one]), 4), one.rho_reid, -one.rho_occ, one.least_confidence),
    )


def render(tried: Mapping[Thresholds, GapSummary], command: str, clips: Sequence[str], chosen: bool) -> str:
    """The page, in Markdown.

    Args:
        tried: not empty.
        command: that makes the page.
        clips: names of all.
        chosen: whether all has been tried that was to be, so that some can be recommended.
    """
    heads = [
        "ρ_reid",
        "ρ_occ",
        "least confidence",
        "inside",
        "after",
        "found again",
        "accepted",
        "wrong",
        "worth",
    ]
    rows = []
    for one, summary in sorted(tried.items()):
        accepted = summary.accepted
        counts = ["–", "–"] if accepted is None else [str(accepted.all), str(accepted.wrong)]
        figures = [number(value) for value in (summary.inside, summary.after, summary.found)]
        values = [f"{value:g}" for value in (one.rho_reid, one.rho_occ, one.least_confidence)]
        rows.append([*values, *figures, *counts, number(tradeoff(summary))])
    parts = [
        "# Thresholds of re-identification",
        f"Made by `{command}`. First ρ_reid is chosen, then, with it, ρ_occ, then the least confidence of a "
        "recovered mask: *worth* is the mean of J in the gaps (the share of empty maps) and after them, less "
        f"the share of wrong ones among the accepted proposals. {len(clips)} clips with hidden objects: "
        f"{', '.join(clips)}.",
        grid(heads, rows),
    ]
    if chosen:
        one = best(tried)
        parts.append(f"Best: {one}. As settings (`--config`):")
        settings = "\n".join(f"{field.name} = {getattr(one, field.name):g}" for field in fields(one))
        parts.append(f"```toml\n[reid]\n{settings}\n```")
    return paged(parts)
