"""Reads damaged inputs, and tells of each that is answered by something else than a value or a UserError."""

from __future__ import annotations

import resource
import signal
import time
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from vsreid_studio.errors import UserError

from .targets import Target

SECONDS = 10.0
"""No input of a few kilobytes may take more time of the processor."""
MEGABYTES = 300
"""Nor need more memory than there was before."""


@dataclass(frozen=True)
class Fault:
    """An input that was not answered as it should be.

    Attributes:
        target: what read it.
        number: names the input, with the seed.
        data: the input.
        what: the exception's text and place, or how long it took.
    """

    target: str
    number: int
    data: bytes
    what: str


class TooSlowError(BaseException):
    """Time is up; not an Exception, so that no reader takes it for damage."""


def mutated(target: Target, seed: int, number: int) -> bytes:
    """The input of a number."""
    random = np.random.default_rng([seed, zlib.crc32(target.name.encode()), number])
    data = target.seeds[int(random.integers(len(target.seeds)))]
    for _ in range(int(random.choice([1, 1, 1, 2, 4]))):
        data = target.mutators[int(random.integers(len(target.mutators)))](random, data, target.seeds)
    return data


def attempt(target: Target, folder: Path, data: bytes, number: int) -> Fault | None:
    """Read an input.

    Args:
        folder: for its file, and for what the reader needs beside it.
    """
    file = folder / target.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    before = _peak()
    try:
        with _time_limit(SECONDS):
            target.read(folder)
    except UserError as error:
        sentence = str(error)
        if len(sentence) > 2000 or not sentence.isprintable():
            return Fault(target.name, number, data, f"a sentence that is none: {sentence[:200]!r}")
    except TooSlowError:
        return Fault(target.name, number, data, f"no answer in {SECONDS} s")
    except Exception:
        return Fault(target.name, number, data, traceback.format_exc(limit=-4))
    if _peak() - before > MEGABYTES:
        return Fault(target.name, number, data, f"{_peak() - before:.0f} MB of memory")
    return None


def unharmed(target: Target, folder: Path) -> list[Fault]:
    """Seeds that are refused: damage would begin with nothing."""
    faults = []
    for number, data in enumerate(target.seeds):
        (folder / target.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / target.file).write_bytes(data)
        try:
            target.read(folder)
        except Exception:
            faults.append(Fault(target.name, number, data, traceback.format_exc(limit=-4)))
    return faults


def sweep(targets: list[Target], folder: Path, seed: int, seconds: float) -> Iterator[Fault | None]:
    """Read one input of each target after the other until time is up; None for those answered well."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for target in targets:
            yield attempt(target, folder / target.name, mutated(target, seed, number), number)
        number += 1


def _peak() -> float:
    """Most megabytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
