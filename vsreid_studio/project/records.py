"""What a project holds beside the annotation: its video, its instances, its runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..engine.types import MAX_INSTANCE
from ..formats.classes import Classes

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class VideoRef:
    """The video that a project annotates.

    Attributes:
        path: where it was last seen, absolute: a file or a folder of pictures.
        fingerprint: tells the video from others, wherever it lies.
        length: frames.
        height, width: of a frame, in pixels.
    """

    path: Path
    fingerprint: str
    length: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One object to cut out.

    Attributes:
        number: 1 to 254, its value in label maps.
        name: as the person calls it.
        colour: on screen, '#rrggbb' in lower case.
        hidden: not drawn.
        locked: not to be edited.
        order: place in lists, ascending; ties go by number.
        category: number of its class in the project's list, None for no class.
    """

    number: int
    name: str
    colour: str
    hidden: bool = False
    locked: bool = False
    order: int = 0
    category: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.number <= MAX_INSTANCE:
            raise ValueError(f"an instance has a number from 1 to {MAX_INSTANCE}, not {self.number}")
        if not _COLOUR.fullmatch(self.colour):
            raise ValueError(f"a colour is written '#rrggbb', not {self.colour!r}")


def classes_of(listed: Mapping[int, str], instances: Mapping[int, Instance]) -> Classes:
    """The classes of a project as exports take them.

    Args:
        listed: names by number.
        instances: by number.
    """
    of = {n: one.category for n, one in instances.items() if one.category is not None}
    return Classes(listed, of)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What N_mp has learnt of this video.

    Attributes:
        base: checksum of the weights that were adapted; it goes with no others.
        data: the adapted tensors, a safetensors file.
    """

    base: str
    data: bytes


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of the engine on this project.

    Attributes:
        started: when, in UTC.
        weights: checksum of each weight file it used, by name.
    """

    started: datetime
    weights: Mapping[str, str]
