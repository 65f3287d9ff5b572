"""Jobs of the engine's thread, exports among them, and what it reports beside the engine's events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ...config import Config
from ...engine.algorithm.merge import label_maps
from ...engine.algorithm.protocols import Reidentification
from ...engine.events import Answer, Event, Progress, Retrieval, Steps
from ...engine.runtime.run import Control
from ...engine.store.annotation import Annotation
from ...engine.types import CellKey, Frame
from ...engine.types.stepwise import no_collection
from ...engine.video import AS_USUAL, FrameOrder, ReadOptions, Video, open_video
from ...formats.catalogue import OVERLAY, ExportRequest
from ...formats.classes import NO_CLASSES, Classes
from ...formats.exports import ExportSource, export
from ...formats.masks import Paint, rgb_of
from ...formats.points import Clicked
from ...formats.provenance import provenance
from ...formats.targets import Sources
from ...project import Adaptation, CandidateStore

if TYPE_CHECKING:
    from ...engine.runtime.pipeline import Modules


class ModuleMaker(Protocol):
    """What makes the modules for a video: `engine.runtime.engine.VideoEngine`, or a stand-in in tests."""

    @property
    def config(self) -> Config:
        """The settings of every run."""
        ...

    @property
    def checksums(self) -> Mapping[str, str]:
        """The sha256 of each file of weights, by the network's name."""
        ...

    @property
    def device(self) -> object:
        """What it computes on; its str names it."""
        ...

    @property
    def run_settings(self) -> Mapping[str, Any]:
        """What a run depends on beside its weights, as plain data for JSON."""
        ...

    @property
    def candidates_key(self) -> str:
        """Names everything that candidates depend on beside the video."""
        ...

    @property
    def base(self) -> str:
        """The checksum of N_mp's weights: what an adaptation goes with."""
        ...

    def modules(self, video: Video, /, *, adapted: bytes | None = None, careful: bool = True) -> Modules:
        """All that a run on a video needs but for M_reid, with what was learnt of it.

        Args:
            careful: whether corrected instances are propagated more carefully, and slower.
        """
        ...

    def adapt(self, video: Video, annotation: Annotation, /) -> Generator[Progress, None, bytes]:
        """Learn from the pinned masks of a video; returns what `modules` takes as `adapted`."""
        ...

    def reid(self, video: Video, store: CandidateStore, /) -> Reidentification | None:
        """M_reid for a video."""
        ...


class RecordRun(Protocol):
    """See `project.Project.record_run`."""

    def __call__(
        self, weights: Mapping[str, str], settings: Mapping[str, Any], *, if_other: bool = False
    ) -> None:
        """Note weights and settings."""
        ...


def _unchecked(video: Video) -> None:
    """Take any video."""


EngineFactory: TypeAlias = Callable[[], ModuleMaker]
"""Makes the engine, on the engine's thread and not before the first job."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a job needs of the document that is open.

    Attributes:
        video: the file or folder; the engine opens it for itself, so that it never waits for the window.
        candidates: the project's store for networks of this checksum; from any thread.
        record: notes in the project that a run starts, with which weights and settings, or, where that is
            asked, that what follows has others than the last run; from any thread.
        begin: a copy of the annotation for a run, to whose inbox the person's changes go from then on; waits.
        send: passes on the messages of an order: changes once they are on disk, all in their order.
        wait: until the messages sent are handled.
        adaptation: what N_mp has learnt of the video; as it was when the job was ordered.
        options: how the video is read.
        careful: whether corrected instances are propagated more carefully, and slower.
        order: of the video's frames, see `Video.order`.
        check: raises a UserError where the video, once it is opened, is not the document's any more.
    """

    video: Path
    candidates: Callable[[str], CandidateStore]
    record: RecordRun
    begin: Callable[[Any], Annotation]
    send: Callable[[Any, Any], None]
    wait: Callable[[], None]
    adaptation: Adaptation | None = None
    options: ReadOptions = AS_USUAL
    careful: bool = True
    order: FrameOrder | None = None
    check: Callable[[Video], None] = _unchecked


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know that does not stop the run.

    Attributes:
        sentence: the message.
    """

    sentence: str


@dataclass(frozen=True, slots=True)
class Device:
    """What the engine computes on, given at its construction.

    Attributes:
        name: 'cpu' or 'cuda', say.
    """

    name: str


Message: TypeAlias = Event | Notice | Device | Adaptation
"""The messages of a job."""
Send: TypeAlias = Callable[[Message], None]


class Outcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Propagate:
    """Propagate masks, then find lost instances again (Algorithm 3).

    Attributes:
        instances: those to be propagated and found again, None for all.
        frames: those to be propagated to and searched, None for all.
        find: whether to search for lost instances.
    """

    instances: Collection[int] | None = None
    frames: Collection[int] | None = None
    find: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class PropagateFrom:
    """Propagate from a new checkpoint as far as it is closer: what an accepted retrieval brings.

    Attributes:
        key: the checkpoint.
        group: names the step of undo that the acceptance belongs to.
    """

    key: CellKey
    group: str


@dataclass(frozen=True, slots=True, eq=False)
class Propose:
    """Answer a proposal of an earlier run that has to be looked into first, and propagate from it.

    Attributes:
        retrieval: what was found.
        answer: to it. After a `Redraw` the person is asked again.
        group: names the step of undo that the answer is.
    """

    retrieval: Retrieval
    answer: Answer
    group: str


@dataclass(frozen=True, slots=True, eq=False)
class Adapt:
    """Adapt N_mp to this video, by the masks that the person pinned."""


class BackgroundTask(Protocol):
    """Any other work that belongs on this thread, an export for instance."""

    def steps(self, control: Control, send: Send, /) -> Steps:
        """Work that yields `Progress` and can be left off between two of them.

        Args:
            control: the job's, for work that checks `cancelled` within a step.
            send: receives progress within a step.
        """
        ...


RUNS = (Propagate, PropagateFrom, Propose, Adapt)
"""Jobs that change nothing but by what they send."""
Job: TypeAlias = Propagate | PropagateFrom | Propose | Adapt | BackgroundTask


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
        settings: of the last run.
        sources: of the document; nothing is written over them.
        options: how the video is read.
        order: of the video's frames, see `Video.order`.
        points: how masks came of points, see `project.sources.points_of`.
        check: see `Source`.
    """

    request: ExportRequest
    video: Path
    annotation: Annotation
    colours: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Classes = NO_CLASSES
    weights: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    options: ReadOptions = AS_USUAL
    points: Mapping[CellKey, Sequence[Clicked]] = field(default_factory=dict)
    order: FrameOrder | None = None
    check: Callable[[Video], None] = _unchecked

    def steps(self, control: Control, send: Send) -> Steps:
        """Write everything; what was there is as before when it is cancelled.

        Yields:
            Progress before and after.
        """
        length = self.annotation.length
        yield Progress("exporting", 0, length)
        with open_video(self.video, options=self.options, known=lambda: self.order) as video:
            self.check(video)

            def frames() -> Iterator[Frame]:
                for index in range(video.length):
                    if control.cancelled:
                        raise _Cancelled
                    send(Progress("exporting", index, length, index))
                    yield video.frame(index)

            try:
                self._write(video, frames())
            except _Cancelled:
                # Nothing was written. The run sees at this yield that it was cancelled.
                yield Progress("exporting", 0, length)
                return
        # Not yielded: whoever cancels from here on comes too late, as everything is written.
        send(Progress("exporting", length, length))

    def _write(self, video: Video, frames: Iterator[Frame]) -> None:
        paint = Paint({number: rgb_of(colour) for number, colour in self.colours.items()})
        labels = label_maps(self.annotation, video.height, video.width)
        record = None
        if self.request.format_key != OVERLAY.key:
            with no_collection():
                record = provenance(
                    self.annotation, self.names, self.settings, self.weights, video.names, self.points
                )
        export(
            self.request,
            ExportSource(frames, labels, self.names, self.classes, video.names, paint, video, record),
            self.sources,
        )
