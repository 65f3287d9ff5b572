"""The engine's thread: its networks, and the modules for the video at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...config import Config
from ...engine.algorithm.protocols import Reidentification
from ...engine.video import Video, open_video
from ...project import Adaptation
from .jobs import Engine, EngineFactory, Source

if TYPE_CHECKING:  # It knows all of the engine, which takes seconds to load.
    from ...engine.runtime.pipeline import Modules


def shipped_engine(config: Config | None = None) -> Engine:
    """The engine with the weights that come with the program.

    Raises:
        UserError: the settings ask for something that is not here.
    """
    # Torch takes seconds to load, which is why this happens on the engine's thread.
    from ...headless.engine import Engine as Shipped  # noqa: PLC0415

    return Shipped(config or Config())


class Bench:
    """Keeps what is costly to make from one job to the next. Belongs to the engine's thread."""

    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory
        self._engine: Engine | None = None
        self._path: Path | None = None
        self._video: Video | None = None
        self._modules: Modules | None = None
        self._adaptation: Adaptation | None = None

    @property
    def engine(self) -> Engine:
        """Made when first asked for, and kept for all videos.

        Raises:
            UserError: it cannot be made.
        """
        if self._engine is None:
            self._engine = self._factory()
        return self._engine

    def video(self, source: Source) -> Video:
        """The document's video, opened for this thread alone.

        Raises:
            UserError: it cannot be read any more.
        """
        if self._video is None or (self._path, self._video.options) != (source.video, source.options):
            self.clear()
            self._video, self._path = open_video(source.video, options=source.options), source.video
        return self._video

    def modules(self, source: Source) -> Modules:
        """What a run on the document needs, with what was learnt of it, unless that was of other weights.

        Raises:
            UserError: the video or the weights are missing.
        """
        video = self.video(source)
        adaptation = source.adaptation
        if adaptation is not None and adaptation.base != self.engine.base:
            adaptation = None
        if self._modules is None or self._adaptation != adaptation:
            adapted = None if adaptation is None else adaptation.data
            self._modules = self.engine.modules(video, adapted=adapted)
            self._adaptation = adaptation
        return self._modules

    def reid(self, source: Source) -> Reidentification | None:
        """M_reid for the document; None where the settings switch it off.

        Raises:
            UserError: the video or the weights are missing.
        """
        store = source.candidates(self.engine.candidates_key)
        return self.engine.reid(self.video(source), store)

    def clear(self) -> None:
        """Let go of the video."""
        if self._video is not None:
            self._video.close()
        self._video = self._path = self._modules = self._adaptation = None
