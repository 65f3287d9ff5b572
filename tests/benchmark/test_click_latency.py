"""What clicks wait for, with a network that answers at once and a run that never ends by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, get_ident

import numpy as np
import pytest
from PIL import Image

from vsreid_studio import app
from vsreid_studio.benchmark import clicks as clicks_module
from vsreid_studio.benchmark.clicks import CLICKS, Latency, Waits, enlarged, latency_table, measure_clicks
from vsreid_studio.engine.runtime.click_thread import ClickThread
from vsreid_studio.engine.types import NO_CONTEXT, Click, ClickContext, Prediction, SoftMask
from vsreid_studio.engine.video import open_video


class Asked:
    """Keeps what it is asked."""

    weights = ""

    def __init__(self) -> None:
        self.prepared = 0
        self.idle = Event()
        self.clicks: list[tuple[Click, ...]] = []

    def prepare(self, frame: np.ndarray, context: ClickContext = NO_CONTEXT) -> None:
        self.prepared += 1
        self.idle.set()

    def segment(self, frame: np.ndarray, clicks: Sequence[Click], *_: object) -> Prediction:
        self.clicks.append(tuple(clicks))
        return Prediction(SoftMask.empty(), 0.0)


class Patient(ClickThread):
    """Comes back from `prepare` when that is done, as a question would cancel what still waits."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(lambda: asked)  # type: ignore[arg-type,return-value]
        self._asked = asked

    def prepare(self, frame: np.ndarray, context: ClickContext = NO_CONTEXT) -> None:
        self._asked.idle.clear()
        super().prepare(frame, context)
        assert self._asked.idle.wait(30)


class Endless:
    """Instead of the modules of a run."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def run(self, annotation: object, reid: object, *, grow: bool) -> Iterator[int]:
        for step in range(annotation.length):  # type: ignore[attr-defined]
            self.threads.add(get_ident())
            yield step


def test_as_many_clicks_are_timed_during_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clicks_module, "_SHOWN", 0.0)
    monkeypatch.setattr(clicks_module, "_BETWEEN", 0.001)
    asked, modules = Asked(), Endless()
    thread = Patient(asked)
    thread.ready.result()
    mask = np.zeros((40, 60), bool)
    mask[10:20, 10:30] = True
    frames = [np.zeros((40, 60, 3), np.uint8) for _ in range(3)]
    try:
        found = measure_clicks(thread, frames, modules, {1: SoftMask.from_dense(mask)}, 9)  # type: ignore[arg-type]
    finally:
        thread.close()
    for waits in (found.rest, found.running):
        assert len(waits.first) == 3 and len(waits.later) == 3 * (CLICKS - 1)
        assert min(waits.first + waits.later) > 0
    assert found.steps > 0 and get_ident() not in modules.threads
    assert asked.prepared == 6
    for clicks in asked.clicks[1:]:
        for click in clicks:
            assert mask[int(click.y), int(click.x)] == click.adds


def test_the_table_has_a_line_for_each_kind_of_click() -> None:
    waits = Waits((0.1, 0.3), (0.02, 0.04))
    page = latency_table(Latency(1080, 1920, waits, waits, 7))
    assert "| ms, 1920 x 1080 | median | p95 | greatest |" in page
    assert "| further clicks, during a run | 30 | 39 | 40 |" in page
    assert "7 steps" in page


def test_frames_are_enlarged_for_a_while(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(np.full((30, 40, 3), 50 * number, np.uint8)).save(tmp_path / f"{number:05d}.png")
    with open_video(tmp_path) as small, enlarged(small, 90, 2) as folder:
        with open_video(folder) as video:
            assert (video.length, video.height, video.width) == (2, 90, 120)
        assert folder.exists()
    assert not folder.exists()


def test_one_thing_is_measured_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["benchmark", "--clicks", "--scale"]) == 2
    assert "--scale or --clicks" in capsys.readouterr().err
