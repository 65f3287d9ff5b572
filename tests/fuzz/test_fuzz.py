"""Some 900 damaged inputs, the same in every run; `python -m tests.fuzz` reads others for as long as told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .apart import VideosApart
from .engine import attempt, mutated, unharmed
from .targets import Target, targets
from .videos import CONTAINERS

INPUTS = 20
"""Of each target, beside its weight."""
SEED = 0


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    apart = VideosApart()
    yield {target.name: target for target in targets(tmp_path_factory.mktemp("fuzz"), apart)}
    apart.close()


NAMES = [
    *("mask picture", "given mask", "tiff mask", "coco", "youtube-vis", "labelme", "cvat", "yolo", "mots"),
    *("points", "settings", "set", "meta.json", "record", "gaps", "published", "candidates", "frame"),
    *("flow", "project", *CONTAINERS),
]


def test_every_target_is_tested(listed: dict[str, Target]) -> None:
    assert sorted(listed) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_answered(listed: dict[str, Target], name: str, tmp_path: Path) -> None:
    target = listed[name]
    assert not unharmed(target, tmp_path)
    for number in range(round(INPUTS * target.weight)):
        fault = attempt(target, tmp_path, mutated(target, SEED, number), number)
        assert fault is None, f"input {number} of {name}: {fault.what}\n{fault.data[:400]!r}"


def reading(code: str) -> Target:
    apart = VideosApart([sys.executable, "-c", f"import faulthandler, signal\n{code}"], wait=2.0)
    return Target("video", "v.mp4", [b"x"], lambda at: apart.read(at / "v.mp4"))


def test_a_reader_that_hangs_is_told(tmp_path: Path) -> None:
    register = "faulthandler.register(signal.SIGPROF, chain=True)"
    fault = attempt(reading(f"{register}\ndef waiting():\n  signal.pause()\nwaiting()"), tmp_path, b"x", 7)
    assert fault is not None
    assert fault.number == 7
    assert "no answer" in fault.what
    assert "in waiting" in fault.what


def test_a_reader_that_dies_is_told(tmp_path: Path) -> None:
    fault = attempt(reading("import os; os.kill(os.getpid(), 11)"), tmp_path, b"x", 7)
    assert fault is not None
    assert "the process ended with -11" in fault.what
