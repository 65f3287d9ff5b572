"""Which thresholds of Algorithm 2 serve best on clips with hidden objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .gaps import GapSummary
from .page import grid, number


@dataclass(frozen=True, order=True)
class Thresholds:
    """A pair to be tried.

    Attributes:
        rho_reid: least similarity, see `ReidConfig`.
        rho_occ: greatest overlap.
    """

    rho_reid: float
    rho_occ: float

    def __str__(self) -> str:
        return f"ρ_reid {self.rho_reid:g}, ρ_occ {self.rho_occ:g}"


def worth(summary: GapSummary) -> float:
    """What is to be as great as possible: J in and after the gap, less the share of wrong acceptances.

    A wrong acceptance costs J already where it puts a mask into a gap or in the place of the right one. It
    counts once more, as it is what a person has to look for and undo.
    """
    wrong = summary.accepted.share if summary.accepted is not None else None
    return (summary.inside + summary.after) / 2 - (wrong or 0.0)


def best(tried: Mapping[Thresholds, GapSummary]) -> Thresholds:
    """The pair of most `worth`; of equal ones the strictest, which asks a person least."""
    return max(tried, key=lambda pair: (round(worth(tried[pair]), 4), pair.rho_reid, -pair.rho_occ))


def render(tried: Mapping[Thresholds, GapSummary], command: str, clips: Sequence[str], chosen: bool) -> str:
    """The page, in Markdown.

    Args:
        tried: not empty.
        command: that makes the page.
        clips: names of all.
        chosen: whether all has been tried that was to be, so that a pair can be recommended.
    """
    heads = ["ρ_reid", "ρ_occ", "inside", "after", "found again", "accepted", "wrong", "worth"]
    rows = []
    for pair, summary in sorted(tried.items()):
        accepted = summary.accepted
        counts = ["–", "–"] if accepted is None else [str(accepted.all), str(accepted.wrong)]
        figures = [number(value) for value in (summary.inside, summary.after, summary.found)]
        rows.append([f"{pair.rho_reid:g}", f"{pair.rho_occ:g}", *figures, *counts, number(worth(summary))])
    parts = [
        "# Thresholds of re-identification",
        f"Made by `{command}`. First ρ_reid is chosen, then, with it, ρ_occ: *worth* is the mean of J in the "
        "gaps (the share of empty maps) and after them, less the share of wrong ones among the accepted "
        f"proposals. {len(clips)} clips with hidden objects: {', '.join(clips)}.",
        grid(heads, rows),
    ]
    if chosen:
        pair = best(tried)
        parts.append(f"Best: {pair}. As settings (`--config`):")
        parts.append(f"```toml\n[reid]\nrho_reid = {pair.rho_reid:g}\nrho_occ = {pair.rho_occ:g}\n```")
    return "\n\n".join(parts) + "\n"
