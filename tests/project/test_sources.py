from __future__ import annotations

from pathlib import Path

import numpy as np

from vsreid_studio.engine.types import Box, CellKey, Click, SoftMask
from vsreid_studio.formats.points import Clicked, Prompt, checksum
from vsreid_studio.project.notes import Settings
from vsreid_studio.project.sources import note_points, points_of, setting_of

KEY = CellKey(12, 3)


class Kept(dict[str, object]):
    """Settings without a file."""

    def set(self, key: str, value: object) -> None:
        self[key] = value


def settings() -> Settings:
    return Kept()  # type: ignore[return-value]


def clicked(side: int, box: Box | None = None) -> tuple[SoftMask, Clicked]:
    mask = SoftMask.from_dense(np.ones((side, side), np.bool_))
    return mask, Clicked(Prompt(KEY, (Click(1.0, 2.0, True),), box), False, "ab12", checksum(mask))


def test_each_mask_finds_its_own_points() -> None:
    kept = settings()
    small, first = clicked(3)
    large, second = clicked(5, Box(0, 0, 5, 5))
    note_points(kept, first)
    note_points(kept, second)
    note_points(kept, second)
    assert points_of(kept) == {KEY: (first, second)}
    assert first.made(small) and second.made(large) and not first.made(large)
    shifted = SoftMask(small.box.shifted(1, 0), small.values)
    assert not first.made(shifted)


def test_few_masks_of_a_cell_are_remembered() -> None:
    kept = settings()
    for side in range(1, 40):
        note_points(kept, clicked(side)[1])
    found = points_of(kept)[KEY]
    assert len(found) == 20 and found[-1] == clicked(39)[1]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    kept = settings()
    note_points(kept, clicked(3)[1])
    kept.set(setting_of(CellKey(1, 1)), [{"mask": "x", "points": [[1, 2]], "box": None}])
    kept.set("points/a/b", [])
    kept.set("points/1/2", 7)
    kept.set("frame", 4)
    assert list(points_of(kept)) == [KEY]
