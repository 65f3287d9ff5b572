"""A process that dies by force loses nothing that it reported as done."""

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import vsreid_studio
from vsreid_studio.engine.types import CellKey
from vsreid_studio.errors import UserError
from vsreid_studio.project import Project, VideoRef

WRITER = """
import sys
from pathlib import Path
import numpy as np
from vsreid_studio.engine.events import Decision, Verdict
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.project import Project

project = Project.open(Path(sys.argv[1]))
annotation = project.annotation
start = len(annotation) // 2
for number in range(start, annotation.length):
    value = number % 255 + 1
    values = np.full((50, 60), value, np.uint8)
    values[::2] = np.random.default_rng(number).integers(1, 256, (25, 60))
    mask = SoftMask(Box(0, 0, 60, 50), values)
    change = annotation.set_cells(f"step {number}", {CellKey(number, k): Cell(mask, number) for k in (1, 2)})
    decision = Decision(Verdict.ACCEPTED, mask.box, 0.5, Maker.PERSON)
    project.apply(annotation.decide(change, {CellKey(number, 1): decision}))
    print(number, flush=True)
"""


def run_and_kill(path: Path, changes: int, delay: float) -> int:
    """Let a writer report `changes` changes, kill it some time later and return the last one it reported."""
    root = str(Path(vsreid_studio.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        last = -1
        for _ in range(changes):
            last = int(writer.stdout.readline())
        with pytest.raises(UserError, match="open in another window"):
            Project.open(path)
        try:
            writer.wait(delay)
        except subprocess.TimeoutExpired:
            writer.kill()
        rest = writer.stdout.read().split("\n")[:-1]  # a line cut off was not reported
    return int(rest[-1]) if rest else last


def test_kill_in_mid_run_loses_nothing(path: Path, video: VideoRef) -> None:
    Project.create(path, replace(video, length=100_000)).close()
    generator = random.Random(3)
    for _ in range(4):
        reported = run_and_kill(path, generator.randint(1, 8), generator.random() * 0.02)
        with Project.open(path) as project:
            numbers = sorted(project.annotation.row(1))
            assert numbers == sorted(project.annotation.row(2)) == list(range(len(numbers)))
            assert len(numbers) - 1 in (reported, reported + 1)
            for number in numbers:
                assert (project.annotation.mask(number, 2).values[1] == number % 255 + 1).all()
                assert CellKey(number, 1) in project.annotation.decisions
            assert project.undo_label == f"step {numbers[-1]}"
            project.undo()
            assert project.annotation.get(numbers[-1], 2) is None
            project.redo()
