"""An engine whose runs share the candidates of Algorithm 2, whatever else differs between them."""

from __future__ import annotations

from pathlib import Path

from ..benchmark.candidate_files import Backed, CandidateFiles
from ..config import Config
from ..engine.runtime.reid import CandidateStore, ReidModule
from ..engine.video import Video
from ..headless.engine import Engine, digest


class SharingEngine(Engine):
    """Keeps candidates in a folder for all runs on a video with the same detector and embedding."""

    def __init__(self, config: Config, weights: Path | None, folder: Path) -> None:
        """As `Engine`; nothing is written yet.

        Args:
            folder: for the candidates.
        """
        super().__init__(config, weights)
        self._folder = folder

    def reid(self, video: Video, store: CandidateStore) -> ReidModule | None:
        """As `Engine.reid`, `store` being filled from the folder."""
        files = CandidateFiles(self._folder / digest([self.candidates_key, video.fingerprint])[:16])
        return super().reid(video, Backed(store, files))

    def reid_alone(self, video: Video, store: CandidateStore) -> ReidModule | None:
        """As `Engine.reid`, without the folder."""
        return super().reid(video, store)
