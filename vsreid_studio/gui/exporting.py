"""An export, as work for the engine's thread: the window stays free, and it can be cancelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.algorithm.merge import label_maps
from ..engine.events import Progress, Steps
from ..engine.runtime.run import Control
from ..engine.store.annotation import Annotation
from ..engine.types import CellKey, Frame
from ..engine.video import AS_USUAL, FrameOrder, ReadOptions, Video, open_video
from ..formats.catalogue import ExportRequest
from ..formats.classes import NO_CLASSES, Classes
from ..formats.exports import Material, export
from ..formats.masks import Paint, rgb_of
from ..formats.points import Clicked
from ..formats.provenance import provenance
from ..formats.targets import Sources
from .worker.jobs import Tell


class _Cancelled(Exception):  # noqa: N818
    """The person does not want it any more."""


@dataclass(frozen=True, eq=False)
class Export:
    """Writes the masks of a document in one of the forms of the catalogue.

    Attributes:
        request: what the person wants.
        video: the document's.
        annotation: as it was when it was asked for.
        colours: '#rrggbb' of the instances to be seen in a video.
        names: of all instances.
        classes: the list, and those of the instances.
        weights: checksum of each file of weights that the last run used, by its name.
        sources: of the document; nothing is written over them.
        options: how the video is read.
        order: of the video's frames, see `Video.order`.
        points: how masks came of points, see `project.sources.points_of`.
    """

    request: ExportRequest
    video: Path
    annotation: Annotation
    colours: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Classes = NO_CLASSES
    weights: Mapping[str, str] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    options: ReadOptions = AS_USUAL
    points: Mapping[CellKey, Sequence[Clicked]] = field(default_factory=dict)
    order: FrameOrder | None = None

    def steps(self, control: Control, tell: Tell) -> Steps:
        """Write everything; what was there is as before when it is cancelled.

        Yields:
            Progress before and after.
        """
        length = self.annotation.length
        yield Progress("exporting", 0, length)
        with open_video(self.video, options=self.options, known=lambda: self.order) as video:

            def frames() -> Iterator[Frame]:
                for index in range(video.length):
                    if control.cancelled:
                        raise _Cancelled
                    tell(Progress("exporting", index, length, index))
                    yield video.frame(index)

            try:
                self._write(video, frames())
            except _Cancelled:
                # Nothing was written. The run sees at this yield that it was cancelled.
                yield Progress("exporting", 0, length)
                return
        # Not yielded: whoever cancels from here on comes too late, as everything is written.
        tell(Progress("exporting", length, length))

    def _write(self, video: Video, frames: Iterator[Frame]) -> None:
        paint = Paint({number: rgb_of(colour) for number, colour in self.colours.items()})
        labels = label_maps(self.annotation, video.height, video.width)
        record = provenance(self.annotation, self.names, {}, self.weights, video.names, self.points)
        export(
            self.request,
            Material(frames, labels, self.names, self.classes, video.names, paint, video, record),
            self.sources,
        )
