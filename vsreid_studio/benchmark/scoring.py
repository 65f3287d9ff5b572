"""Scores of results that are kept beside them: a page that is made anew scores only what is new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..evaluation import InstanceScore, evaluate
from ..formats.atomic import write_text
from ..reading import expecting, read_json
from .proposals import Accepted, judge_accepted


@dataclass(frozen=True)
class Scored:
    """One sequence's scores.

    Attributes:
        instances: by number.
        accepted: its accepted proposals, None where no record tells.
    """

    instances: Mapping[int, InstanceScore]
    accepted: Accepted | None


def score(truth_root: Path, results: Path, name: str) -> Scored:
    """Score a sequence, or read what was found before from NAME.scores.json beside its folder.

    Kept scores count for the very same record of the run (which names its input, settings and weights).

    Args:
        truth_root: holds the sequence's folder of exact masks.
        results: holds its folder of masks, with a provenance.json.

    Raises:
        UserError: something is missing or unfit, or the scores cannot be kept.
    """
    file = results / f"{name}.scores.json"
    made_from = _digest(results / name / "provenance.json")
    try:
        kept = read_json(file)
        with expecting(f"{file} is damaged"):
            if kept["made_from"] == made_from:
                return _read(kept)
    except UserError:
        pass  # not there, or of another version: scored anew
    scores = evaluate(truth_root, results, [name]).sequences[name]
    found = Scored(scores, judge_accepted(truth_root / name, results / name))
    write_text(file, json.dumps(_plain(found, made_from)) + "\n")
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _plain(scored: Scored, made_from: str) -> dict[str, Any]:
    accepted = scored.accepted
    return {
        "made_from": made_from,
        "accepted": None if accepted is None else [accepted.all, accepted.wrong],
        "instances": {
            str(number): {"frames": one.frames, "J": one.j_series, "F": one.f_series}
            for number, one in scored.instances.items()
        },
    }


def _read(kept: Mapping[str, Any]) -> Scored:
    instances = {
        int(number): InstanceScore(tuple(one["frames"]), tuple(one["J"]), tuple(one["F"]))
        for number, one in kept["instances"].items()
    }
    return Scored(instances, None if kept["accepted"] is None else Accepted(*kept["accepted"]))
