"""Proposals and candidates in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...config import ReidConfig
from ...engine.events import Proposal, Reason
from ...engine.extensions.proposals import FAILED

NOTHING = (
    "Nothing waits.\n\n"
    "Propagate, and when an object that was lost is found again, it is shown here before anything is changed."
)
AT_WORK = "The engine is at work.\n\nWhat it finds again is shown here, and waits for your answer."
_LEFT = "{} for your answer, in the list below.\n\nChoose one there, or press N, to see and answer it."
UNSEEN = "Its mask is computed when you accept it; you can undo that."
_NO_QUEUE = "No candidates yet. They are listed here when the engine has searched for lost objects."
_NONE_WAITS = "No proposal waits. The list of all candidates tells why the others are not offered."


def nothing(waiting: int, *, running: bool) -> str:
    """Why there is no proposal.

    Args:
        waiting: proposals that are to be answered.
        running: whether the engine is at work.
    """
    if waiting:
        return _LEFT.format("One proposal waits" if waiting == 1 else f"{waiting} proposals wait")
    return AT_WORK if running else NOTHING


def empty(*, candidates: int, waiting: int, rejections: bool) -> str:
    """Why a list of candidates is empty.

    Args:
        candidates: all that are known.
        waiting: those that wait for an answer, of another object where the list is of one.
        rejections: whether the list is that of what was rejected.
    """
    if rejections:
        return "Nothing was rejected."
    if waiting:
        return "No candidate of this object."
    return _NONE_WAITS if candidates else _NO_QUEUE


def figure(value: float) -> str:
    """A share or a similarity in percent: '83 %', '−5 %'."""
    percent = round(100 * value)
    return f"{'−' if percent < 0 else ''}{abs(percent)} %"


def frame_ranges(frames: Sequence[int]) -> str:
    """Ascending frames as compact ranges: '3, 41–58'."""
    if not frames:
        return "none"
    starts = [frames[0], *(after for before, after in pairwise(frames) if after != before + 1)]
    ends = [*(before for before, after in pairwise(frames) if after != before + 1), frames[-1]]
    pairs = zip(starts, ends, strict=True)
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in pairs)


def frame_count(count: int) -> str:
    """'1 frame', '18 frames'."""
    return f"{count} frame" if count == 1 else f"{count} frames"


def unseen(proposal: Proposal) -> bool:
    """Whether no run has recovered its mask yet; where one found nothing, the similarity shows it."""
    return not proposal.recovered.area and proposal.similarity > FAILED


def consequence(proposal: Proposal) -> str:
    """What accepting it changes."""
    frames = proposal.overwrites
    return f"Would overwrite {frame_ranges(frames)} ({frame_count(len(frames))})"


_WHY = {
    None: "Waits for you",
    Reason.SETTLED: "You decided on it before",
    Reason.SKIPPED: "Skipped in this run",
    Reason.EMPTY: "Nothing was recovered in its box",
    Reason.UNSURE: "The confidence of its mask is too low",
    Reason.WORSE: "The present mask is as good",
    Reason.ELSEWHERE: "Tracked to a reliable frame, it is another object",
    Reason.BELOW: "Its similarity is too low (needs {reid})",
    Reason.LOOKALIKE: "More similar to what stood beside the instance",
    Reason.PRESENT: "Has a mask in this frame already",
    Reason.CONSISTENT: "Agrees with the present mask (overlap {occ} or more)",
    Reason.OCCUPIED: "Lies on another instance",
    Reason.RIVAL: "More similar to another instance",
    Reason.OUTDATED: "The masks it was compared with are gone: find again",
}


def why_not(reason: Reason | None, thresholds: ReidConfig) -> str:
    """Why a candidate is not offered, in a sentence short enough for a list; or that it waits."""
    # A reason that has no words here yet has its own.
    known = _WHY[reason] if reason in _WHY else str(reason).capitalize()
    return known.format(reid=figure(thresholds.rho_reid), occ=figure(thresholds.rho_occ))
