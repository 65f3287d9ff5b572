"""Doubtful frames: those in which a mask is likely wrong, by the expected gain of a correction.

In the paper a person searches for wrong masks. Without a ground truth, four cues estimate which share of a
mask is wrong: the network's confidence, a low overlap with the mask of the next frame, a sudden change of
area, and two checkpoints whose maps disagree where their spans meet. A correction also improves the frames
around it, so the gain of a frame is the expected error there and around, as far as its checkpoint reaches.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.annotation import Annotation
from ..store.index import FILLED, PINNED, THERE
from ..types import Cell, CellKey
from ..types.stepwise import Poll

REACH = 12.0
"""Frames after which the effect of a correction falls to 1/e."""
LEAST_GAIN = 0.15
"""Least gain of a stretch that is listed, in wholly wrong frames."""
_JUMP, _AREA, _DRIFT = 0.8, 0.5, 0.004
"""Share of a mask that is assumed wrong for each unit of these cues."""
SUSPECT = 0.35
"""Share of a mask that may be wrong before `suspects` lists it."""
_SURE = 0.85
"""Confidence from which a mask is not called unsure."""
_WINDOW = 4
"""Frames on either side with which an area is compared."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A stretch of frames in which an instance's mask is likely wrong.

    Attributes:
        instance: its number.
        frame: where a correction gains most.
        first, last: of the stretch.
        gain: expected gain of a correction, in wholly wrong frames.
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
    """The cues against the masks of an instance, by frame; each in [0, 1], 0 for pinned ones.

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


@dataclass(frozen=True, slots=True)
class MissingRange:
    """Frames in which an instance has no mask, and nobody has said that it is absent.

    Attributes:
        instance: its number.
        first, last: frames.
        computed: whether a run came here and found nothing, all along.
    """

    instance: int
    first: int
    last: int
    computed: bool


def suspects(annotation: Annotation, reviewed: Collection[CellKey] = ()) -> list[Doubt]:
    """The likely wrong stretches by the index alone: no map is decoded, which suits many videos at once.

    A frame counts where the network expects an overlap below `1 - SUSPECT`, or where the area differs by that
    much from the frames around. The `gain` is the sum of the doubted shares in the stretch.

    Args:
        reviewed: cells whose masks a person has looked at and left.

    Returns:
        The most doubtful first.
    """
    found = [
        doubt
        for instance in annotation.instances
        for doubt in _suspects_of(
            annotation, instance, [key.frame for key in reviewed if key.instance == instance]
        )
    ]
    return sorted(found, key=lambda doubt: (-doubt.gain, doubt.frame, doubt.instance))


def _suspects_of(annotation: Annotation, instance: int, reviewed: Sequence[int]) -> Iterator[Doubt]:
    records = annotation.records(instance)
    open_to = _unsettled(annotation, instance)
    open_to[list(reviewed)] = False
    known = open_to & (records["area"] > 0)
    unsure = np.where(open_to, 1 - records["confidence"], 0.0)
    areas = np.where(records["area"] > 0, records["area"], np.nan)
    ratio = np.where(known, areas / _median_around(areas), 1.0)
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


class DoubtfulFrames:
    """Follows an annotation: only maps that changed since the last call are read again."""

    def __init__(self) -> None:
        self._known: dict[int, _Measures] = {}

    def find(
        self,
        annotation: Annotation,
        instances: Sequence[int] | None = None,
        most: int = 20,
        reviewed: Collection[CellKey] = (),
        poll: Poll | None = None,
    ) -> list[Doubt]:
        """The stretches to be checked, by falling gain.

        Args:
            annotation: after a run.
            instances: whose masks; None for all.
            most: maximum number of stretches.
            reviewed: cells whose masks a person has looked at and left.
            poll: called before each map that is read, and after each stretch that is found. What it raises
                ends the call; what is measured by then is known to the next one.
        """
        found: list[Doubt] = []
        for instance in annotation.instances if instances is None else instances:
            # An empty map is a gap, which has a list of its own.
            open_to = _unsettled(annotation, instance) & _filled(annotation, instance)
            open_to[[key.frame for key in reviewed if key.instance == instance]] = False
            if open_to.any():
                known = self._known.setdefault(instance, _Measures(annotation.length))
                known.follow(annotation, instance, poll)
                for doubt in _of_instance(annotation, instance, known, most, open_to):
                    found.append(doubt)
                    if poll is not None:
                        poll()
        return sorted(found, key=lambda doubt: (-doubt.gain, doubt.frame, doubt.instance))[:most]


def doubtful(annotation: Annotation, instances: Sequence[int] | None = None, most: int = 20) -> list[Doubt]:
    """As `DoubtfulFrames.find`, once."""
    return DoubtfulFrames().find(annotation, instances, most)


def gaps(annotation: Annotation, instance: int) -> list[MissingRange]:
    """The gaps of an instance, in the order of frames; no map is read."""
    records = annotation.records(instance)
    filled = _filled(annotation, instance)
    said = (records["flags"] & PINNED) > 0
    there = (records["flags"] & THERE) > 0
    open_ = np.flatnonzero(~filled & ~said)
    if not open_.size or not filled.any():
        return []
    parts = np.split(open_, np.flatnonzero(np.diff(open_) > 1) + 1)
    return [MissingRange(instance, int(part[0]), int(part[-1]), bool(there[part].all())) for part in parts]


def _filled(annotation: Annotation, instance: int) -> NDArray[np.bool_]:
    """(length,) where an instance has a map that is not empty, by the index."""
    records = annotation.records(instance)
    found: NDArray[np.bool_] = ((records["flags"] & FILLED) > 0) & (records["area"] != 0)
    return found


def confidences(annotation: Annotation, instance: int) -> NDArray[np.float64]:
    """(length,) how far each mask of an instance can be relied on, in [0, 1]; 1 where there is none.

    The one place where this list takes it from.
    """
    records = annotation.records(instance)
    there = (records["flags"] & THERE) > 0
    return np.where(there, records["confidence"].astype(np.float64), 1.0)


class _Measures:
    """What is measured on the maps of an instance.

    Attributes:
        areas: (length,) pixels with P > 0.5.
        apart: (length - 1,) 1 - IoU of each frame's mask and the next one's.
    """

    def __init__(self, length: int) -> None:
        self.areas = np.zeros(length)
        self.apart = np.zeros(max(0, length - 1))
        # The stamps of the two cells of which `apart` was measured.
        self._pairs = np.zeros((max(0, length - 1), 2), np.int64)

    def follow(self, annotation: Annotation, instance: int, poll: Poll | None) -> None:
        """Measure the maps that changed since the last call; see `DoubtfulFrames.find` for `poll`."""
        records = annotation.records(instance)
        there = (records["flags"] & THERE) > 0
        self.areas = np.where(there, records["area"], 0).astype(np.float64)
        for frame in np.flatnonzero(self.areas < 0).tolist():
            # Of a map in memory.
            self.areas[frame] = annotation.mask(frame, instance).area
        stamps = annotation.stamps(instance)
        pairs = np.column_stack((stamps[:-1], stamps[1:]))
        changed = (pairs != self._pairs).any(axis=1)
        overlap = _overlapping(records, self.areas)
        apart = changed & ~overlap
        self.apart[apart] = self.areas[:-1][apart] + self.areas[1:][apart] > 0
        self._pairs[apart] = pairs[apart]
        for frame in np.flatnonzero(changed & overlap).tolist():
            if poll is not None:
                poll()
            one, other = annotation.mask(frame, instance), annotation.mask(frame + 1, instance)
            self.apart[frame] = 1 - one.iou(other)
            self._pairs[frame] = pairs[frame]


def _overlapping(records: NDArray[np.void], areas: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(length - 1,) where the maps of a frame and the next one may overlap, by their boxes."""
    one, other = records[:-1], records[1:]
    found: NDArray[np.bool_] = (areas[:-1] > 0) & (areas[1:] > 0)
    for first, last in (("x0", "x1"), ("y0", "y1")):
        found &= (one[first] < other[last]) & (other[first] < one[last])
    return found


def _of_instance(
    annotation: Annotation, instance: int, known: _Measures, most: int, open_to: NDArray[np.bool_]
) -> Iterator[Doubt]:
    row = annotation.row(instance)
    signs = _signs(annotation, instance, known)
    wrong = signs.wrong
    for _ in range(most):
        gains = np.where(open_to, _gains(wrong), 0.0)
        # Prefer frames that are likely wrong themselves.
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


def _unsettled(annotation: Annotation, instance: int) -> NDArray[np.bool_]:
    """(length,) where there is a mask that no person has made or approved."""
    flags = annotation.records(instance)["flags"]
    found: NDArray[np.bool_] = (flags & (THERE | PINNED)) == THERE
    return found


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


def _signs(annotation: Annotation, instance: int, known: _Measures) -> _Signs:
    records, length = annotation.records(instance), annotation.length
    there, pinned = (records["flags"] & THERE) > 0, (records["flags"] & PINNED) > 0
    origins = np.where(there, records["origin"], -1)
    unsure = np.where(pinned, 0.0, 1 - confidences(annotation, instance))
    areas, apart = known.areas, known.apart
    usual = float(np.median(apart)) if apart.size else 0.0
    excess = np.clip(apart - 2 * usual - 0.05, 0, 1)
    meets = origins[1:] != origins[:-1]
    jump = _beside(excess, length)
    seam = _beside(np.where(meets, excess, 0), length)
    ratio = (areas + 1) / (_median_around(areas) + 1)
    area = np.clip(np.abs(np.log(ratio)) - 0.2, 0, 1)
    steps = np.where(there, np.abs(np.arange(length) - origins), 0)
    drift = np.clip(_DRIFT * steps, 0, 0.2)
    counts = _unsettled(annotation, instance).astype(np.float64)
    present = counts * (areas > 0)
    return _Signs(unsure, counts * _JUMP * jump, seam, counts * _AREA * area, present * drift, ratio)


def _beside(between: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """For each frame the greater of the values towards its two neighbours."""
    found = np.zeros(length)
    np.maximum(found[:-1], between, out=found[:-1])
    np.maximum(found[1:], between, out=found[1:])
    return found


def _median_around(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """(length,) the median of each frame and those around it, without NaN; NaN where all are."""
    padded = np.pad(areas, _WINDOW, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _WINDOW + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found: NDArray[np.float64] = np.nanmedian(windows, axis=1)
    return found


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
    overlap = f"{100 * sure:.0f} %"
    if sure >= _SURE:
        # Listed because many frames around would gain a little.
        return f"Many masks around were not checked; the network expects an overlap of {overlap}."
    return f"The network is unsure of the mask: it expects an overlap of {overlap}."
