"""From the command to the network a reader of a traceback has few calls to go through."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from stand_ins import Clip

from vsreid_studio.app import main
from vsreid_studio.cli import run as command
from vsreid_studio.engine.nets.inference import Patches
from vsreid_studio.engine.nets.propagation import PropagationOutput
from vsreid_studio.engine.runtime import models

MOST = 12


class Shallow:
    """N_mp that finds its guiding map, and looks at how deep it is called."""

    together = True
    network = SimpleNamespace(rgb=SimpleNamespace(log_sharpness=torch.zeros(1)))

    def __init__(self) -> None:
        self.stacks: list[list[str]] = []

    def run(self, patches: Patches) -> PropagationOutput:
        frame, names = sys._getframe(), []
        while frame is not None and frame.f_code is not command.run.__code__:
            names.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}")
            frame = frame.f_back  # type: ignore[assignment]
        assert frame is not None, "not called from the command's thread"
        self.stacks.append(names)
        count = len(patches.rgb)
        return PropagationOutput(
            patches.maps[:, :1] * 20 - 10, torch.full((count,), 2.0), torch.zeros(count, 1, 1, 1)
        )


def test_the_network_is_near_the_command(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Shallow()
    monkeypatch.setattr(models, "load_inference", lambda *_, **__: network)
    options = ["--no-reid", "--preset", "paper", "--output", str(tmp_path / "out")]
    assert main(["run", str(clip.source), "--masks", str(clip.masks), *options]) == 0
    assert network.stacks
    deepest = max(network.stacks, key=len)
    assert len(deepest) <= MOST, "\n".join(reversed(deepest))
