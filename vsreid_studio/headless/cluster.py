"""Many runs of the method in several processes, on this machine or on a cluster.

A task is a clip. A worker loads the networks once. What a task has done is in its project, so that one
whose worker died is taken up by another worker where it stood.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from distributed import Worker, WorkerPlugin, get_worker

from ..engine.events import Event, Progress
from ..engine.parallel import use_threads
from ..engine.runtime import models
from ..engine.runtime.engine import VideoEngine
from ..errors import TaskFailure, UserError, sentence
from .run import RunOutcome, run_task
from .task import Task
from .workers import Cluster, Workers

MakeEngine: TypeAlias = Callable[[], VideoEngine]
"""Makes an engine on a worker: a partial of an importable function, of values that can be pickled."""

_PLUGIN = "vsreid-studio"
_TOLD_EVERY = 0.5
"""Seconds between two reports of a task's progress."""
_PATIENCE = 20.0
"""Seconds that tasks get to end by themselves after Ctrl-C: they do so after the step under way."""


class Stopped(Exception):  # noqa: N818
    """The caller wants no more of it."""


class Networks(WorkerPlugin):
    """The plugin that keeps a worker's engine, the networks of which are loaded by its first task.

    Attributes:
        name: of the plugin.
        engine: of all its tasks.
        busy: held by the task under way, as networks serve one at a time.
        stopped: set when the caller wants no more.
    """

    idempotent = False

    def __init__(self, name: str, make: MakeEngine, workers: Workers) -> None:
        self.name = name
        self._make = make
        self._workers = workers
        self.engine: VideoEngine
        self.busy: threading.Lock
        self.stopped: threading.Event

    def setup(self, worker: Worker) -> None:
        """Make the engine; called by Dask when the worker starts, or when it meets this plugin."""
        if self._workers.scheduler is None:
            _take_gpu(worker)
        if self._workers.scheduler is None and threading.current_thread() is threading.main_thread():
            # Ctrl-C reaches every process of a terminal; it is for the one that asks these to stop.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._workers.threads is not None:
            use_threads(self._workers.threads)
        self.engine = self._make()
        self.busy = threading.Lock()
        self.stopped = threading.Event()

    def teardown(self, worker: Worker) -> None:
        """Nothing to do: the process ends."""


def _take_gpu(worker: Worker) -> None:
    """Let a worker of this machine see one GPU alone, each another one as far as there are any."""
    cards = models.gpus()
    if cards and isinstance(worker.name, int):
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[worker.name % len(cards)]


@dataclass(frozen=True)
class _Run:
    """Carries out a task on a worker."""

    plugin: str
    overwrite: bool

    def __call__(self, task: Task) -> RunOutcome:
        worker = get_worker()
        networks = cast(Networks, worker.plugins[self.plugin])
        told = 0.0

        def emit(event: Event) -> None:
            nonlocal told
            if networks.stopped.is_set():
                raise Stopped(task.name)
            if isinstance(event, Progress) and time.monotonic() - told > _TOLD_EVERY:
                told = time.monotonic()
                worker.log_event(self.plugin, [task.name, event.stage, event.done, event.total])

        with networks.busy:
            if networks.stopped.is_set():
                raise Stopped(task.name)
            return run_task(task, networks.engine, overwrite=self.overwrite, emit=emit)


async def _stop(name: str, dask_worker: Worker) -> None:
    """Ask the task of a worker to end, and wait until it has."""
    networks = cast(Networks | None, dask_worker.plugins.get(name))
    if networks is None:
        return
    networks.stopped.set()
    end = time.monotonic() + _PATIENCE
    while networks.busy.locked() and time.monotonic() < end:
        await asyncio.sleep(0.05)


def run_tasks(
    cluster: Cluster,
    tasks: Sequence[Task],
    make: MakeEngine,
    *,
    overwrite: bool = False,
    tell: Callable[[str, Progress], None] = lambda name, progress: None,
) -> Generator[RunOutcome | TaskFailure, None, None]:
    """Carry tasks out, each as `headless.run.run_task` does.

    When the caller wants no more (Ctrl-C, or the generator is closed), tasks end after the step under
    way: what they have done is in their projects.

    Args:
        tasks: of different names; their paths are absolute and lead to the same files for all workers.
        make: makes the engine of each worker.
        tell: called on a thread of its own with the name and the progress of a task.

    Yields:
        what came of each, in the order in which they are done.

    Raises:
        UserError: a worker cannot make the engine.
    """
    client = cluster.client
    name = f"{_PLUGIN}-{uuid.uuid4().hex[:8]}"

    def heard(event: tuple[float, list[Any]]) -> None:
        of, stage, done, total = event[1]
        tell(of, Progress(stage, done, total))

    client.subscribe_topic(name, heard)
    try:
        client.register_plugin(Networks(name, make, cluster.workers), name=name)
    except Exception as error:
        raise UserError(f"The workers cannot make an engine: {sentence(error)}") from error
    done = 0
    try:
        by_name = {task.name: task for task in tasks}
        with closing(cluster.each(_Run(name, overwrite), by_name)) as results:
            for _, result in results:
                done += 1
                yield result
    finally:
        # Whatever has ended this, it goes on ending where the cluster no longer answers.
        with suppress(Exception):
            if done < len(tasks):
                client.run(_stop, name, on_error="ignore")
            client.unsubscribe_topic(name)
            client.unregister_worker_plugin(name)
