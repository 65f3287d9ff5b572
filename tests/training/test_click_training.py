"""Training of the click network on a tiny data set: samples, sessions, and weights that load."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vsreid_studio.engine.nets.clicks import ClickNet, ClickPrediction
from vsreid_studio.engine.nets.stream import MemoryEntry
from vsreid_studio.engine.runtime.click_networks import load_network
from vsreid_studio.engine.runtime.clicker import Clicker
from vsreid_studio.engine.types import Click, SoftMask
from vsreid_studio.training import clicks
from vsreid_studio.training.click_samples import Sample, SampleMaker, read_own
from vsreid_studio.training.clicks import SessionLoss
from vsreid_studio.training.clips import Clip, Still


def picture(rng: np.random.Generator, x: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:96, 0:128]
    disk = (rows - 48) ** 2 + (columns - x) ** 2 < 22**2
    frame = rng.integers(0, 120, (96, 128, 3), dtype=np.uint8)
    frame[disk] = (230, 200, 40)
    return frame, disk


@pytest.fixture(scope="module")
def maker() -> SampleMaker:
    rng = np.random.default_rng(0)
    stills = [
        Still(frame, disk.astype(np.uint8), (1,)) for frame, disk in (picture(rng, x) for x in (50, 70))
    ]
    moving = [picture(rng, 40 + 3 * number) for number in range(5)]
    flow = np.zeros((4, 48, 64, 2), np.float16)
    frames, disks = (np.stack(part) for part in zip(*moving, strict=True))
    return SampleMaker(stills, [Clip("one", frames, disks.astype(np.uint8), flow, flow)], {})


def test_samples_follow_from_their_generator(maker: SampleMaker) -> None:
    kinds = set()
    for seed in range(40):
        one, other = (maker.sample(np.random.default_rng(seed), seed % 2 == 0) for _ in range(2))
        assert np.array_equal(one.frame, other.frame) and one.clicks == other.clicks
        assert one.truth.shape == one.frame.shape[:2]
        for click in one.clicks:
            assert 0 <= click.x < one.truth.shape[1] and 0 <= click.y < one.truth.shape[0]
        kinds.add((one.present is None, bool(one.clicks), one.box is None))
    assert {(True, False, True), (True, False, False), (False, False, True), (False, True, True)} <= kinds


def test_every_part_learns_from_a_session(maker: SampleMaker) -> None:
    torch.manual_seed(0)
    model = clicks.initial(None)
    clicks.parameter_groups(model, "late")
    samples = [maker.sample(np.random.default_rng(seed), False) for seed in range(20)]
    batch = [next(one for one in samples if one.trusted), next(one for one in samples if one.others)]
    loss, told = SessionLoss(64, 3, 0, 0)(model, batch)
    loss.backward()
    assert torch.isfinite(loss) and set(told) == {"J", "J_last"}
    lacking = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not lacking
    assert not any(p.grad is not None for p in model.stream.trunk.net.stem.parameters())


def test_sessions_begin_with_the_whole_frame(maker: SampleMaker) -> None:
    seen: list[torch.Tensor] = []

    class Spy(ClickNet):
        def forward(
            self,
            patch: torch.Tensor,
            maps: torch.Tensor,
            memories: Sequence[Sequence[MemoryEntry]] | None = None,
        ) -> ClickPrediction:
            seen.append(maps)
            return super().forward(patch, maps, memories)

    frame, disk = picture(np.random.default_rng(0), 60)
    SessionLoss(64, 3, 0, 0)(Spy(), [Sample(frame, disk, None, (), None)])
    first, second, third = seen
    assert not first[:, 0].any() and first[:, 1].any()
    # The close-up is of the same click, whose disk now covers less of the frame.
    assert second[:, 1].any()
    assert third[:, 1:3].sum() > 0


def test_own_masks_are_found_by_sequence_and_frame(maker: SampleMaker, tmp_path: Path) -> None:
    folder = tmp_path / "drifted" / "one"
    folder.mkdir(parents=True)
    Image.fromarray(np.ones((96, 128), np.uint8)).save(folder / "00003.png")
    assert read_own(tmp_path, maker.clips) == {"one": {3: [folder / "00003.png"]}}


def test_command_writes_weights_that_a_clicker_loads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    davis = tmp_path / "davis2016"
    (davis / "ImageSets" / "2016").mkdir(parents=True)
    (davis / "ImageSets" / "2016" / "train.txt").write_text("one\n")
    places = [davis / "JPEGImages/480p/one", davis / "Annotations/480p/one"]
    for place in [*places, *(tmp_path / "stills/ecssd" / part for part in ("images", "masks"))]:
        place.mkdir(parents=True)
    for number in range(3):
        frame, disk = picture(rng, 50 + number)
        Image.fromarray(frame).save(places[0] / f"{number:05d}.jpg")
        Image.fromarray(disk.astype(np.uint8)).save(places[1] / f"{number:05d}.png")
    Image.fromarray(frame).save(tmp_path / "stills/ecssd/images/a.jpg")
    Image.fromarray(disk.astype(np.uint8)).save(tmp_path / "stills/ecssd/masks/a.png")
    parser = ArgumentParser()
    clicks.add_arguments(parser)
    options = ["--data", str(tmp_path), "--output", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    options += ["--steps", "2", "--batch", "1", "--looks", "2", "--patch", "64", "--trunk", "none"]
    weights = clicks.train(parser.parse_args(options))
    clicker = Clicker(load_network("cpu", weights), size=64)
    found = clicker.segment(frame, [Click(52, 48, True)])
    assert isinstance(found.mask, SoftMask) and 0 <= found.confidence <= 1
