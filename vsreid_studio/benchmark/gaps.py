"""Scores before, inside and after the frames in which an instance is hidden.

With them: what was found again, and which of the accepted proposals were wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..engine.events import Verdict
from ..engine.types import Box, Maker
from ..errors import UserError
from ..evaluation import InstanceScore, evaluate, jaccard
from ..formats.masks import read_label_map
from ..formats.provenance import frame_name_in
from ..reading import expecting, read_json
from .hidden import Gap

RIGHT = 0.5
"""A proposal is right from this IoU with the truth on."""
_RECORD = "provenance.json"


@dataclass(frozen=True)
class Accepted:
    """Proposals that were accepted.

    Attributes:
        all: how many.
        wrong: how many of them were wrong, see `judge_accepted`.
    """

    all: int
    wrong: int

    @property
    def share(self) -> float | None:
        """Wrong ones among all, None where there are none."""
        return self.wrong / self.all if self.all else None

    @classmethod
    def total(cls, parts: Iterable[Accepted | None]) -> Self | None:
        """The sum of the parts that are known; None where none is."""
        told = [part for part in parts if part is not None]
        return cls(sum(part.all for part in told), sum(part.wrong for part in told)) if told else None


def matches(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> bool:
    """Whether a recovered map is the right instance in the right place: IoU of `RIGHT` or more.

    Args:
        truth, found: (H, W) bool. Where the truth is empty nothing is right.
    """
    return bool(truth.any()) and jaccard(truth, found) >= RIGHT


def judge_accepted(truth: Path, result: Path) -> Accepted | None:
    """Judge the accepted proposals of one sequence by its provenance.json.

    An accepted proposal is a decision with the verdict 'accepted', of a person or of a run that nobody
    watched. It is *wrong* when the recovered mask, that is the result's mask of that instance in that frame,
    has an IoU below `RIGHT` with the truth there; an empty truth makes it wrong. Where the mask of that cell
    was made by someone else since (a person corrected it), the proposed box is compared with the truth's.

    Args:
        truth: a folder with a mask of every frame that may have been proposed.
        result: a folder of masks with the record of the run.

    Returns:
        None where there is no record.

    Raises:
        UserError: the record or a mask cannot be read, or the two differ in size.
    """
    if not (result / _RECORD).is_file():
        return None
    record = read_json(result / _RECORD)
    with expecting(f"{result / _RECORD} cannot be read, or does not fit the truth {truth}"):
        recovered = _recovered(record)
        accepted = [one for one in record["decisions"] if one["verdict"] == Verdict.ACCEPTED]
        wrong = [one for one in accepted if not _right(one, record, truth, result, recovered)]
    return Accepted(len(accepted), len(wrong))


def _recovered(record: Mapping[str, Any]) -> set[tuple[int, int]]:
    """The cells, (frame, instance), whose mask is as it was recovered."""
    return {
        (cell["frame"], one["instance"])
        for one in record["instances"]
        for cell in one["frames"]
        if cell["made_by"] == Maker.RECOVERY
    }


def _right(
    decision: Mapping[str, Any],
    record: Mapping[str, Any],
    truth: Path,
    result: Path,
    recovered: set[tuple[int, int]],
) -> bool:
    frame, instance = decision["frame"], decision["instance"]
    name = f"{frame_name_in(record, frame)}.png"
    true = read_label_map(truth / name) == instance
    if (frame, instance) in recovered:
        return matches(true, read_label_map(result / name, keep_void=True) == instance)
    place = Box.around(true)
    return place is not None and place.iou(Box(*decision["box"])) >= RIGHT


FOUND = 0.5
"""An instance counts as found again when its J, averaged over the frames after the gap, exceeds this."""


@dataclass(frozen=True)
class GapScore:
    """Mean J of one instance around one gap.

    Attributes:
        clip: its name.
        before, after: over the frames before and after the gap in which the instance is to be seen, by the
            official rules without the first and the last one of the clip.
            `after` is None where the instance does not come back.
        inside: over the gap: the share of frames whose map is empty, as it should be.
        kind: of the clip, as `write_benchmark` names it.
    """

    clip: str
    before: float
    inside: float
    after: float | None
    kind: str = "hidden"

    @property
    def found(self) -> bool | None:
        """Whether the instance was found again: its J after the gap is above `FOUND`."""
        return None if self.after is None else self.after > FOUND


@dataclass(frozen=True)
class GapSummary:
    """Of all gaps, each of which counts alike.

    Attributes:
        before, after: means over the gaps after which the instance comes back; 0 where there are none.
        inside: the mean over all gaps.
        found: the share of the gaps after which the instance was found again, of those where it comes back.
        accepted: what was accepted without being right, None where no result tells of proposals.
    """

    before: float
    inside: float
    after: float
    found: float
    accepted: Accepted | None

    @property
    def kept(self) -> float:
        """J after the gap as a share of J before it; 0 when there was nothing before."""
        return self.after / self.before if self.before else 0.0


def read_gaps(clips: Path) -> dict[str, list[Gap]]:
    """The gaps of each clip that `write_benchmark` wrote.

    Raises:
        UserError: there are none, or the file is damaged.
    """
    path = clips / "gaps.json"
    if not path.is_file():
        raise UserError(f"{path} is missing: make the clips with make-clips.")
    with expecting(f"{path} is damaged: make the clips with make-clips"):
        return {name: [Gap(**gap) for gap in gaps] for name, gaps in read_json(path).items()}


def read_kinds(clips: Path) -> dict[str, str]:
    """The kind of each clip; none are known of clips that were written before there were several.

    Raises:
        UserError: the file is damaged.
    """
    path = clips / "kinds.json"
    if not path.is_file():
        return {}
    with expecting(f"{path} is damaged: make the clips with make-clips"):
        return {str(name): str(kind) for name, kind in read_json(path).items()}


def score_gaps(clips: Path, results: Path) -> tuple[list[GapScore], dict[str, Accepted | None]]:
    """Score results on clips with gaps; clips without a gap are left out.

    Args:
        clips: a folder written by `write_benchmark`.
        results: a folder of masks for each clip.

    Returns:
        the scores, and of each clip what `judge_accepted` finds in its provenance.

    Raises:
        UserError: something is missing or unfit.
    """
    gaps = {name: found for name, found in sorted(read_gaps(clips).items()) if found}
    truth = clips / "Annotations" / "480p"
    report = evaluate(truth, results, list(gaps))
    kinds = read_kinds(clips)
    scores = [
        one
        for name in gaps
        for one in around_gaps(name, gaps[name], report.sequences[name], kinds.get(name, "hidden"))
    ]
    if not scores:
        raise UserError(f"No clip in {clips} has a gap with frames before and after it.")
    return scores, {name: judge_accepted(truth / name, results / name) for name in gaps}


def around_gaps(
    clip: str, gaps: Sequence[Gap], scores: Mapping[int, InstanceScore], kind: str = "hidden"
) -> Iterator[GapScore]:
    """The score of each gap that has frames before it, and after it unless the instance never comes back.

    Args:
        scores: of the clip, by instance.
        kind: of the clip.
    """
    for gap in gaps:
        score = scores[gap.instance]
        frames = [int(name.rpartition("/")[2]) for name in score.frames]
        j = dict(zip(frames, score.j_series, strict=True))
        hidden = {n for other in gaps if other.instance == gap.instance for n in frames_of(other)}
        before = [value for n, value in j.items() if n < gap.first and n not in hidden]
        inside = [value for n, value in j.items() if n in frames_of(gap)]
        after = [value for n, value in j.items() if n > gap.last and n not in hidden]
        if before and inside and (after or kind == "lookalike"):
            yield GapScore(clip, fmean(before), fmean(inside), fmean(after) if after else None, kind)


def frames_of(gap: Gap) -> range:
    """The frames of a gap."""
    return range(gap.first, gap.last + 1)


def summary(scores: Sequence[GapScore], accepted: Iterable[Accepted | None]) -> GapSummary:
    """The means of one score or more."""
    back = [(score.before, score.after) for score in scores if score.after is not None]
    before, after = (fmean(part) for part in zip(*back, strict=True)) if back else (0.0, 0.0)
    found = fmean(j > FOUND for _, j in back) if back else 0.0
    return GapSummary(before, fmean(score.inside for score in scores), after, found, Accepted.total(accepted))


def by_kind(scores: Sequence[GapScore], accepted: Mapping[str, Accepted | None]) -> dict[str, GapSummary]:
    """The means of each kind of clip."""
    found = {}
    for kind in sorted({score.kind for score in scores}):
        of_kind = [score for score in scores if score.kind == kind]
        clips = {score.clip for score in of_kind}
        found[kind] = summary(of_kind, [told for name, told in accepted.items() if name in clips])
    return found


def table(scores: Sequence[GapScore], accepted: Mapping[str, Accepted | None]) -> str:
    """The scores, their means by kind and overall, and the counts of found again and wrong proposals."""
    width = max(len(score.clip) for score in scores)
    whole = summary(scores, accepted.values())
    lines = [f"{'clip':<{width}}   before   inside    after  found  accepted  wrong"]
    for one in scores:
        told = accepted.get(one.clip)
        counts = f"{told.all:9d} {told.wrong:6d}" if told else f"{'-':>9} {'-':>6}"
        after = f"{'-':>8}" if one.after is None else f"{one.after:8.4f}"
        found = "-" if one.found is None else "yes" if one.found else "no"
        lines.append(f"{one.clip:<{width}} {one.before:8.4f} {one.inside:8.4f} {after} {found:>6} {counts}")
    lines.append("-" * len(lines[0]))
    kinds = by_kind(scores, accepted)
    if len(kinds) > 1:
        lines += [_means(kind, width, means) for kind, means in kinds.items()]
    lines += [_means("mean", width, whole), *_sentences(scores, whole)]
    return "\n".join(lines) + "\n"


def _means(name: str, width: int, means: GapSummary) -> str:
    told = means.accepted
    counts = f"{told.all:9d} {told.wrong:6d}" if told else f"{'-':>9} {'-':>6}"
    figures = f"{means.before:8.4f} {means.inside:8.4f} {means.after:8.4f} {means.found:6.2f}"
    return f"{name:<{width}} {figures} {counts}"


def _sentences(scores: Sequence[GapScore], whole: GapSummary) -> list[str]:
    back = [score for score in scores if score.found is not None]
    found = sum(bool(score.found) for score in back)
    lines = [
        f"J after the gap is {whole.kept:.3f} of J before it.",
        f"Lost instances found again: {found} of {len(back)} ({whole.found:.3f}).",
    ]
    if whole.accepted is not None:
        share = f" ({whole.accepted.share:.3f})" if whole.accepted.share is not None else ""
        lines.append(f"Wrong proposals accepted: {whole.accepted.wrong} of {whole.accepted.all}{share}.")
    return lines
