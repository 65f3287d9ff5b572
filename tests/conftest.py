"""What tests of many folders use: a clip that runs in a blink, and stand-ins for the networks."""

from __future__ import annotations

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
