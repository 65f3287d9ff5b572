"""Work on hundreds of thousands of cells that can be stopped, and that lets other threads have their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from itertools import islice
from typing import Any, TypeAlias, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Between: TypeAlias = Callable[[], object]
"""Called now and then while work is under way; what it raises ends the work."""
_PART = 1000
"""Cells between two calls: some milliseconds."""


def now_and_then(items: Iterable[K], between: Between | None) -> Iterable[K]:
    """The items as they are, with a call of `between`, if there is one, every 1,000 of them."""
    return items if between is None else _watched(items, between)


def _watched(items: Iterable[K], between: Between) -> Iterator[K]:
    for number, item in enumerate(items):
        if number % _PART == 0:
            between()
        yield item


def parts(mapping: Mapping[K, V]) -> Iterator[dict[K, V]]:
    """A mapping in parts of 1,000 items."""
    items = iter(mapping.items())
    while part := dict(islice(items, _PART)):
        yield part


def let_go(*mappings: MutableMapping[Any, Any]) -> None:
    """Empty mappings item by item.

    Python would free all items of a large one in one go, and every other thread would stand still meanwhile.
    """
    for mapping in mappings:
        while mapping:
            mapping.popitem()
