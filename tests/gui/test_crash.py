"""A session that is killed loses nothing that it reported as done."""

from pathlib import Path

from crash import kills


def test_killed_sessions_keep_every_finished_change(tmp_path: Path) -> None:
    story = kills(5, tmp_path, seed=4, seconds=0.8)
    assert sum(one.changes for one in story) > 20
    assert story[-1].cells
