"""Scores before, inside and after the frames in which an instance is hidden."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from ..errors import UserError
from ..evaluation import evaluate
from .types import Gap


@dataclass(frozen=True)
class GapScore:
    """Mean J of one instance around one gap.

    Attributes:
        clip: its name.
        before, after: over the frames before and after the gap in which the instance is to be seen.
        inside: over the gap: the share of frames whose map is empty, as it should be.
    """

    clip: str
    before: float
    inside: float
    after: float


def read_gaps(clips: Path) -> dict[str, list[Gap]]:
    """The gaps of each clip that `write_benchmark` wrote.

    Raises:
        UserError: there are none, or the file is damaged.
    """
    path = clips / "gaps.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return {name: [Gap(**gap) for gap in gaps] for name, gaps in listed.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is missing or damaged: make the clips with make-clips.") from error


def score_gaps(clips: Path, results: Path) -> list[GapScore]:
    """Score results on clips with gaps; clips without a gap are left out.

    Args:
        clips: a folder written by `write_benchmark`.
        results: a folder of masks for each clip.

    Raises:
        UserError: something is missing or unfit.
    """
    gaps = {name: found for name, found in read_gaps(clips).items() if found}
    report = evaluate(clips / "Annotations" / "480p", results, sorted(gaps))
    scores = []
    for name, found in sorted(gaps.items()):
        for gap in found:
            score = report.sequences[name][gap.instance]
            numbers = [int(frame.rpartition("/")[2]) for frame in score.frames]
            before = [j for n, j in zip(numbers, score.j_series, strict=True) if n < gap.first]
            inside = [j for n, j in zip(numbers, score.j_series, strict=True) if gap.first <= n <= gap.last]
            after = [j for n, j in zip(numbers, score.j_series, strict=True) if n > gap.last]
            if before and inside and after:
                scores.append(GapScore(name, fmean(before), fmean(inside), fmean(after)))
    if not scores:
        raise UserError(f"No clip in {clips} has a gap with frames before and after it.")
    return scores


def table(scores: Sequence[GapScore]) -> str:
    """The scores and their means, in columns."""
    width = max(len(score.clip) for score in scores)
    lines = [f"{'clip':<{width}}   before   inside    after"]
    lines += [f"{s.clip:<{width}} {s.before:8.4f} {s.inside:8.4f} {s.after:8.4f}" for s in scores]
    means = [fmean(getattr(score, part) for score in scores) for part in ("before", "inside", "after")]
    lines += ["-" * len(lines[0]), f"{'mean':<{width}} " + " ".join(f"{mean:8.4f}" for mean in means)]
    return "\n".join(lines) + "\n"
