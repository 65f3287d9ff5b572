"""A few rounds of the soak; `python -m tests.fuzz --soak 60` goes on for as long as told."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from stand_ins import Calls, Clip

from vsreid_studio.config import Config
from vsreid_studio.engine.runtime.engine import VideoEngine

from .soak import WARM_UP, Rounds, Usage, growth, soak

ROUNDS = 10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_nothing_grows_from_round_to_round(clip: Clip, calls: Calls, tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, clip.source, clip.masks, VideoEngine(Config()))
    usages = soak(rounds, lambda number: number < WARM_UP + ROUNDS)
    assert growth(usages) == []
    assert calls.propagated


def test_growth_is_told_with_figures(tmp_path: Path) -> None:
    held: list[object] = []
    stop = threading.Event()

    def leak(number: int) -> None:
        held.append((tmp_path / "file").open("w"))
        held.append(bytearray(b"x") * (8 * 2**20))
        threading.Thread(target=stop.wait, daemon=True).start()

    try:
        faults = growth(soak(leak, lambda number: number < WARM_UP + 9))
    finally:
        stop.set()
        for file in held[::2]:
            file.close()  # type: ignore[attr-defined]
    assert [fault.split(" grew from")[0] for fault in faults] == ["MB of memory", "open files", "threads"]
    assert faults[1].endswith("in 9 rounds")


def test_what_comes_to_rest_after_the_warm_up_has_not_grown() -> None:
    warm = [Usage(100 * number, 10 * number, number) for number in range(WARM_UP)]
    assert growth([*warm, *[Usage(500, 40, 9), Usage(510, 41, 8)] * 5]) == []
