"""How the pictures of a sequence of masks are taken: guessed from all of them, or as a person says.

A grey 255 is an object in one data set and void in another. Soft edges, colours and alpha are
distinguished by all pictures of the sequence together, never picture by picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from ..engine.types import MAX_INSTANCE
from ..errors import UserError
from .mask_pixels import BLACK, PALETTE, WHITE, Kind, Survey, codes, is_grey

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
class MaskCoding:
    """How the pictures of one sequence show instances.

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

    @property
    def values(self) -> dict[int, int]:
        """Instance by colour or level, where these are numbered in the order of appearance; else empty."""
        return {} if self.void else {value: number for value, number in self.numbers.items() if number}


def is_comparable(survey: Survey) -> bool:
    """Whether a value means the same in each picture, so that colours need not be compared."""
    if survey.palette is None:
        return False
    if survey.kinds == {Kind.PALETTE, Kind.GREY}:
        return all(_NUMBER_OF.get(colour) == index for index, colour in survey.palette.items())
    return len(survey.kinds) <= 1


def coding_of(survey: Survey, reading: Reading | None, file: Path) -> MaskCoding:
    """Decide how the pictures of a sequence are taken.

    Args:
        survey: of all of them.
        reading: what a person asks for; None, or `OBJECTS`, to guess.
        file: one of them, which errors name.

    Raises:
        UserError: they cannot be taken so, or nothing can be guessed.
    """
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


def numbered_like(coding: MaskCoding, other: MaskCoding) -> MaskCoding:
    """The coding with the numbers that another one has for the same colours.

    Colours, and levels of 16 bits, are numbered in the order in which a sequence shows them, so that two
    sequences of the same objects may number them otherwise. Values that the other one has not follow.
    """
    both = coding.numbers and other.numbers and coding.reading is other.reading
    if not both or coding.void or other.void:
        return coding
    last = max(other.numbers.values())
    fresh = [value for value, number in coding.numbers.items() if number and value not in other.numbers]
    numbers = {value: other.numbers.get(value, number) for value, number in coding.numbers.items()}
    numbers |= {value: min(last + place, MAX_INSTANCE) for place, value in enumerate(fresh, 1)}
    return replace(coding, numbers=numbers)


def _guessed(survey: Survey, file: Path) -> MaskCoding:
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


def _of_palette(survey: Survey, file: Path) -> MaskCoding:
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


def _alpha(survey: Survey) -> MaskCoding:
    return MaskCoding(Reading.ALPHA, f"{_object(soft=survey.half)}, where the picture is opaque")


def _soft(survey: Survey) -> MaskCoding:
    full = 65535 if survey.deep else 255
    levels = survey.values if survey.deep else [colour & 255 for colour in survey.colours]
    highest = max(levels, default=0)
    # Where nothing is above one half, the brightest level is certain.
    return MaskCoding(Reading.SOFT, _object(soft=True), top=full if highest > full // 2 else max(1, highest))


def _binary(survey: Survey) -> MaskCoding:
    if _coloured(survey) or survey.kinds == {Kind.PALETTE}:
        black_and_white = set(survey.colours) <= {BLACK, WHITE}
        return MaskCoding(
            Reading.BINARY, _object(), background=BLACK if black_and_white else _background(survey)
        )
    smooth = survey.ramp >= _UNSURE * max(1, survey.between)
    half = 32768 if survey.deep else 128
    return MaskCoding(Reading.BINARY, _object(), least=half if smooth else 1)


def _numbers(survey: Survey, file: Path) -> MaskCoding:
    """Palette indices or grey levels as instance numbers."""
    what = "grey levels" if survey.kinds <= {Kind.GREY} else "palette indices"
    if not survey.deep:
        return MaskCoding(Reading.PALETTE, f"{what} as instance numbers", void=True)
    # In the order of appearance: an object that comes later moves no numbers of those before.
    # Levels of one picture ascend.
    levels = [value for value in survey.values if value]
    if len(levels) > MAX_INSTANCE:
        raise UserError(f"{file} has {len(levels)} grey levels: masks number 254 instances at most.")
    numbers = {0: 0, **{level: number for number, level in enumerate(levels, 1)}}
    return MaskCoding(
        Reading.PALETTE, "grey levels of 16 bits as objects, in the order of appearance", numbers
    )


def _by_colours(survey: Survey, file: Path, *, forced: bool) -> MaskCoding:
    """Each colour as an instance: DAVIS colours by their numbers, others in the order of appearance."""
    if survey.deep:
        raise UserError(f"{file} has grey levels of 16 bits: read it as {Reading.PALETTE} or {Reading.SOFT}.")
    colours = survey.colours
    if set(colours) <= {BLACK, WHITE} and not forced:
        return _binary(survey)
    if all(colour in _NUMBER_OF for colour in colours):
        numbers = {colour: _NUMBER_OF[colour] for colour in colours}
        return MaskCoding(Reading.COLOURS, "DAVIS colours as instance numbers", numbers, void=True)
    background = _background(survey)
    objects = [colour for colour in colours if colour != background]
    if not forced:
        _refuse_strays(survey, file)
    if len(objects) > MAX_INSTANCE:
        raise UserError(f"{file} has {len(objects)} colours: masks number 254 instances at most.")
    numbers = {background: 0, **{colour: number for number, colour in enumerate(objects, 1)}}
    ground = {BLACK: "on black", WHITE: "on white", _CLEAR: ""}.get(background, f"on #{background:06x}")
    return MaskCoding(Reading.COLOURS, f"each colour as an object {ground}".rstrip(), numbers)


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
