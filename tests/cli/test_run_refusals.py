"""What a refused run does not do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

_SCRIPT = """
import sys
from vsreid_studio.app import main
code = main(sys.argv[1:])
print(code, "torch" in sys.modules)
"""


def refused(*arguments: str) -> tuple[str, str]:
    """The last line of the output, and what was complained of."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, "run", *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("what", ["video", "masks", "size", "weights", "points"])
def test_unfit_input_is_refused_before_torch_is_loaded(tmp_path: Path, what: str) -> None:
    clip, mask = tmp_path / "clip", tmp_path / "first.png"
    clip.mkdir()
    for frame in range(2):
        cv2.imwrite(str(clip / f"{frame:05d}.png"), np.full((24, 32, 3), 90, np.uint8))
    labels = np.zeros((24, 32), np.uint8)
    labels[5:9, 5:9] = 1
    cv2.imwrite(str(mask), labels)
    more: list[str] = []
    if what == "video":
        clip = tmp_path / "nothing"
    elif what == "masks":
        mask.write_bytes(b"no picture")
    elif what == "size":
        cv2.imwrite(str(mask), labels[1:])
    elif what == "weights":
        more = ["--weights", str(tmp_path / "none.safetensors")]
    else:
        (tmp_path / "p.json").write_text("{", encoding="utf-8")
        more = ["--points", str(tmp_path / "p.json")]
    output, complaint = refused(str(clip), "--masks", str(mask), "--output", str(tmp_path / "out"), *more)
    assert output == "2 False", complaint
    assert complaint.strip()
    assert not (tmp_path / "out").exists()
