"""The story on a real screen, in so far as there can be one."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import Desk, missing
from small_clip import HIDDEN
from story import Scene, Story


@pytest.mark.skipif(bool(missing()), reason=f"needs {', '.join(missing())}")
def test_the_story_is_told_with_real_mouse_and_keys(pictures: Path, tmp_path: Path) -> None:
    """Red hides behind the wall; it and green are painted."""
    scene = Scene(pictures, [(6, 16), (12, 16), (18, 16)], [(60, 36), (66, 36), (70, 36)], absent=HIDDEN[0])
    with Desk(tmp_path / "home", options=("--fake",)) as desk:
        story = Story(desk, scene, tmp_path, answers="rdsca", pictures=False)
        story.tell()
    assert story.answered == list("rdsc")
    assert list((tmp_path / "export").rglob("00011.png"))
