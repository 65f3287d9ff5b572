"""An export, as work for the engine's thread: the window stays free, and it can be cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..engine.annotation import Annotation
from ..engine.merge import label_maps
from ..engine.run import Control
from ..engine.types import Frame, Progress
from ..engine.video import open_video
from ..engine.vsreid import Steps
from ..formats.davis import Resolution, export_davis
from .export_dialog import ExportRequest
from .worker.jobs import Tell


class _Cancelled(Exception):  # noqa: N818
    """The person does not want it any more."""


@dataclass(frozen=True, eq=False)
class Export:
    """Writes the masks of a document as a data set.

    Attributes:
        request: what the person wants.
        video: the document's.
        annotation: as it was when it was asked for.
    """

    request: ExportRequest
    video: Path
    annotation: Annotation

    def steps(self, control: Control, tell: Tell) -> Steps:
        """Write everything; the data set is as before when it is cancelled.

        Yields:
            Progress before and after.
        """
        length = self.annotation.length
        yield Progress("exporting", 0, length)
        with open_video(self.video) as video:

            def frames() -> Iterator[Frame]:
                for index in range(video.length):
                    if control.cancelled:
                        raise _Cancelled
                    tell(Progress("exporting", index, length, index))
                    yield video.frame(index)

            with suppress(_Cancelled):
                export_davis(
                    self.request.folder,
                    self.request.sequence,
                    frames(),
                    label_maps(self.annotation, video.height, video.width),
                    cast(tuple[Resolution, ...], self.request.resolutions),
                    image_set=self.request.image_set,
                    overwrite=self.request.overwrite,
                )
        yield Progress("exporting", length, length)
