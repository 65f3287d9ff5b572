"""A store of arrays that forgets the least recently used ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)
S = TypeVar("S", bound=np.generic)


class ArrayCache(Generic[K, S]):
    """Arrays by key, bounded by their bytes; any thread may ask.

    Attributes:
        limit: bytes that may be held. The newest array is kept even when it alone is larger.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._arrays: OrderedDict[K, NDArray[S]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._arrays)

    def __contains__(self, key: K) -> bool:
        return key in self._arrays

    @property
    def bytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def get(self, key: K) -> NDArray[S] | None:
        """The array, which counts as used now, or None."""
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
            return array

    def put(self, key: K, array: NDArray[S]) -> None:
        """Keep an array, at the cost of those not used for longest."""
        with self._lock:
            old = self._arrays.pop(key, None)
            self._bytes += array.nbytes - (old.nbytes if old is not None else 0)
            self._arrays[key] = array
            while self._bytes > self.limit and len(self._arrays) > 1:
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._arrays.clear()
            self._bytes = 0
