"""What a simulated person's work comes to, as Markdown and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from .manner import ENOUGH, MOST_CLICKS, Seconds
from .page import grid, number, paged
from .session import GOALS, PersonSession, Round

SHORT = 60.0
"""Seconds after which the result is told, too."""


def as_plain(session: PersonSession) -> dict[str, Any]:
    """For JSON."""
    return asdict(session)


def from_plain(value: Mapping[str, Any]) -> PersonSession:
    """What `as_plain` made.

    Raises:
        TypeError, KeyError: it is something else.
    """
    rounds = tuple(Round(**one) for one in value["rounds"])
    return PersonSession(**{**value, "rounds": rounds})


def needed(session: PersonSession, goal: float, limit: int) -> int:
    """Corrections to a J&F; the limit where it is not reached."""
    reached = session.reached(goal)
    return limit if reached is None else reached.corrections


def render(
    variants: Mapping[str, Mapping[str, PersonSession]],
    image_set: str,
    limit: int,
    goals: Sequence[float] = GOALS,
) -> str:
    """The page.

    Args:
        variants: sessions by sequence, by the variant's name; none of them empty.
        limit: of corrections.
        goals: J&F that the person works for, ascending.
    """
    rates = Seconds()
    parts = [
        "# A person's time",
        f"A simulated person on {image_set}: makes the first mask, answers every proposal rightly (accepts a "
        "recovered mask with an IoU of .5 or more with the truth), then corrects a mask, lets the engine go "
        f"on, and so forth until J&F reaches {number(goals[-1])}, with no more than {limit} corrections. "
        "Painted masks are the truth; clicks go into the middle of the largest error until the IoU is "
        f"{number(ENOUGH)} or {MOST_CLICKS} are made. The oracle knows the frame and instance with the "
        "lowest J&F; suggestions come in the order in which the studio lists doubtful frames, and those that "
        "are right are approved; when nothing is suggested any more, the person searches. Re-propagated are "
        "the masks computed anew after the first correction. Found again: instances with J above .5 after a "
        "gap, before the first correction.",
        f"Seconds: a painted mask {rates.painting:g}, a click {rates.click:g}, a look at a suggested frame "
        f"{rates.look:g}, an answer to a proposal {rates.answer:g}, the search for a frame "
        f"{rates.search:g}; the computer's time is not counted. A goal that is not reached counts as {limit} "
        "corrections, and as the seconds and interactions that were spent in vain.",
        _summary(variants, limit, goals),
        _time(variants, goals),
    ]
    for name, sessions in variants.items():
        parts += [f"## {name[:1].upper()}{name[1:]}", _sequences(sessions, goals)]
    return paged(parts)


def _summary(variants: Mapping[str, Mapping[str, PersonSession]], limit: int, goals: Sequence[float]) -> str:
    heads = ["", "J&F at first"]
    for goal in goals:
        heads += [f"corrections to {number(goal)}", "reached", "re-propagated"]
    body = []
    for name, sessions in variants.items():
        listed = list(sessions.values())
        line = [name, number(fmean(one.rounds[0].both for one in listed))]
        for goal in goals:
            reached = sum(one.reached(goal) is not None for one in listed)
            line += [
                f"{fmean(needed(one, goal, limit) for one in listed):.1f}",
                f"{reached} of {len(listed)}",
                f"{fmean((one.reached(goal) or one.rounds[-1]).propagated for one in listed):.0f}",
            ]
        body.append([*line, *_proposals(listed)])
    return grid([*heads, "proposals", "wrong ones", "found again"], body)


def _time(variants: Mapping[str, Mapping[str, PersonSession]], goals: Sequence[float]) -> str:
    """Seconds and interactions a sequence."""
    heads = [""]
    for goal in goals:
        heads += [f"seconds to {number(goal)}", "interactions"]
    body = []
    for name, sessions in variants.items():
        listed = list(sessions.values())
        line = [name]
        for goal in goals:
            ends = [one.reached(goal) or one.rounds[-1] for one in listed]
            line += [
                f"{fmean(end.seconds for end in ends):.0f}",
                f"{fmean(e.interactions for e in ends):.1f}",
            ]
        body.append([*line, number(fmean(_after(one, SHORT) for one in listed))])
    return grid([*heads, f"J&F after {SHORT:.0f} s"], body)


def _after(session: PersonSession, seconds: float) -> float:
    """J&F that a person has reached by then; 0 before the first run."""
    found = session.within(seconds)
    return 0.0 if found is None else found.both


def _sequences(sessions: Mapping[str, PersonSession], goals: Sequence[float]) -> str:
    heads = ["", "J&F at first"]
    for goal in goals:
        heads += [f"to {number(goal)}", "seconds", "re-propagated"]
    body = []
    for name, session in sorted(sessions.items()):
        line = [name, number(session.rounds[0].both)]
        for goal in goals:
            reached = session.reached(goal)
            if reached is None:
                line += ["–"] * 3
            else:
                line += [str(reached.corrections), f"{reached.seconds:.0f}", str(reached.propagated)]
        body.append([*line, number(session.rounds[-1].both), *_proposals([session])])
    return grid([*heads, "J&F at last", "proposals", "wrong ones", "found again"], body)


def _proposals(sessions: Sequence[PersonSession]) -> Iterable[str]:
    lost = sum(one.lost for one in sessions)
    found = f"{sum(one.found for one in sessions)} of {lost}" if lost else "–"
    return str(sum(one.proposals for one in sessions)), str(sum(one.wrong for one in sessions)), found
