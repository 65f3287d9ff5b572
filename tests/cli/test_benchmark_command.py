import re
from pathlib import Path
from typing import Any

import pytest

from vsreid_studio import app


def test_every_part_is_timed(
    clip: Any, calls: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--source", str(clip.source), "--masks", str(clip.masks), "--frames", "4"]
    assert app.main(["benchmark", *given]) == 0
    printed = capsys.readouterr().out
    for part in ("decoding", "flow", "propagation", "merge", "detection", "embedding", "all"):
        assert re.search(rf"\| {part} \| [\d.]+ \| \d+% \| x [\d.]+ \|", printed)
    # Four counted after three that warm up, and both instances together.
    assert "2 instance(s), 4 frames" in printed
    # Along the clip for the pace, then again part by part.
    assert calls.propagated == list(range(1, 8)) * 2


def test_video_without_masks_is_refused(clip: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["benchmark", "--source", str(clip.source)]) == 2
    assert "--masks" in capsys.readouterr().err


def test_a_seed_below_zero_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--output", str(tmp_path / "o"), "--seed", "-1"]
    clips = ["make-clips", "hidden", "--davis", str(tmp_path), "--set", "val"]
    for command in (clips, ["train", "detector", "--data", str(tmp_path)]):
        assert app.main([*command, *output]) == 2
        assert capsys.readouterr().err == "--seed is a number from 0 on.\n"
