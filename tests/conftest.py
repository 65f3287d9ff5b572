"""What tests of many folders use: a clip that runs in a blink, and stand-ins for the networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_ins import Calls, Clip, make_clip, stand_ins
from tiny_davis import make_davis


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return make_clip(tmp_path / "clip", tmp_path / "first.png")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Puts the stand-ins in the networks' place."""
    return stand_ins(monkeypatch)


@pytest.fixture
def tiny_davis(tmp_path: Path) -> Path:
    """A data set of two tiny sequences, see `make_davis`."""
    return make_davis(tmp_path)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes in one thread, from the same seed: small networks are faster so, and results repeat."""
    import torch  # noqa: PLC0415  (seconds, which most tests do without)

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
