"""Work on very many items: it can be stopped, and holds Python's lock for some milliseconds at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias, TypeVar

K = TypeVar("K")
V = TypeVar("V")
Poll: TypeAlias = Callable[[], object]
"""Called repeatedly during long work, to cancel it: what it raises ends the work."""
_PART = 1000
"""Items between two calls: some milliseconds."""


def interruptible(items: Iterable[K], poll: Poll | None) -> Iterable[K]:
    """The items as they are; `poll`, where there is one, is called before every 1,000 of them."""
    return items if poll is None else _watched(items, poll)


def _watched(items: Iterable[K], poll: Poll) -> Iterator[K]:
    for number, item in enumerate(items):
        if number % _PART == 0:
            poll()
        yield item


def batches(mapping: Mapping[K, V]) -> Iterator[dict[K, V]]:
    """A mapping in batches of 1,000 items."""
    items = iter(mapping.items())
    while part := dict(islice(items, _PART)):
        yield part


def clear_stepwise(*mappings: MutableMapping[Any, Any], poll: Poll | None = None) -> None:
    """Clear mappings item by item.

    Clearing a large one at once would hold the interpreter lock until all of its items are freed.

    Args:
        poll: see `interruptible`.
    """
    for mapping in mappings:
        for _ in interruptible(range(len(mapping)), poll):
            mapping.popitem()


@contextmanager
def emptied(mapping: MutableMapping[Any, Any]) -> Iterator[None]:
    """Clear a mapping step by step at the end of the block, also where it raises."""
    try:
        yield
    finally:
        clear_stepwise(mapping)


@contextmanager
def no_collection() -> Iterator[None]:
    """Put Python's search for cycles off: among hundreds of thousands of cells it would stop all threads."""
    gc.disable()
    try:
        yield
    finally:
        # What was made meanwhile counts as old: else the next search, at once, would look through all of it.
        gc.freeze()
        gc.unfreeze()
        gc.enable()
