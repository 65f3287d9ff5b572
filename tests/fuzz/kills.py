"""Runs that are killed at any moment and gone on with: they must come out as one that was left alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH, LENGTH = 48, 80, 6
ROOT = Path(__file__).parents[2]
_TRIES = 20
"""A run gets further each time, so that it ends before."""


class KilledRuns:
    """Kills runs on a tiny clip."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Make the clip, and run once undisturbed.

        Args:
            folder: an empty one.

        Raises:
            RuntimeError: even the undisturbed run fails.
        """
        self._folder = folder
        self._random = np.random.default_rng(seed)
        self._masks = folder / "first.png"
        self._clip = folder / "clip"
        _make_clip(self._clip, self._masks)
        started = time.monotonic()
        whole = folder / "whole"
        if (code := self._run(whole, None)) != 0:
            raise RuntimeError(f"the undisturbed run ended with {code}")
        self._seconds = time.monotonic() - started
        self._expected = _content(whole)

    def faults(self, count: int) -> Iterator[str | None]:
        """Kill until so many runs were killed; None for each that came out right in the end."""
        killed = number = 0
        while killed < count:
            output = self._folder / f"killed-{number}"
            number += 1
            for attempt in range(_TRIES):
                wait = None if attempt == _TRIES - 1 else float(self._random.uniform(0, 1.1 * self._seconds))
                code = self._run(output, wait)
                if code == 0:
                    break
                killed += 1
                if code != -9:
                    yield f"{output}: the run ended with {code} instead of going on"
                    break
            yield self._difference(output)

    def _difference(self, output: Path) -> str | None:
        found = _content(output)
        if found != self._expected:
            names = sorted(found.keys() ^ self._expected.keys()) or "the same files with other content"
            return f"{output} differs from an undisturbed run: {names}"
        return None

    def _run(self, output: Path, seconds: float | None) -> int:
        """Run, killed after some seconds; the exit code."""
        options = ["run", self._clip, "--masks", self._masks, "--no-reid", "--output", output]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        quiet = subprocess.DEVNULL
        command = [sys.executable, "-m", "vsreid_studio", *map(str, options)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as process:
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()


def _make_clip(clip: Path, masks: Path) -> None:
    clip.mkdir(parents=True)
    for index in range(LENGTH):
        frame = np.random.default_rng(index).integers(90, 110, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        place = (14 + 5 * index, 20)
        cv2.circle(frame, place, 9, (230, 20, 20), -1)
        Image.fromarray(frame).save(clip / f"{index:05d}.png")
        if not index:
            labels = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), place, 9, 1, -1)
            Image.fromarray(labels).save(masks)


def _content(folder: Path) -> dict[str, str]:
    """A checksum of every file, hidden ones, too: a killed run leaves none behind."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(it.relative_to(folder)): hashlib.sha256(it.read_bytes()).hexdigest() for it in files}
