"""Many tasks in several processes, on this machine or on a cluster, by Dask.

A task is a clip. A worker loads the networks once. What a task has done is in its project, so that one
whose worker died is taken up by another worker where it stood.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from dask.system import CPU_COUNT
from distributed import (
    Client,
    Future,
    Nanny,
    Scheduler,
    SpecCluster,
    Worker,
    WorkerPlugin,
    as_completed,
    get_worker,
)

from .. import __version__
from ..config import Config
from ..engine.events import Event, Progress
from ..engine.parallel import use_threads
from ..engine.runtime import models
from ..engine.runtime.engine import VideoEngine
from ..errors import UserError, sentence
from ..training.adaptation import adapting_engine
from .run import RunOutcome, TaskFailure, run_task
from .task import Task

T = TypeVar("T")
R = TypeVar("R")

_PLUGIN = "vsreid-studio"
_TOLD_EVERY = 0.5
"""Seconds between two reports of a task's progress."""
_PATIENCE = 20.0
"""Seconds that tasks get to end by themselves after Ctrl-C: they do so after the step under way."""


@dataclass(frozen=True)
class Workers:
    """Where tasks are carried out.

    Attributes:
        count: processes to start on this machine; None with `scheduler`.
        scheduler: the address of a Dask scheduler that runs already, such as 'tcp://host:8786'.
        threads: of each process; None for an equal share of the cores, or on a scheduler for as many as its
            workers were started with.
    """

    count: int | None = None
    scheduler: str | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Tracking:
    """What a worker makes its engine of.

    Attributes:
        config: the settings of every run.
        weights: a file for N_mp instead of the shipped one, absolute.
        threads: of the process, None to leave them as they are.
    """

    config: Config
    weights: Path | None = None
    threads: int | None = None


class Stopped(Exception):  # noqa: N818
    """The caller wants no more of it."""


@contextmanager
def connected(workers: Workers, *, gpus: bool = False) -> Iterator[Client]:
    """A client of the workers; those started here end with the block.

    Args:
        gpus: give each process started here a GPU of its own, as far as there are any.

    Raises:
        UserError: nobody answers, or the workers have another version of the package.
    """
    for name in ("distributed", "tornado"):
        # What becomes of a task is told once, by us.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if workers.scheduler is None:
            address = stack.enter_context(_local(workers, gpus))
        else:
            address = workers.scheduler
        try:
            client = stack.enter_context(Client(address, timeout=30, set_as_default=False))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"No Dask scheduler answers at {address}: {error}.") from error
        _same_version(client)
        yield client


@contextmanager
def _local(workers: Workers, gpus: bool) -> Iterator[Any]:
    """A scheduler and processes on this machine, reached through the loopback alone."""
    assert workers.count is not None
    threads = workers.threads or max(1, CPU_COUNT // workers.count)
    cards = models.gpus() if gpus else ()
    with TemporaryDirectory(prefix="vsreid-dask-", ignore_cleanup_errors=True) as folder:
        options = {
            "nthreads": 1,
            # Videos and networks have bounds of their own, and a worker that is paused helps nobody.
            "memory_limit": None,
            "local_directory": folder,
            "silence_logs": logging.CRITICAL,
            "host": "127.0.0.1",
        }
        usual = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        places = {
            number: {
                "cls": Nanny,
                "options": {**options, "env": {**usual, **_card(cards, number)}},
            }
            for number in range(workers.count)
        }
        scheduler = {"cls": Scheduler, "options": {"dashboard": False, "host": "127.0.0.1"}}
        with SpecCluster(workers=places, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster:
            yield cluster


def _card(cards: tuple[str, ...], number: int) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": cards[number % len(cards)]} if cards else {}


def _version() -> str:
    return __version__


def _same_version(client: Client) -> None:
    try:
        versions = set(client.run(_version).values())
    except Exception as error:
        raise UserError(f"The workers cannot run vsreid-studio {__version__}: {error}.") from error
    if others := versions - {__version__}:
        raise UserError(
            f"The workers have vsreid-studio {', '.join(sorted(others))}, and this is {__version__}: install "
            "the same version."
        )


def each(
    client: Client, function: Callable[[T], R], items: Mapping[str, T]
) -> Generator[tuple[str, R | TaskFailure], None, None]:
    """What a function makes of each item, in the order in which they are done.

    A function whose worker dies is called again on another one. When the caller wants no more, what has not
    begun is cancelled.

    Args:
        function: importable on the workers.
        items: by name.

    Yields:
        name and result, or what went wrong.
    """
    mark = uuid.uuid4().hex[:8]
    names: dict[Future[Any], str] = {}
    for name, item in items.items():
        future = client.submit(_guarded, function, name, item, key=f"{name}-{mark}", pure=False)
        names[future] = name
    try:
        for future in as_completed(list(names), loop=client.loop):
            # Forgotten at once: a result may not be lost with a worker that goes later, and be made anew.
            name = names.pop(future)
            yield name, _result(name, future)
            future.release()
    finally:
        if names:
            client.cancel(list(names), force=True)


def _guarded(function: Callable[[T], R], name: str, item: T) -> R | TaskFailure:
    try:
        return function(item)
    except (UserError, OSError, MemoryError) as error:
        return TaskFailure(name, sentence(error))


def _result(name: str, future: Future[Any]) -> Any:
    if future.status == "finished":
        with suppress(Exception):
            return future.result()
    if future.status != "error":
        return TaskFailure(name, "The scheduler dropped it, or can no longer be reached.")
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return TaskFailure(name, "Each worker that ran it died. Is there enough memory? Use fewer workers.")
    return TaskFailure(name, sentence(error) if isinstance(error, Exception) else repr(error))


class Networks(WorkerPlugin):
    """The plugin that keeps a worker's engine, the networks of which are loaded by its first task.

    Attributes:
        name: of the plugin.
        engine: of all its tasks.
        busy: held by the task under way, as networks serve one at a time.
        stopped: set when the caller wants no more.
    """

    idempotent = False

    def __init__(self, name: str, tracking: Tracking, *, local: bool) -> None:
        self.name = name
        self._tracking = tracking
        self._local = local
        self.engine: VideoEngine
        self.busy: threading.Lock
        self.stopped: threading.Event

    def setup(self, worker: Worker) -> None:
        """Make the engine; called by Dask when the worker starts, or when it meets this plugin."""
        del worker
        if self._local and threading.current_thread() is threading.main_thread():
            # Ctrl-C reaches every process of a terminal; it is for the one that asks these to stop.
            with suppress(ValueError):
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._tracking.threads is not None:
            use_threads(self._tracking.threads)
        self.engine = adapting_engine(self._tracking.config, self._tracking.weights)
        self.busy = threading.Lock()
        self.stopped = threading.Event()

    def teardown(self, worker: Worker) -> None:
        """Nothing to do: the process ends."""


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


def run_tasks(
    tasks: list[Task],
    tracking: Tracking,
    workers: Workers,
    *,
    overwrite: bool = False,
    tell: Callable[[str, Progress], None] = lambda name, progress: None,
) -> Generator[RunOutcome | TaskFailure, None, None]:
    """Carry tasks out on workers, each as `headless.run.run_task` does.

    When the caller wants no more (Ctrl-C, or the generator is closed), tasks end after the step under way:
    what they have done is in their projects.

    Args:
        tasks: of different names; their paths are absolute and lead to the same files for all workers.
        tell: called on a thread of its own with the name and the progress of a task.

    Yields:
        what came of each, in the order in which they are done.

    Raises:
        UserError: see `connected`; or no worker can make the engine.
    """
    name = f"{_PLUGIN}-{uuid.uuid4().hex[:8]}"
    cuda = tracking.config.device != "cpu"

    def heard(event: tuple[float, list[Any]]) -> None:
        of, stage, done, total = event[1]
        tell(of, Progress(stage, done, total))

    with connected(workers, gpus=cuda) as client:
        client.subscribe_topic(name, heard)
        plugin = Networks(name, tracking, local=workers.scheduler is None)
        try:
            client.register_plugin(plugin, name=name)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"The workers cannot load the networks: {error}.") from error
        done = 0
        try:
            with closing(each(client, _Run(name, overwrite), {task.name: task for task in tasks})) as results:
                for _, result in results:
                    done += 1
                    yield result
        finally:
            if done < len(tasks):
                with suppress(Exception):
                    client.run(_stop, name, on_error="ignore")
            with suppress(Exception):
                client.unregister_worker_plugin(name)


async def _stop(name: str, dask_worker: Worker) -> None:
    """Ask the task of a worker to end, and wait until it has."""
    networks = cast(Networks | None, dask_worker.plugins.get(name))
    if networks is None:
        return
    networks.stopped.set()
    end = time.monotonic() + _PATIENCE
    while networks.busy.locked() and time.monotonic() < end:
        await asyncio.sleep(0.05)
