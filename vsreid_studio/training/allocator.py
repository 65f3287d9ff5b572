"""Memory that tensors free is kept for the next ones."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_PAD = 2**28


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed instead of handing it back to the system at once.

    A step allocates and frees the same gigabytes again and again, and the system fills each page with
    zeros before it gives it out: a third of the time of a step on two cores.

    Returns:
        Whether that is possible here: it is with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return False
    most = 2**31 - 1
    settings = ((_MMAP_THRESHOLD, most), (_TRIM_THRESHOLD, most), (_TOP_PAD, _PAD))
    return all(tune(name, value) for name, value in settings)
