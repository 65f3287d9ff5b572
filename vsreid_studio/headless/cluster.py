"""Many runs of the method in several processes, on this machine or on a cluster, by Dask.

A task is a clip. A worker loads the networks once. What a task has done is in its project, so that one
whose worker died is taken up by another worker where it stood.

Importing this module does not import torch: only the workers need it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import dask
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
from ..errors import TaskFailure, UserError, sentence
from .run import RunOutcome, run_task
from .task import Task

if TYPE_CHECKING:
    from ..engine.runtime.engine import VideoEngine

T = TypeVar("T")
R = TypeVar("R")

_SETTINGS = {
    # Dask would look at the stacks of all threads every 10 ms, beside the networks.
    "distributed.worker.profile.enabled": False,
}

MakeEngine: TypeAlias = "Callable[[], VideoEngine]"
"""Makes an engine on a worker: a partial of an importable function, of values that can be pickled."""
HEAVY = "vsreid_studio.training.adaptation"
"""The module that `make_engine` needs on a worker: importing it takes seconds."""
_PLUGIN = "vsreid-studio"
_TOLD_EVERY = 0.5
"""Seconds between two reports of a task's progress."""
_TIMEOUT = 30
"""Seconds in which a scheduler must answer."""
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


class _Connection(Client):
    """A client that is closed where it cannot connect.

    One that is not is closed when Python finds it as garbage. If that is while another one starts, in the
    same thread, both wait for one lock for ever.
    """

    def __init__(self, address: Any) -> None:
        try:
            super().__init__(address, timeout=_TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
        except BaseException:
            with suppress(Exception):  # it may lack what closing needs
                self.close()  # type: ignore[no-untyped-call]
            raise


@contextmanager
def connected(workers: Workers, preload: str | None = None) -> Iterator[Cluster]:
    """Start workers, or reach those of a scheduler; those started here end with the block.

    Args:
        preload: a module that workers started here import before they take tasks.

    Raises:
        UserError: nobody answers, or the workers have another version of the package.
    """
    for name in ("distributed", "tornado"):
        # Each task is reported once, by this program.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if workers.count is not None:
        # Set in torch by `Networks`: Dask starts workers with MKL_NUM_THREADS=1, which torch obeys.
        workers = replace(workers, threads=workers.threads or max(1, CPU_COUNT // workers.count))
    with ExitStack() as stack:
        address: Any = workers.scheduler or stack.enter_context(_local(workers, preload))
        try:
            client = stack.enter_context(_Connection(address))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"No Dask scheduler answers at {address}: {error}.") from error
        _same_version(client)
        yield Cluster(client, workers)


@contextmanager
def _local(workers: Workers, preload: str | None) -> Iterator[Any]:
    """A scheduler and processes on this machine, reached through the loopback alone."""
    assert workers.count is not None
    with (
        dask.config.set(_SETTINGS),
        TemporaryDirectory(prefix="vsreid-dask-", ignore_cleanup_errors=True) as folder,
    ):
        options: dict[str, Any] = {
            "nthreads": 1,
            # Videos and networks have bounds of their own, and a worker that is paused helps nobody.
            "memory_limit": None,
            "local_directory": folder,
            "silence_logs": logging.CRITICAL,
            "host": "127.0.0.1",
        }
        options["preload"] = [*dask.config.get("distributed.worker.preload"), *([preload] if preload else [])]
        options["env"] = {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(workers.threads)}
        places = {number: {"cls": Nanny, "options": options} for number in range(workers.count)}
        # Its HTTP server would take port 8787, which another cluster may have.
        own = {"dashboard": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
        scheduler = {"cls": Scheduler, "options": own}
        with SpecCluster(workers=places, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster:
            yield cluster


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


class Cluster:
    """Workers that carry out tasks; see `connected`.

    Attributes:
        client: Dask's.
        workers: where they are.
    """

    def __init__(self, client: Client, workers: Workers) -> None:
        self.client = client
        self.workers = workers

    def each(
        self, function: Callable[[T], R], items: Mapping[str, T]
    ) -> Generator[tuple[str, R | TaskFailure], None, None]:
        """What a function makes of each item, in the order in which they are done.

        A function whose worker dies is called again on another one. When the generator is closed, what has
        not begun is cancelled.

        Args:
            function: importable on the workers.
            items: by name.

        Yields:
            name and result, or what went wrong.
        """
        mark = uuid.uuid4().hex[:8]
        names: dict[Future[Any], str] = {}
        for name, item in items.items():
            future = self.client.submit(_guarded, function, name, item, key=f"{name}-{mark}", pure=False)
            names[future] = name
        try:
            for future in as_completed(list(names), loop=self.client.loop):
                name = names.pop(future)
                yield name, _result(name, future)
                # Else it would be made again if a worker that holds its result dies later.
                future.release()
        finally:
            if names:
                self.client.cancel(list(names), force=True)


def make_engine(config: Config, weights: Path | None) -> VideoEngine:
    """`training.adaptation.adapting_engine`, imported when it is called."""
    from ..training.adaptation import adapting_engine  # noqa: PLC0415  (torch)

    return adapting_engine(config, weights)


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
            # All results are on disk when the process ends, and to take torch down takes half a second.
            atexit.register(os._exit, 0)
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
    from ..engine.runtime.models import gpus  # noqa: PLC0415  (torch)

    cards = gpus()
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
    on_progress: Callable[[str, Progress], None] = lambda name, progress: None,
) -> Generator[RunOutcome | TaskFailure, None, None]:
    """Carry tasks out, each as `headless.run.run_task` does.

    When the caller wants no more (Ctrl-C, or the generator is closed), tasks end after the step under
    way: what they have done is in their projects.

    Args:
        tasks: of different names; their paths are absolute and lead to the same files for all workers.
        make: makes the engine of each worker.
        on_progress: called on a thread of its own with the name and the progress of a task.

    Yields:
        what came of each, in the order in which they are done.

    Raises:
        UserError: a worker cannot make the engine.
    """
    client = cluster.client
    name = f"{_PLUGIN}-{uuid.uuid4().hex[:8]}"

    def heard(event: tuple[float, list[Any]]) -> None:
        of, stage, done, total = event[1]
        on_progress(of, Progress(stage, done, total))

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
