"""Where to look next: the frames in which a mask is likely wrong, by what a correction there would gain.

The paper leaves it to the person to find what is wrong. Without any truth, four things tell of it: the
network's own confidence, a mask that does not follow from the one beside it, an area that changes suddenly,
and two checkpoints whose maps do not meet where their spans do. Together they estimate how much of a mask is
wrong. A corrected frame mends the frames around it, too, so the gain of looking at a frame is the error
expected there and around, as far as its checkpoint would reach.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.annotation import Annotation
from ..store.index import PINNED, THERE
from ..types import Cell, SoftMask

REACH = 12.0
"""Frames after which a correction mends 1/e of what it mends beside it."""
LEAST_GAIN = 0.15
"""In wholly wrong frames: below this a stretch is not listed."""
_JUMP, _AREA, _DRIFT = 0.8, 0.5, 0.004
"""How much of a mask is taken to be wrong for each unit of these."""
SUSPECT = 0.35
"""Share of a mask that may be wrong before `suspects` lists it."""
_WINDOW = 4
"""Frames on either side with which an area is compared."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A stretch of frames in which an instance's mask is likely wrong.

    Attributes:
        instance: its number.
        frame: where a correction gains most.
        first, last: of the stretch.
        gain: how many wholly wrong frames a correction is expected to mend.
        reason: in plain words, one sentence.
    """

    instance: int
    frame: int
    first: int
    last: int
    gain: float
    reason: str


@dataclass(frozen=True)
class _Signs:
    """What speaks against the masks of an instance, by frame; each in [0, 1], 0 for pinned ones.

    Attributes:
        unsure: the share that the network itself expects to be wrong.
        jump: how much less a mask meets its neighbours than is usual for the instance.
        seam: `jump` where the neighbour comes from another checkpoint.
        area: how far the area is from that of the frames around.
        drift: for the way from the checkpoint.
        ratio: area in proportion to that of the frames around.
    """

    unsure: NDArray[np.float64]
    jump: NDArray[np.float64]
    seam: NDArray[np.float64]
    area: NDArray[np.float64]
    drift: NDArray[np.float64]
    ratio: NDArray[np.float64]

    @property
    def wrong(self) -> NDArray[np.float64]:
        """How much of each mask is expected to be wrong."""
        found: NDArray[np.float64] = 1 - (1 - self.unsure) * (1 - self.jump) * (1 - self.area) * (
            1 - self.drift
        )
        return found


def doubtful(annotation: Annotation, instances: Sequence[int] | None = None, most: int = 20) -> list[Doubt]:
    """The stretches to look at, the most rewarding one first.

    Args:
        annotation: after a run.
        instances: whose masks; None for all.
        most: no more than this.
    """
    chosen = annotation.instances if instances is None else instances
    found = [doubt for instance in chosen for doubt in _of_instance(annotation, instance, most)]
    return sorted(found, key=lambda doubt: (-doubt.gain, doubt.frame, doubt.instance))[:most]


def suspects(annotation: Annotation) -> list[Doubt]:
    """The stretches that look wrong by the index alone: no map is decoded, so it suits many videos at once.

    A frame counts where the network expects an overlap below `1 - SUSPECT`, or where the area differs by that
    much from the frames around. The `gain` is the sum of what is doubted in the stretch.

    Returns:
        The most doubtful first.
    """
    found = [doubt for instance in annotation.instances for doubt in _suspects_of(annotation, instance)]
    return sorted(found, key=lambda doubt: (-doubt.gain, doubt.frame, doubt.instance))


def _suspects_of(annotation: Annotation, instance: int) -> Iterator[Doubt]:
    records = annotation.records(instance)
    open_to = ((records["flags"] & THERE) > 0) & ((records["flags"] & PINNED) == 0)
    known = open_to & (records["area"] > 0)
    unsure = np.where(open_to, 1 - records["confidence"], 0.0)
    areas = np.where(records["area"] > 0, records["area"], np.nan)
    padded = np.pad(areas, _WINDOW, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _WINDOW + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames around which there is no mask
        around = np.nanmedian(windows, axis=1)
    ratio = np.where(known, areas / around, 1.0)
    jumps = np.where(known, 1 - np.minimum(ratio, 1 / ratio), 0.0)
    wrong = np.maximum(unsure, jumps)
    frames = np.flatnonzero(wrong > SUSPECT)
    for stretch in np.split(frames, np.flatnonzero(np.diff(frames) > REACH) + 1):
        if len(stretch):
            frame = int(stretch[wrong[stretch].argmax()])
            if jumps[frame] > unsure[frame]:
                word = "shrinks" if ratio[frame] < 1 else "grows"
                reason = f"The mask suddenly {word} to {100 * ratio[frame]:.0f} % of its area around."
            else:
                reason = f"The network expects an overlap of {100 * (1 - unsure[frame]):.0f} %."
            gain = float(wrong[stretch].sum())
            yield Doubt(instance, frame, int(stretch[0]), int(stretch[-1]), gain, reason)


def _of_instance(annotation: Annotation, instance: int, most: int) -> Iterator[Doubt]:
    row = annotation.row(instance)
    if not row:
        return
    signs = _signs(annotation, instance)
    wrong = signs.wrong
    open_to = np.array([not _settled(row.get(frame)) for frame in range(annotation.length)])
    for _ in range(most):
        gains = np.where(open_to, _gains(wrong), 0.0)
        # A frame that looks right itself would be a waste of a look.
        frame = int((gains * (0.2 + wrong)).argmax())
        if gains[frame] < LEAST_GAIN:
            return
        first, last = _stretch(signs.wrong, open_to, frame)
        reason = _reason(signs, row.get(frame), frame)
        yield Doubt(instance, frame, first, last, float(gains[frame]), reason)
        # What is left once it is corrected.
        distance = np.abs(np.arange(len(wrong)) - frame)
        wrong = wrong * (1 - np.exp(-distance / REACH))
        open_to[first : last + 1] = False


def _settled(cell: Cell | None) -> bool:
    """Whether a person has nothing to say about it: it is theirs, or has not been computed."""
    return cell is None or cell.pinned


def _gains(wrong: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a correction of each frame would mend, there and around."""
    width = int(4 * REACH)
    kernel = np.exp(-np.abs(np.arange(-width, width + 1)) / REACH)
    return np.convolve(wrong, kernel)[width : width + len(wrong)]


def _stretch(wrong: NDArray[np.float64], open_to: NDArray[np.bool_], frame: int) -> tuple[int, int]:
    """The frames around one that are about as doubtful, within the reach of a correction."""
    near = np.abs(np.arange(len(wrong)) - frame) <= REACH
    doubted = open_to & near & (wrong >= wrong[frame] / 2)
    first = last = frame
    while first > 0 and doubted[first - 1]:
        first -= 1
    while last < len(wrong) - 1 and doubted[last + 1]:
        last += 1
    return first, last


def _signs(annotation: Annotation, instance: int) -> _Signs:
    row, length = annotation.row(instance), annotation.length
    cells = [row.get(frame) for frame in range(length)]
    unsure = np.array([0.0 if cell is None or cell.pinned else 1 - cell.confidence for cell in cells])
    masks = [SoftMask.empty() if cell is None else cell.mask for cell in cells]
    areas = np.array([mask.area for mask in masks], np.float64)
    # Between each frame and the next: 0 where the masks are the same.
    apart = np.array([1 - one.iou(other) for one, other in itertools.pairwise(masks)])
    usual = float(np.median(apart)) if apart.size else 0.0
    excess = np.clip(apart - 2 * usual - 0.05, 0, 1)
    origins = [None if cell is None else cell.origin for cell in cells]
    meets = np.array([one != other for one, other in itertools.pairwise(origins)], np.bool_)
    jump = _beside(excess, length)
    seam = _beside(np.where(meets, excess, 0), length)
    around = np.array([_median_around(areas, frame) for frame in range(length)])
    ratio = (areas + 1) / (around + 1)
    area = np.clip(np.abs(np.log(ratio)) - 0.2, 0, 1)
    steps = [0 if cell is None else abs(frame - cell.origin) for frame, cell in enumerate(cells)]
    drift = np.clip(_DRIFT * np.array(steps, np.float64), 0, 0.2)
    counts = np.array([not _settled(cell) for cell in cells], np.float64)
    present = counts * (areas > 0)
    return _Signs(unsure, counts * _JUMP * jump, seam, counts * _AREA * area, present * drift, ratio)


def _beside(between: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """For each frame the greater of the values towards its two neighbours."""
    found = np.zeros(length)
    np.maximum(found[:-1], between, out=found[:-1])
    np.maximum(found[1:], between, out=found[1:])
    return found


def _median_around(areas: NDArray[np.float64], frame: int) -> float:
    near = areas[max(0, frame - _WINDOW) : frame + _WINDOW + 1]
    return float(np.median(near))


def _reason(signs: _Signs, cell: Cell | None, frame: int) -> str:
    """What speaks loudest against the mask."""
    if signs.seam[frame] * _JUMP >= max(signs.area[frame], signs.unsure[frame]) and signs.seam[frame] > 0:
        return "The masks that come from two checked frames do not meet here."
    found = {"area": signs.area[frame], "jump": signs.jump[frame], "unsure": signs.unsure[frame]}
    strongest = max(found, key=lambda name: found[name])
    if found[strongest] < signs.drift[frame] and cell is not None:
        return f"The last checked frame is {abs(frame - cell.origin)} frames away."
    if strongest == "area":
        ratio = signs.ratio[frame]
        word = "shrinks" if ratio < 1 else "grows"
        return f"The mask suddenly {word} to {100 * ratio:.0f} % of its area in the frames around."
    if strongest == "jump":
        return "The mask does not follow from the one in the frame beside it."
    sure = 0.0 if cell is None else cell.confidence
    return f"The network is unsure of the mask: it expects an overlap of {100 * sure:.0f} %."
