"""Processes that carry out many tasks: on this machine or on a cluster, by Dask.

Nothing here imports torch, so that workers start while this process still loads it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TypeVar

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, Nanny, Scheduler, SpecCluster, as_completed

from .. import __version__
from ..errors import TaskFailure, UserError, sentence

T = TypeVar("T")
R = TypeVar("R")

_SETTINGS = {
    # Dask would look at the stacks of all threads every 10 ms, beside the networks.
    "distributed.worker.profile.enabled": False,
}


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


@contextmanager
def connected(workers: Workers, load: str | None = None) -> Iterator[Cluster]:
    """Start workers, or reach those of a scheduler; those started here end with the block.

    Args:
        load: a module that caller and workers need next, imported while workers start: both take seconds.

    Raises:
        UserError: nobody answers, or the workers have another version of the package.
    """
    for name in ("distributed", "tornado"):
        # What becomes of a task is told once, by us.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    loading = Thread(target=import_module, args=(load,), daemon=True) if load else None
    if loading is not None:
        loading.start()
    with ExitStack() as stack:
        address: Any = workers.scheduler or stack.enter_context(_local(workers, load))
        try:
            client = stack.enter_context(Client(address, timeout=30, set_as_default=False))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"No Dask scheduler answers at {address}: {error}.") from error
        _same_version(client)
        if loading is not None:
            loading.join()
        yield Cluster(client, workers)


@contextmanager
def _local(workers: Workers, load: str | None) -> Iterator[Any]:
    """A scheduler and processes on this machine, reached through the loopback alone."""
    assert workers.count is not None
    threads = workers.threads or max(1, CPU_COUNT // workers.count)
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
        options["preload"] = [*dask.config.get("distributed.worker.preload"), *([load] if load else [])]
        options["env"] = {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(threads)}
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
                # Else it would be made anew if a worker that holds its result dies later.
                future.release()
        finally:
            if names:
                self.client.cancel(list(names), force=True)
