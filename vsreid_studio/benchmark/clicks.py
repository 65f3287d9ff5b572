"""How many clicks a mask needs: NoC@80, NoC@85, NoC@90 and mIoU@k of a simulated person.

The person clicks into the middle of the largest error, time after time (`evaluation.measures`). NoC@q is the
mean number of clicks until a mask has an IoU of q percent, where `LIMIT` stands for never; mIoU@k is the mean
IoU after k clicks. Interactive segmentation reports these two (as in RITM, Sofiiuk et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, Click, Frame, Prediction, SoftMask
from ..evaluation.measures import next_click
from .page import grid, number, paged

LIMIT = 20
"""Most clicks for a mask."""
GOALS = (0.80, 0.85, 0.90)
COUNTS = (1, 2, 3, 5, 10)
"""Of clicks, for mIoU@k."""


class Segments(Protocol):
    """What is measured: `engine.runtime.clicker.Clicker`, for one."""

    def segment(
        self, frame: Frame, clicks: Sequence[Click], box: Box | None = None, present: SoftMask | None = None
    ) -> Prediction:
        """The mask that clicks make."""
        ...


@dataclass(frozen=True)
class Series:
    """The clicks on one mask.

    Attributes:
        name: of the sequence, the frame and the instance.
        shares: IoU before the first click, and after each.
    """

    name: str
    shares: tuple[float, ...]

    def clicks_to(self, goal: float, limit: int = LIMIT) -> int:
        """Clicks until the IoU reaches a goal, at least one from nothing; `limit` where it does not."""
        return next((k for k, share in enumerate(self.shares) if share >= goal), limit)

    def after(self, clicks: int) -> float:
        """IoU after so many clicks, or after the last where nothing was left to correct."""
        return self.shares[min(clicks, len(self.shares) - 1)]


def click_through(
    name: str,
    frame: Frame,
    truth: NDArray[np.bool_],
    clicker: Segments,
    *,
    ignored: NDArray[np.bool_] | None = None,
    present: SoftMask | None = None,
    goal: float = max(GOALS),
    limit: int = LIMIT,
) -> tuple[Series, list[Click], SoftMask]:
    """Click on a mask until it has the IoU `goal`, or `limit` clicks are made.

    Args:
        name: for the `Series`.
        frame: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        ignored: (H, W) bool, pixels that do not count, or None.
        present: the mask to begin with, None for nothing.

    Returns:
        The figures, the clicks and the last mask.
    """
    mask = present or SoftMask.empty()
    clicks: list[Click] = []
    shares = [_iou(mask, truth, ignored)]
    while len(clicks) < limit and shares[-1] < goal:
        click = next_click(mask.hard(*truth.shape), truth, clicks, ignored)
        if click is None:
            break
        clicks.append(click)
        mask = clicker.segment(frame, clicks, None, present).mask
        shares.append(_iou(mask, truth, ignored))
    return Series(name, tuple(round(share, 4) for share in shares)), clicks, mask


def _iou(mask: SoftMask, truth: NDArray[np.bool_], ignored: NDArray[np.bool_] | None) -> float:
    found = mask.hard(*truth.shape)
    if ignored is not None:
        found, truth = found & ~ignored, truth & ~ignored
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def figures(series: Iterable[Series]) -> dict[str, float]:
    """NoC@q and mIoU@k by their names."""
    listed = list(series)
    found = {f"NoC@{goal * 100:.0f}": fmean(one.clicks_to(goal) for one in listed) for goal in GOALS}
    return found | {f"mIoU@{k}": fmean(one.after(k) for one in listed) for k in COUNTS}


def render(parts: Mapping[str, Sequence[Series]], source: str) -> str:
    """The page in Markdown.

    Args:
        parts: series by what they begin with; those without any are left out.
        source: the frames, in words.
    """
    found = [
        "# Clicks",
        f"A simulated person clicks on {source}, always into the middle of the largest error, until the IoU "
        f"is {number(max(GOALS))} or {LIMIT} clicks are made. NoC@q is the mean number of clicks to an IoU "
        f"of q percent, {LIMIT} where it is not reached; mIoU@k is the mean IoU after k clicks.",
    ]
    for title, series in parts.items():
        if not series:
            continue
        values = figures(series)
        found.append(f"## {title} ({len(series)} masks)")
        found.append(grid(["", *values], [["all", *_cells(values)], *_rows(series)]))
    return paged(found)


def _rows(series: Sequence[Series]) -> Iterator[list[str]]:
    names = sorted({one.name.split("/")[0] for one in series})
    for name in names:
        yield [name, *_cells(figures(one for one in series if one.name.split("/")[0] == name))]


def _cells(values: Mapping[str, float]) -> list[str]:
    return [f"{value:.2f}" if name.startswith("NoC") else number(value) for name, value in values.items()]


def as_plain(parts: Mapping[str, Sequence[Series]]) -> dict[str, Any]:
    """For JSON."""
    return {
        title: {
            "figures": {k: round(v, 4) for k, v in figures(series).items()},
            "shares": {one.name: one.shares for one in series},
        }
        for title, series in parts.items()
        if series
    }
