"""Letters made fewer: what a person cannot see apart is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...engine.events import Change, Progress
from .mail import Letter


def condensed(letters: Sequence[Letter]) -> list[Letter]:
    """The same story with neighbouring changes as one, and of progress only the newest.

    Progress between two changes does not keep them apart, anything else does. So do different labels: an
    accepted retrieval is a step with a name of its own.
    """
    short: list[Letter] = []
    last = max((n for n, (_, content) in enumerate(letters) if isinstance(content, Progress)), default=-1)
    pending: list[tuple[float, Change]] = []
    for n, (when, content) in enumerate(letters):
        if isinstance(content, Change):
            if pending and pending[-1][1].label != content.label:
                short.append(_joined(pending))
                pending = []
            pending.append((when, content))
        elif not isinstance(content, Progress) or n == last:
            if pending:
                short.append(_joined(pending))
                pending = []
            short.append((when, content))
    if pending:
        short.append(_joined(pending))
    return short


def _joined(changes: Sequence[tuple[float, Change]]) -> Letter:
    return changes[-1][0], join([change for _, change in changes])


def join(changes: Iterable[Change]) -> Change:
    """Changes one after the other as one: the earliest `before` and the latest `after` of each cell."""
    first, *others = changes
    if not others:
        return first
    before, after = dict(first.before), dict(first.after)
    decisions_before, decisions_after = dict(first.decisions_before), dict(first.decisions_after)
    for change in others:
        before = {**change.before, **before}
        after.update(change.after)
        decisions_before = {**change.decisions_before, **decisions_before}
        decisions_after.update(change.decisions_after)
    return Change(first.label, before, after, decisions_before, decisions_after)
