"""Which thresholds of Algorithm 2 serve best on clips with hidden objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from .gaps import GapSummary
from .page import grid, number, paged


@dataclass(frozen=True, order=True)
class Thresholds:
    """Three that are to be tried together.

    Attributes:
        rho_reid: least similarity, see `ReidConfig`.
        rho_occ: greatest overlap.
        least_confidence: of a recovered mask.
    """

    rho_reid: float
    rho_occ: float
    least_confidence: float

    def __str__(self) -> str:
        return f"ρ_reid {self.rho_reid:g}, ρ_occ {self.rho_occ:g}, least confidence {self.least_confidence:g}"


def worth(summary: GapSummary) -> float:
    """What is to be as great as possible: J in and after the gap, less the share of wrong acceptances.

    A wrong acceptance costs J already where it puts a mask into a gap or in the place of the right one. It
    counts once more, as a person has to find and undo it.
    """
    wrong = summary.accepted.share if summary.accepted is not None else None
    return (summary.inside + summary.after) / 2 - (wrong or 0.0)


def best(tried: Mapping[Thresholds, GapSummary]) -> Thresholds:
    """Those of the greatest `worth`; of equal ones the strictest, which ask a person least."""
    return max(
        tried,
        key=lambda one: (round(worth(tried[one]), 4), one.rho_reid, -one.rho_occ, one.least_confidence),
    )


def render(tried: Mapping[Thresholds, GapSummary], command: str, clips: Sequence[str], chosen: bool) -> str:
    """The page, in Markdown.

    Args:
        tried: not empty.
        command: that makes the page.
        clips: names of all.
        chosen: whether all has been tried that was to be, so that some can be recommended.
    """
    heads = [
        "ρ_reid",
        "ρ_occ",
        "least confidence",
        "inside",
        "after",
        "found again",
        "accepted",
        "wrong",
        "worth",
    ]
    rows = []
    for one, summary in sorted(tried.items()):
        accepted = summary.accepted
        counts = ["–", "–"] if accepted is None else [str(accepted.all), str(accepted.wrong)]
        figures = [number(value) for value in (summary.inside, summary.after, summary.found)]
        values = [f"{value:g}" for value in (one.rho_reid, one.rho_occ, one.least_confidence)]
        rows.append([*values, *figures, *counts, number(worth(summary))])
    parts = [
        "# Thresholds of re-identification",
        f"Made by `{command}`. First ρ_reid is chosen, then, with it, ρ_occ, then the least confidence of a "
        "recovered mask: *worth* is the mean of J in the gaps (the share of empty maps) and after them, less "
        f"the share of wrong ones among the accepted proposals. {len(clips)} clips with hidden objects: "
        f"{', '.join(clips)}.",
        grid(heads, rows),
    ]
    if chosen:
        one = best(tried)
        parts.append(f"Best: {one}. As settings (`--config`):")
        settings = "\n".join(f"{field.name} = {getattr(one, field.name):g}" for field in fields(one))
        parts.append(f"```toml\n[reid]\n{settings}\n```")
    return paged(parts)
