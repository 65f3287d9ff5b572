"""A run that is killed in its midst, and what the same command makes of the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stand_ins import Clip

import vsreid_studio
from vsreid_studio.app import main
from vsreid_studio.engine.nets.propagation import lite
from vsreid_studio.formats.masks import read_label_map
from vsreid_studio.project import Project

ROOT = Path(vsreid_studio.__file__).parents[1]
PATIENCE = 120


@pytest.fixture
def weights(tmp_path: Path, one_thread: None) -> Path:
    """A network at random whose output is spread out until it has opinions: a mask that wanders."""
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(1)
        network = lite().eval()
        for stream, side in ((network.rgb, 256), (network.flow, 128)):
            maps = torch.zeros(1, 2, side, side)
            maps[:, 0, 60:200, 60:200] = 1
            stream.decoder.head.bias.zero_()
            found = stream.segment(stream.encode(torch.rand(1, 3, side, side)), maps).logits
            stream.decoder.head.weight.div_(found.std())
            stream.decoder.head.bias.sub_(found.mean() / found.std())
        state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "random.safetensors")
    return tmp_path / "random.safetensors"


def test_kill_and_go_on(clip: Clip, weights: Path, tmp_path: Path) -> None:
    options = ["run", str(clip.source), "--masks", str(clip.masks), "--no-reid", "--weights", str(weights)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "main.py", *options, "--output", str(killed)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        wait_for_growth(killed / "clip.vsreid-wal", process)
        process.kill()
    assert process.returncode < 0
    assert not (killed / "clip").exists()
    with Project.open(killed / "clip.vsreid") as project:
        assert 2 < len(project.annotation) < 20
    for folder in (killed, whole):
        assert main([*options, "--output", str(folder)]) == 0
    masks = [read_label_map(file) for file in sorted((whole / "clip").glob("*.png"))]
    assert len(masks) == 10
    # Else any two runs would agree.
    assert len({labels.tobytes() for labels in masks if np.ptp(labels)}) > 5
    for file in (whole / "clip").iterdir():
        assert (killed / "clip" / file.name).read_bytes() == file.read_bytes()
    assert [path.name for path in killed.iterdir()] == ["clip"]


def wait_for_growth(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the project's log has grown twice after it began: some frames are done, others are not."""
    sizes: set[int] = set()
    end = time.monotonic() + PATIENCE
    while len(sizes) < 7:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end
        if log.is_file():
            sizes.add(log.stat().st_size)
        time.sleep(0.005)
