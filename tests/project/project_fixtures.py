from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsreid_studio.engine.types import Box, Cell, SoftMask
from vsreid_studio.project import Project, VideoRef


@pytest.fixture
def video(tmp_path: Path) -> VideoRef:
    path = tmp_path / "videos" / "street.mp4"
    path.parent.mkdir()
    path.touch()
    return VideoRef(path, "print", length=200, height=480, width=854)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "street.vsreid"


@pytest.fixture
def project(path: Path, video: VideoRef) -> Iterator[Project]:
    with Project.create(path, video) as project:
        yield project


@pytest.fixture
def make_cell() -> Callable[..., Cell]:
    rng = np.random.default_rng(7)

    def make(origin: int = 0, height: int = 30, width: int = 20, **fields: Any) -> Cell:
        values = rng.integers(1, 256, (height, width), np.uint8)
        return Cell(SoftMask(Box(5, 6, 5 + width, 6 + height), values), origin, **fields)

    return make
