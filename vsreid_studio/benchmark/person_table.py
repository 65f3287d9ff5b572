"""What a simulated person's work comes to, as Markdown and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from .page import grid, number
from .session import GOALS, Round, Session


def as_plain(session: Session) -> dict[str, Any]:
    """For JSON."""
    return asdict(session)


def from_plain(value: Mapping[str, Any]) -> Session:
    """What `as_plain` made.

    Raises:
        TypeError, KeyError: it is something else.
    """
    rounds = tuple(Round(**one) for one in value["rounds"])
    return Session(**{**value, "rounds": rounds})


def needed(session: Session, goal: float, limit: int) -> int:
    """Corrections to a J&F; the limit where it is not reached."""
    reached = session.reached(goal)
    return limit if reached is None else reached.corrections


def render(variants: Mapping[str, Mapping[str, Session]], image_set: str, limit: int) -> str:
    """The page.

    Args:
        variants: sessions by sequence, by the variant's name; none of them empty.
        limit: of corrections.
    """
    parts = [
        "# A person's time",
        f"A simulated person on {image_set}: draws the first mask, answers every proposal rightly (accepts a "
        "recovered mask with an IoU of .5 or more with the truth), then draws the true mask in the frame and "
        "instance with the lowest J&F, lets the engine go on, and so forth until J&F reaches "
        f"{number(GOALS[-1])}, with no more than {limit} corrections. Re-propagated are the masks computed "
        f"anew after the first correction; a goal that is not reached counts as {limit} corrections. Found "
        "again: instances with J above .5 after a gap, before the first correction.",
        _summary(variants, limit),
    ]
    for name, sessions in variants.items():
        parts += [f"## {name[:1].upper()}{name[1:]}", _sequences(sessions)]
    return "\n\n".join(parts) + "\n"


def _summary(variants: Mapping[str, Mapping[str, Session]], limit: int) -> str:
    heads = ["", "J&F at first"]
    for goal in GOALS:
        heads += [f"corrections to {number(goal)}", "reached", "re-propagated"]
    body = []
    for name, sessions in variants.items():
        listed = list(sessions.values())
        line = [name, number(fmean(one.rounds[0].both for one in listed))]
        for goal in GOALS:
            reached = sum(one.reached(goal) is not None for one in listed)
            line += [
                f"{fmean(needed(one, goal, limit) for one in listed):.1f}",
                f"{reached} of {len(listed)}",
                f"{fmean((one.reached(goal) or one.rounds[-1]).propagated for one in listed):.0f}",
            ]
        body.append([*line, *_proposals(listed)])
    return grid([*heads, "proposals", "wrong ones", "found again"], body)


def _sequences(sessions: Mapping[str, Session]) -> str:
    heads = ["", "J&F at first"]
    for goal in GOALS:
        heads += [f"to {number(goal)}", "re-propagated"]
    body = []
    for name, session in sorted(sessions.items()):
        line = [name, number(session.rounds[0].both)]
        for goal in GOALS:
            reached = session.reached(goal)
            line += ["–", "–"] if reached is None else [str(reached.corrections), str(reached.propagated)]
        body.append([*line, number(session.rounds[-1].both), *_proposals([session])])
    return grid([*heads, "J&F at last", "proposals", "wrong ones", "found again"], body)


def _proposals(sessions: Sequence[Session]) -> Iterable[str]:
    lost = sum(one.lost for one in sessions)
    found = f"{sum(one.found for one in sessions)} of {lost}" if lost else "–"
    return str(sum(one.proposals for one in sessions)), str(sum(one.wrong for one in sessions)), found
