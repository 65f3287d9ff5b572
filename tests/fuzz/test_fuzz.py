"""Some 900 damaged inputs, the same in every run; `python -m tests.fuzz` reads others for as long as told."""

from __future__ import annotations

from pathlib import Path

import pytest

from .engine import attempt, mutated, unharmed
from .targets import Target, targets
from .videos import CONTAINERS

INPUTS = 20
"""Of each target, beside its weight."""
SEED = 0


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return {target.name: target for target in targets(tmp_path_factory.mktemp("fuzz"))}


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
