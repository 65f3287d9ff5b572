"""The shipped weights on real clips: what a change to the engine or a new file of weights must not lose."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from data_set import DAVIS

from vsreid_studio.benchmark.clips import read_sequence
from vsreid_studio.benchmark.hidden import GapPlan, hide
from vsreid_studio.config import Config
from vsreid_studio.engine.runtime.engine import VideoEngine
from vsreid_studio.engine.runtime.reid import MemoryStore
from vsreid_studio.engine.runtime.run import answer_all
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, Frame, LabelMap, SoftMask
from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.evaluation import boundary_f, jaccard

pytestmark = pytest.mark.skipif(not DAVIS.is_dir(), reason="the DAVIS clips are not here")


@pytest.fixture(scope="module")
def engine() -> VideoEngine:
    return VideoEngine(Config())


class _Clip(Video):
    """Frames in memory."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        super().__init__(Path("clip"), "clip", 0)
        self._frames = frames
        self.length, (self.height, self.width) = len(frames), frames[0].shape[:2]

    def _read(self, index: int) -> Frame:
        return self._frames[index].copy()


def _run(engine: VideoEngine, video: Video, first: LabelMap, length: int, reid: bool) -> Annotation:
    annotation = Annotation(length)
    given: dict[CellKey, Cell | None] = {
        CellKey(0, int(k)): Cell(SoftMask.from_dense(first == k), 0, True)
        for k in np.unique(first[first > 0])
    }
    annotation.apply(annotation.set_cells("import", given))
    module = engine.reid(video, MemoryStore()) if reid else None
    answer_all(engine.modules(video).run(annotation, module, grow=False))
    return annotation


@pytest.mark.parametrize(("name", "least"), [("blackswan", 0.88), ("car-shadow", 0.9), ("parkour", 0.8)])
def test_propagation_holds_on(engine: VideoEngine, name: str, least: float) -> None:
    _, masks = read_sequence(DAVIS, name)
    with open_video(DAVIS / "JPEGImages" / "480p" / name) as video:
        annotation = _run(engine, video, masks[0].astype(np.uint8), 16, reid=False)
        found = [annotation.mask(n, 1).hard(video.height, video.width) for n in range(1, 16)]
    truth = masks[1:16]
    assert np.mean([jaccard(t, p) for t, p in zip(truth, found, strict=True)]) > least
    assert np.mean([boundary_f(t, p) for t, p in zip(truth, found, strict=True)]) > least - 0.05


def test_hidden_object_is_found_again(engine: VideoEngine) -> None:
    frames, masks = read_sequence(DAVIS, "blackswan")
    clip = hide(frames[:46], masks[:46], 12, plan=GapPlan(20, seed=3))
    (gap,) = clip.gaps()
    video = _Clip(clip.frames)
    after = range(gap.last + 1, len(clip.frames) - 1)

    def score(reid: bool) -> float:
        annotation = _run(engine, video, clip.labels[0], len(clip.frames), reid)
        maps = (annotation.mask(n, 1).hard(video.height, video.width) for n in after)
        return float(np.mean([jaccard(clip.labels[n] == 1, p) for n, p in zip(after, maps, strict=True)]))

    assert score(reid=True) > score(reid=False) + 0.25
