"""Imports of masks into an open project, on a thread of their own."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import numpy as np

from ...engine.store.annotation import Annotation
from ...engine.types import Cell, CellKey, SoftMask
from ...engine.types.stepwise import clear_stepwise, no_collection
from ...errors import UserError
from ...formats.annotations import GivenMasks
from ...formats.given_masks import read_given_masks
from ...formats.mask_coding import Reading
from ...project import Project
from ...project.sources import note_values, numbered_as_before, refuse_own
from .. import edits
from .shown import CommittedEdit
from .thread import DocumentThread
from .writer import ProjectWriter, Reporter, shortened

_PERIOD = 0.05
"""Seconds between two reports of an import."""
_PAUSE = 0.004
"""Seconds in which the window has Python's lock for itself, after each 1,000 cells that are let go."""


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """Where masks go that do not say so.

    Attributes:
        frame: takes a single picture.
        instance: takes what shows one object and no number.
    """

    frame: int
    instance: int


@dataclass(frozen=True, slots=True, eq=False)
class ImportListener:
    """The receiver of the progress of an import, on the window's thread.

    Attributes:
        stop: set to leave it off.
        progress: files read, and all.
        exchanged: an earlier import was taken back, or is there again.
        done: what was kept, how pictures were taken, what was taken for what (see `GivenMasks`), of how many
            masks a person's own, drawn meanwhile, were left, and the number of the step.
        failed: why nothing was.
        ended: always the last.
    """

    stop: Event
    progress: Callable[[int, int], object]
    exchanged: Callable[[CommittedEdit | None], object]
    done: Callable[[CommittedEdit, Reading | None, str, int, int | None], object]
    failed: Reporter
    ended: Callable[[], object]


class MaskImport:
    """Reads masks from files, and has the document's thread put them into the project."""

    def __init__(self, writer: ProjectWriter, thread: DocumentThread) -> None:
        """Nothing is imported yet."""
        self._writer = writer
        self._thread = thread
        self._running: Thread | None = None

    def start(
        self,
        path: Path,
        reading: Reading | None,
        machine: bool,
        target: ImportTarget,
        listener: ImportListener,
        *,
        replaces: int | None = None,
    ) -> None:
        """Take masks from a picture or a folder, see `read_given_masks`; as one step, or not at all.

        Files are read and their maps put into the file on a thread of its own, so that edits have their turn.
        What a person draws meanwhile is later than the import, and stays.

        Args:
            machine: see `edits.import_masks`.
            target: takes what names no frame, or no instance.
            replaces: in place of the import of this step, which is the last one; where another one is,
                nothing is done.
        """
        begun: list[Annotation] = []
        if replaces is None:
            # In its turn, so that it has all that was asked for before.
            self._writer.post(lambda: begun.append(self._writer.project.annotation.copy()), listener.failed)

        def read() -> None:
            try:
                self._read(path, reading, machine, target, listener, replaces, begun)
            except _Stopped:
                self._thread.reply(listener.ended)
            except Exception as error:
                self._thread.reply(partial(listener.failed, error, traceback.format_exc()))
                self._thread.reply(listener.ended)

        self._running = Thread(target=read, name="import", daemon=True)
        self._running.start()

    def wait(self) -> None:
        """Wait until an import has read what it needs; on the window's thread."""
        if self._running is not None:
            self._running.join()
            self._running = None

    def _read(
        self,
        path: Path,
        reading: Reading | None,
        machine: bool,
        target: ImportTarget,
        listener: ImportListener,
        replaces: int | None,
        begun: Sequence[Annotation],
    ) -> None:
        """On the import's own thread.

        Args:
            begun: takes the annotation as it was when the import was asked for; none where it replaces one.
        """
        told = 0.0

        def each(done: int, total: int, masks: Collection[SoftMask]) -> None:
            nonlocal told
            _refuse_stopped(listener)
            self._writer.project.stage([mask for mask in masks if mask.box.area])
            # That all is read is always told: what follows takes a while, too.
            if done == total or monotonic() - told > _PERIOD:
                told = monotonic()
                # A search for cycles among hundreds of thousands of cells would stop all threads.
                gc.freeze()
                self._thread.reply(partial(listener.progress, done, total))

        try:
            refuse_own(self._writer.project, path)
            video = self._writer.document.video
            given = read_given_masks(path, video, reading, frame=target.frame, each=each)
            given = given.as_instance(target.instance)
            # Those of files of annotations come all at once. What is in the file already costs nothing.
            for there in given.masks.values():
                _refuse_stopped(listener)
                self._writer.project.stage([mask for mask in there.values() if mask.box.area])
        except BaseException:
            gc.unfreeze()
            raise

        def failed(error: Exception, details: str) -> None:
            listener.failed(error, details)
            listener.ended()

        def put() -> None:
            cells: dict[CellKey, Cell | None] = {}
            try:
                with nullcontext() if replaces is None else self._replacing(replaces, listener):
                    self._put(given, cells, machine, listener, begun)
            except _Stopped:
                # Before all that was read and worked out is let go, which takes a while.
                self._thread.reply(listener.ended)
            finally:
                gc.unfreeze()
                # The last that holds the cells: let go at once, 200,000 would hold Python's lock meanwhile,
                # just when the window shows them.
                clear_stepwise(cells, poll=partial(sleep, _PAUSE))

        self._writer.post(put, failed)

    @contextmanager
    def _replacing(self, step: int, listener: ImportListener) -> Iterator[None]:
        """Take an import back for the block, and do it again where that fails.

        Raises:
            UserError: something else is the last step.
        """
        if self._writer.project.undo_step != step:
            raise UserError(edits.IMPORT_CHANGED)
        self._thread.reply(partial(listener.exchanged, self._writer.exchange(Project.undo)))
        try:
            yield
        except BaseException:
            self._thread.reply(partial(listener.exchanged, self._writer.exchange(Project.redo)))
            raise

    def _put(
        self,
        given: GivenMasks,
        cells: dict[CellKey, Cell | None],
        machine: bool,
        listener: ImportListener,
        begun: Sequence[Annotation],
    ) -> None:
        """Put masks that were read into the project, and tell the listener.

        Args:
            cells: see `edits.import_masks`.
            begun: the annotation as it was when the import was asked for, or none.

        Raises:
            _Stopped: the person does not want them any more; nothing has changed.
        """
        poll = partial(_refuse_stopped, listener)
        with no_collection():
            project = self._writer.project
            given = numbered_as_before(project, given)
            drawn = pinned_since(project.annotation, begun[0], given.numbers) if begun else frozenset()
            made = edits.import_masks(project, given, cells, machine=machine, drawn=drawn, poll=poll)
            short = shortened(made.change)
            self._writer.apply(made.change, made, poll=poll)
            kept = self._writer.kept(made.change, made.lists, short)
            note_values(project, given)
            left = sum(key.instance in given.masks.get(key.frame, ()) for key in drawn)
            step = project.undo_step
            self._thread.reply(partial(listener.done, kept, given.reading, given.text, left, step))
            self._thread.reply(listener.ended)


def pinned_since(now: Annotation, before: Annotation, instances: Iterable[int]) -> frozenset[CellKey]:
    """The cells of some instances that are pinned now and were others, or none, before."""
    return frozenset(
        CellKey(frame, number)
        for number in instances
        for frame in np.flatnonzero(now.stamps(number) != before.stamps(number)).tolist()
        if now.pinned(frame, number)
    )


class _Stopped(Exception):  # noqa: N818
    """The person does not want the import any more."""


def _refuse_stopped(listener: ImportListener) -> None:
    if listener.stop.is_set():
        raise _Stopped
