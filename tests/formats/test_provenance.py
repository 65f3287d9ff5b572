from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vsreid_studio.config import Config
from vsreid_studio.engine.events import Decision, Verdict
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, CellKey, Click, Maker, SoftMask
from vsreid_studio.formats.points import Clicked, Prompt, checksum
from vsreid_studio.formats.provenance import provenance, write_provenance
from vsreid_studio.reading import read_json


def mask() -> SoftMask:
    return SoftMask.from_dense(np.ones((2, 3), np.bool_))


def test_every_cell_and_decision_is_told(tmp_path: Path) -> None:
    cells = {
        CellKey(4, 2): Cell(mask(), 4, False, Maker.RECOVERY, 0.5, float(np.float32(0.8))),
        CellKey(0, 2): Cell(mask(), 0, True, Maker.PERSON),
        CellKey(1, 2): Cell(SoftMask.empty(), 0, confidence=float("nan")),
        CellKey(0, 1): Cell(mask(), 0, True, Maker.IMPORT),
        CellKey(2, 1): Cell(mask(), 0, second=5),
        CellKey(3, 1): Cell(mask(), 3, False, Maker.IMPORT),
    }
    decisions = {
        CellKey(3, 2): Decision(Verdict.REASSIGNED, Box(1, 2, 3, 4), 0.75, Maker.PERSON, given_to=1),
    }
    settings = {"config": Config(), "video": Path("clip.mp4"), "rho": np.float32(0.5), "sizes": (1, 2)}
    record = provenance(Annotation(6, cells, decisions), {2: "dög"}, settings, {"lite.safetensors": "ab12"})
    write_provenance(tmp_path / "p.json", record)
    assert json.loads((tmp_path / "p.json").read_text(encoding="utf-8")) == record

    assert record["frames"] == 6
    assert record["weights"] == {"lite.safetensors": "ab12"}
    assert record["settings"]["config"]["reid"]["rho_reid"] == Config().reid.rho_reid
    assert record["settings"]["video"] == "clip.mp4"
    assert (record["settings"]["rho"], record["settings"]["sizes"]) == (0.5, [1, 2])
    assert [(each["instance"], each["name"]) for each in record["instances"]] == [
        (1, "instance 1"),
        (2, "dög"),
    ]
    first, second, third = record["instances"][1]["frames"]
    assert first == {
        "frame": 0,
        "origin": 0,
        "second": None,
        "smoothed": False,
        "made_by": "person",
        "pinned": True,
        "empty": False,
        "similarity": None,
        "confidence": 1.0,
    }
    assert record["instances"][0]["frames"][1]["second"] == 5
    # A pinned import is a person's word; of one that nobody has approved, nothing is known.
    assert [one["confidence"] for one in record["instances"][0]["frames"]] == [1.0, 1.0, None]
    assert (second["empty"], second["confidence"], second["made_by"]) == (True, None, "propagation")
    assert (third["frame"], third["origin"], third["made_by"], third["similarity"]) == (4, 4, "recovery", 0.8)
    assert record["decisions"] == [
        {
            "frame": 3,
            "instance": 2,
            "verdict": "reassigned",
            "box": [1, 2, 3, 4],
            "similarity": 0.75,
            "by": "person",
            "given_to": 1,
        }
    ]


def test_nothing_yet() -> None:
    record = provenance(Annotation(3), {}, {})
    assert (record["instances"], record["decisions"], record["weights"]) == ([], [], {})


def test_points_are_told_of_the_mask_that_they_made() -> None:
    made = mask()
    key, other = CellKey(0, 1), CellKey(1, 1)
    clicks = (Click(4.0, 2.0, True), Click(1.0, 3.0, False))
    clicked = Clicked(Prompt(key, clicks, Box(0, 1, 5, 6)), True, "ab12", checksum(made))
    cells = {key: Cell(made, 0, True, Maker.PERSON), other: Cell(SoftMask.empty(), 1, True, Maker.PERSON)}
    points = {key: (clicked,), other: (clicked,)}
    first, second = provenance(Annotation(2, cells), {}, {}, points=points)["instances"][0]["frames"]
    assert first["clicked"] == {
        "points": [[4.0, 2.0, 1], [1.0, 3.0, 0]],
        "box": [0, 1, 5, 6],
        "corrects": True,
        "weights": "ab12",
    }
    assert "clicked" not in second, "another mask than the one that was clicked"


def test_a_name_that_is_not_utf8_can_be_read_again(tmp_path: Path) -> None:
    write_provenance(tmp_path / "p.json", {"video": {"name": "lat\udce9n"}})
    assert read_json(tmp_path / "p.json") == {"video": {"name": "lat\\udce9n"}}
