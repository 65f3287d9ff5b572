"""A simulated person's sessions on many sequences, kept in a file as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from ..config import Config, digest
from ..engine.runtime.engine import VideoEngine
from ..engine.runtime.pipeline import Modules
from ..engine.runtime.reid import MemoryStore
from ..engine.store.annotation import Annotation
from ..engine.video import Video, open_video
from ..errors import UserError
from ..formats.atomic import writable_folder, write_text
from ..formats.davis import DavisRoot
from ..formats.mask_reading import MaskReader
from ..reading import expecting, read_json
from .candidate_files import SharingEngine
from .manner import Manner
from .person import simulate
from .person_table import as_plain, from_plain, render
from .session import GOALS, PersonSession, Round, goals_to


class Sessions:
    """Works through a set, variant by variant."""

    def __init__(
        self,
        davis: DavisRoot,
        image_set: str,
        page: Path,
        candidates: Path,
        limit: int,
        goal: float = GOALS[-1],
    ) -> None:
        """Read what earlier calls have left.

        Args:
            page: gets the tables; the file of the same name with suffix .json, all figures.
            candidates: a folder to keep those of Algorithm 2, which do not depend on the variant.
            limit: of corrections.
            goal: one of `GOALS`, at which the person stops.

        Raises:
            UserError: there is no such set, or the page's folder cannot be written to.
        """
        self._davis = davis
        self._names = davis.sequences(image_set)
        self._title = Path(image_set).stem
        self._page = page
        self._file = page.with_suffix(".json")
        self._limit = limit
        self._goal = goal
        self._variants: dict[str, dict[str, PersonSession]] = {}
        self._made_with: dict[str, str] = {}
        self._weights: dict[str, Mapping[str, str]] = {}
        self._candidates = candidates
        writable_folder(page.parent)
        self._read()

    def work(
        self,
        variant: str,
        config: Config,
        weights: Path | None,
        tell: Callable[[str, Round], None],
        manner: Manner | None = None,
    ) -> None:
        """Simulate a person on each sequence that is not there yet.

        Args:
            variant: names the settings.
            weights: a file for N_mp instead of the shipped one.
            tell: told of the sequence and each round.
            manner: how the person works; None for the usual one.

        Raises:
            UserError: something to read is missing or unfit, or the page cannot be written.
        """
        engine = SharingEngine(config, weights, self._candidates)
        manner = manner or Manner()
        own: list[object] = [] if self._goal == GOALS[-1] else [self._goal]
        own += [] if manner == Manner() else [asdict(manner), engine.clicks_checksum if manner.clicks else ""]
        made_with = digest([engine.identity, self._limit, *own])
        if self._made_with.get(variant) != made_with:
            self._variants[variant] = {}
        self._made_with[variant], self._weights[variant] = made_with, engine.checksums
        self._drop_other_weights(engine.checksums)
        for name in self._names:
            if name not in self._variants[variant]:
                told = partial(tell, f"{variant}, {name}")
                self._variants[variant][name] = self._session(name, engine, told, manner)
                self._write()
        self._write()

    def _drop_other_weights(self, weights: Mapping[str, str]) -> None:
        """Forget variants of earlier weights: in one table they would seem comparable."""
        for variant, others in list(self._weights.items()):
            if any(weights.get(name, checksum) != checksum for name, checksum in others.items()):
                del self._variants[variant], self._made_with[variant], self._weights[variant]

    def _session(
        self, name: str, engine: VideoEngine, tell: Callable[[Round], None], manner: Manner
    ) -> PersonSession:
        files = self._davis.annotation_files(name)
        reader = MaskReader(files)
        truth = [reader.labels(file) for file in files]
        with open_video(self._davis.frames_folder(name)) as video:
            if {labels.shape for labels in truth} != {(video.height, video.width)} or (
                len(truth) != video.length
            ):
                raise UserError(f"The masks of {name} do not fit its frames: a person needs one for each.")
            modules, reid = engine.modules(video), engine.reid(video, MemoryStore())
            adapt = partial(_adapted, engine, video) if engine.config.adapt.steps else None
            return simulate(
                truth,
                modules,
                reid,
                limit=self._limit,
                goal=self._goal,
                adapt=adapt,
                tell=tell,
                manner=manner,
                clicker=engine.clicker if manner.clicks else None,
                frame_of=video.frame,
            )

    def _read(self) -> None:
        try:
            kept = read_json(self._file)
            with expecting(f"{self._file} is damaged"):
                for variant, one in kept["variants"].items():
                    sessions = {name: from_plain(session) for name, session in one["sequences"].items()}
                    self._made_with[variant], self._weights[variant] = one["made_with"], dict(one["weights"])
                    self._variants[variant] = sessions
        except UserError:
            # Not there, or of another version: done again.
            self._variants, self._made_with, self._weights = {}, {}, {}

    def _write(self) -> None:
        kept = {
            variant: {
                "made_with": self._made_with[variant],
                "weights": self._weights[variant],
                "sequences": {name: as_plain(session) for name, session in sessions.items()},
            }
            for variant, sessions in self._variants.items()
        }
        write_text(self._file, json.dumps({"variants": kept}, indent=1) + "\n")
        shown = {
            variant: {name: sessions[name] for name in self._names if name in sessions}
            for variant, sessions in self._variants.items()
        }
        listed = {variant: sessions for variant, sessions in shown.items() if sessions}
        write_text(self._page, render(listed, self._title, self._limit, goals_to(self._goal)))


def _adapted(engine: VideoEngine, video: Video, annotation: Annotation) -> Modules:
    """The modules, fine-tuned on what is pinned now."""
    steps = engine.adapt(video, annotation)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return engine.modules(video, adapted=stop.value)
