"""The pictures of one sequence of masks, all read in the same way: guessed once, or as a person says.

A grey 255 is an object in one data set and void in another. Soft edges, colours and alpha are
distinguished by all pictures of the sequence together, never picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import MAX_INSTANCE, LabelMap, SoftMask
from ..errors import UserError
from .mask_pixels import BLACK, PALETTE, WHITE, Kind, Pixels, Survey, codes, histogram, is_grey, read_pixels

VOID = 255
"""Value of pixels that belong to nothing and count for nothing."""

_PALETTE_CODES = codes(PALETTE)
_NUMBER_OF = {int(colour): number for number, colour in enumerate(_PALETTE_CODES)}
_RAMP = 0.5
"""From this share of pixels on a slope between black and the highest level, grey levels are a soft edge."""
_UNSURE = 0.1
"""From this share on they are no instance numbers either, where there are many levels."""
_AREA = 0.1
"""At most this share of them may have one middle level and neighbours like themselves."""
_MANY = 24
"""Levels that are many."""
_CLEAR = -1
"""The background where it is transparent: no colour."""
_BRIGHT = 128
"""A lone grey level from here on is a white, not an instance number."""


class Reading(StrEnum):
    """How the pictures of a sequence are taken.

    `PALETTE`: palette indices or grey levels are instance numbers. `COLOURS`: each colour is an instance.
    `BINARY`: what is not background is one object. `SOFT`: grey levels are the probability of one object.
    `ALPHA`: alpha is. `OBJECTS`: each file shows one object, given by its number or folder.
    """

    PALETTE = "palette"
    COLOURS = "colours"
    BINARY = "binary"
    SOFT = "soft"
    ALPHA = "alpha"
    OBJECTS = "objects"


@dataclass(frozen=True, eq=False)
class _Plan:
    """What was decided for a sequence.

    Attributes:
        reading: one of `Reading` but `OBJECTS`.
        text: names it for a person.
        numbers: instance by colour (`COLOURS`), or by level of 16 bits (`PALETTE`); empty where the values
            are the numbers.
        background: for `BINARY`, the colour that is no object; None if `least` decides.
        least: for `BINARY`, the lowest level of the object.
        top: for `SOFT`, the level that is certain.
        void: whether 255 is void.
    """

    reading: Reading
    text: str
    numbers: Mapping[int, int] = field(default_factory=dict)
    background: int | None = None
    least: int = 1
    top: int = 255
    void: bool = False


class MaskReader:
    """Reads the mask pictures of one sequence.

    Attributes:
        reading: how they are taken.
        text: the same for a person, such as 'one soft-edged object'.
    """

    def __init__(
        self,
        files: Iterable[Path],
        reading: Reading | None = None,
        size: tuple[int, int] | None = None,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        """Look at every picture.

        Args:
            files: all of the sequence, in order.
            reading: how to take them, None to guess. `OBJECTS` guesses how each file shows its object.
            size: (height, width) that each must have, None for any.
            between: called before each picture; what it raises ends the reading.

        Raises:
            UserError: one cannot be read or has another size, or they cannot be taken so.
        """
        self._size = size
        self._last: tuple[Path, Pixels] | None = None
        paths = list(files)
        survey = self._survey(paths, between, as_colours=False)
        if not _comparable(survey):
            survey = self._survey(paths, between, as_colours=True)
        self._plan = _planned(survey, reading, paths[0] if paths else Path())
        self.reading, self.text = self._plan.reading, self._plan.text

    def labels(self, file: Path, *, keep_void: bool = False) -> LabelMap:
        """One of the pictures as instance numbers, a soft object where it is above one half.

        Args:
            keep_void: leave void pixels at 255 instead of turning them to background.

        Returns:
            (H, W) uint8.

        Raises:
            UserError: it cannot be read any more.
        """
        pixels = self._read(file)
        if self.reading in {Reading.SOFT, Reading.ALPHA}:
            return np.greater(self._soft(pixels), 127).astype(np.uint8)
        labels = self._hard(pixels)
        if self._plan.void and not keep_void:
            labels[labels == VOID] = 0
        return labels

    def masks(self, file: Path, *, void: bool = False) -> dict[int, SoftMask]:
        """One of the pictures as a map of each instance that has a pixel in it; a soft object stays soft.

        Args:
            void: take 255 for void, as in a data set, and not for a mistake.

        Raises:
            UserError: it cannot be read any more, or numbers an instance 255.
        """
        if self.reading in {Reading.SOFT, Reading.ALPHA}:
            soft = SoftMask.tight(self._soft(self._read(file)))
            return {1: soft} if soft.area else {}
        labels = self.labels(file, keep_void=not void)
        counts = histogram(labels)
        if counts[MAX_INSTANCE + 1 :].any():
            raise UserError(f"{file} uses the value 255, which is void: number its instances 1 to 254.")
        numbers = (np.flatnonzero(counts[1:]) + 1).tolist()
        # By OpenCV, which takes a fraction of NumPy's time and lets other threads go on.
        return {k: SoftMask.tight(np.asarray(cv2.inRange(labels, k, k), np.uint8)) for k in numbers}

    def _survey(self, files: list[Path], between: Callable[[], object], *, as_colours: bool) -> Survey:
        survey = Survey(as_colours)
        for file in files:
            between()
            survey.add(file, self._read(file))
        return survey

    def _read(self, file: Path) -> Pixels:
        if self._last is None or self._last[0] != file:
            self._last = file, read_pixels(file, self._size)
        return self._last[1]

    def _soft(self, pixels: Pixels) -> NDArray[np.uint8]:
        """(H, W) uint8, probability x 255."""
        if self.reading is Reading.ALPHA:
            return np.full(pixels.values.shape, 255, np.uint8) if pixels.alpha is None else pixels.alpha
        levels = pixels.values if pixels.palette is None else pixels.grey
        scaled = levels.astype(np.float32) * np.float32(255 / self._plan.top)
        return np.rint(np.minimum(scaled, 255)).astype(np.uint8)

    def _hard(self, pixels: Pixels) -> LabelMap:
        """(H, W) uint8, instance numbers with void at 255; a copy."""
        plan = self._plan
        if self.reading is Reading.BINARY:
            if plan.background is None:
                labels = np.greater_equal(pixels.values, plan.least).astype(np.uint8)
            else:
                labels = np.not_equal(pixels.colours, plan.background).astype(np.uint8)
        elif plan.numbers:
            values = pixels.colours if self.reading is Reading.COLOURS else pixels.values
            labels = _looked_up(values, plan.numbers)
        else:
            labels = pixels.values.astype(np.uint8)
        if pixels.alpha is not None:
            labels[pixels.alpha <= 127] = 0
        return labels


def _looked_up(values: NDArray[Any], numbers: Mapping[int, int]) -> LabelMap:
    """The number of each value; 0 for those that have none."""
    known = np.array(sorted(numbers), np.int64)
    listed = np.array([numbers[int(value)] for value in known], np.uint8)
    places = np.searchsorted(known, values).clip(max=len(known) - 1)
    labels: LabelMap = np.where(known[places] == values, listed[places], 0).astype(np.uint8)
    return labels


def _comparable(survey: Survey) -> bool:
    """Whether a value means the same in each picture, so that colours need not be compared."""
    if survey.palette is None:
        return False
    if survey.kinds == {Kind.PALETTE, Kind.GREY}:
        return all(_NUMBER_OF.get(colour) == index for index, colour in survey.palette.items())
    return len(survey.kinds) <= 1


def _planned(survey: Survey, reading: Reading | None, file: Path) -> _Plan:
    if reading is None or reading is Reading.OBJECTS:
        return _guessed(survey, file)
    if reading is Reading.ALPHA:
        if not survey.clear:
            raise UserError(f"{file} has no transparent pixel, so that alpha shows no object.")
        return _alpha(survey)
    if survey.many:
        raise _too_many(file)
    if reading is Reading.BINARY:
        return _binary(survey)
    if reading is Reading.COLOURS:
        return _by_colours(survey, file, forced=True)
    if _coloured(survey) or (reading is Reading.SOFT and not is_grey(survey.colours)):
        raise UserError(f"{file} is in colours: read it as {Reading.COLOURS} or {Reading.BINARY}.")
    return _soft(survey) if reading is Reading.SOFT else _numbers(survey, file)


def _guessed(survey: Survey, file: Path) -> _Plan:
    if survey.clear and not _labels_on_clear(survey):
        return _alpha(survey)
    if survey.many:
        raise _too_many(file)
    if _coloured(survey):
        return _by_colours(survey, file, forced=False)
    if survey.kinds == {Kind.PALETTE}:
        return _of_palette(survey, file)
    if _is_soft(survey):
        return _soft(survey)
    levels = [value for value in survey.values if value]
    if len(levels) == 1 and levels[0] >= _BRIGHT:
        return _binary(survey)
    if survey.ramp >= _UNSURE * max(1, survey.between) and len(levels) > _MANY:
        raise UserError(
            f"{file} has {len(levels)} grey levels, neither instance numbers nor one soft-edged object: "
            "save each object as a file of its own, or without smoothed edges."
        )
    return _numbers(survey, file)


def _of_palette(survey: Survey, file: Path) -> _Plan:
    """By the colours where these say that the indices mean nothing, else by the indices."""
    colours = survey.palette or {}
    used = set(colours.values())
    if used <= {BLACK, WHITE} and WHITE in used:
        return _binary(survey)
    if all(_NUMBER_OF.get(colour) == index for index, colour in colours.items()):
        return _numbers(survey, file)
    if is_grey(used) and _is_soft(survey):
        return _soft(survey)
    moved = all(colour in _NUMBER_OF for colour in used)
    first = colours.get(0, BLACK)
    on_white = first not in {BLACK, WHITE} and _background(survey) == WHITE
    if moved or on_white or (first != BLACK and BLACK in used):
        return _by_colours(survey, file, forced=False)
    return _numbers(survey, file)


def _coloured(survey: Survey) -> bool:
    return survey.as_colours or Kind.COLOUR in survey.kinds


def _is_soft(survey: Survey) -> bool:
    """Whether the levels between black and the highest are the slopes of soft edges.

    There is no area of a middle level then, and some pixels do have one.
    """
    levels = survey.values if not survey.deep else [level // 257 for level in survey.values]
    if survey.kinds == {Kind.PALETTE}:
        levels = [colour & 255 for colour in survey.colours]
    top = max(levels, default=0)
    middle = [level for level in levels if top / 4 <= level <= 7 / 8 * top]
    area = max((survey.flat[level] for level in middle), default=0)
    slopes = survey.between > 0 and survey.ramp >= _RAMP * survey.between
    return top >= _BRIGHT // 2 and bool(middle) and slopes and area <= _AREA * survey.between


def _labels_on_clear(survey: Survey) -> bool:
    """Whether flat colours stand for objects, and transparent pixels only for the background."""
    shown = survey.colours
    return not survey.many and 1 < len(shown) <= MAX_INSTANCE and set(survey.values) <= survey.solid


def _object(*, soft: bool = False) -> str:
    return "one soft-edged object" if soft else "one object"


def _alpha(survey: Survey) -> _Plan:
    return _Plan(Reading.ALPHA, f"{_object(soft=survey.half)}, where the picture is opaque")


def _soft(survey: Survey) -> _Plan:
    full = 65535 if survey.deep else 255
    levels = survey.values if survey.deep else [colour & 255 for colour in survey.colours]
    highest = max(levels, default=0)
    # Where nothing is above one half, the brightest level is certain.
    return _Plan(Reading.SOFT, _object(soft=True), top=full if highest > full // 2 else max(1, highest))


def _binary(survey: Survey) -> _Plan:
    if _coloured(survey) or survey.kinds == {Kind.PALETTE}:
        black_and_white = set(survey.colours) <= {BLACK, WHITE}
        return _Plan(Reading.BINARY, _object(), background=BLACK if black_and_white else _background(survey))
    smooth = survey.ramp >= _UNSURE * max(1, survey.between)
    half = 32768 if survey.deep else 128
    return _Plan(Reading.BINARY, _object(), least=half if smooth else 1)


def _numbers(survey: Survey, file: Path) -> _Plan:
    """Palette indices or grey levels as instance numbers."""
    what = "grey levels" if survey.kinds <= {Kind.GREY} else "palette indices"
    if not survey.deep:
        return _Plan(Reading.PALETTE, f"{what} as instance numbers", void=True)
    levels = sorted(value for value in survey.values if value)
    if len(levels) > MAX_INSTANCE:
        raise UserError(f"{file} has {len(levels)} grey levels: masks number 254 instances at most.")
    numbers = {0: 0, **{level: number for number, level in enumerate(levels, 1)}}
    return _Plan(Reading.PALETTE, "grey levels of 16 bits as objects, from the lowest on", numbers)


def _by_colours(survey: Survey, file: Path, *, forced: bool) -> _Plan:
    """Each colour as an instance: DAVIS colours by their numbers, others in the order of appearance."""
    if survey.deep:
        raise UserError(f"{file} has grey levels of 16 bits: read it as {Reading.PALETTE} or {Reading.SOFT}.")
    colours = survey.colours
    if set(colours) <= {BLACK, WHITE} and not forced:
        return _binary(survey)
    if all(colour in _NUMBER_OF for colour in colours):
        numbers = {colour: _NUMBER_OF[colour] for colour in colours}
        return _Plan(Reading.COLOURS, "DAVIS colours as instance numbers", numbers, void=True)
    background = _background(survey)
    objects = [colour for colour in colours if colour != background]
    if not forced:
        _refuse_strays(survey, file)
    if len(objects) > MAX_INSTANCE:
        raise UserError(f"{file} has {len(objects)} colours: masks number 254 instances at most.")
    numbers = {background: 0, **{colour: number for number, colour in enumerate(objects, 1)}}
    ground = {BLACK: "on black", WHITE: "on white", _CLEAR: ""}.get(background, f"on #{background:06x}")
    return _Plan(Reading.COLOURS, f"each colour as an object {ground}".rstrip(), numbers)


def _background(survey: Survey) -> int:
    """Black where it occurs; else what is transparent; else the colour of most of the pictures' edges."""
    if BLACK in survey.colours:
        return BLACK
    border = survey.border_colours
    if survey.clear or not border:
        return _CLEAR
    return max(border, key=lambda colour: border[colour])


def _refuse_strays(survey: Survey, file: Path) -> None:
    """Refuse colours that fill no area anywhere: those of smoothed edges, or a slip of the pen."""
    strays = [value for value in survey.values if value not in survey.solid]
    if strays:
        colour = survey.colour(strays[0])
        rgb = (colour >> 16, colour >> 8 & 255, colour & 255)
        more = f" (as do {len(strays) - 1} others)" if len(strays) > 1 else ""
        raise UserError(
            f"{survey.first.get(strays[0], file)} has the colour {rgb}, which names no instance in the DAVIS "
            f"palette and fills no area{more}: save the masks as palette PNGs, without smoothed edges."
        )


def _too_many(file: Path) -> UserError:
    return UserError(f"{file} has thousands of colours: it is a picture and no mask.")
