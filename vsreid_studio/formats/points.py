"""Files of points: what a person has clicked, for commands without a window.

A JSON list, one entry for each instance in a frame:
`[{"frame": 0, "instance": 1, "points": [[x, y, 1], [x, y, 0]], "box": [x0, y0, x1, y1]}]`. Coordinates are
pixels of the frame, 1 adds, 0 takes away; `points` or `box` may be left out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.types import MAX_INSTANCE, Box, CellKey, Click, SoftMask
from ..errors import UserError
from ..reading import SETTINGS_SIZE, quoted, read_json
from .frame_names import find_frame, span

_KEYS = {"frame", "instance", "points", "box"}


@dataclass(frozen=True)
class Prompt:
    """What was clicked on one instance in one frame.

    Attributes:
        key: the frame and the instance.
        clicks: in order.
        box: drawn around the instance, or None.
    """

    key: CellKey
    clicks: tuple[Click, ...]
    box: Box | None


@dataclass(frozen=True)
class Clicked:
    """How a mask came of points.

    Attributes:
        prompt: the cell, the clicks and the box.
        corrects: whether there was a mask before the first click.
        weights: sha256 of the click network's weights.
        mask: checksum of the mask, see `checksum`.
    """

    prompt: Prompt
    corrects: bool
    weights: str
    mask: str

    def made(self, mask: SoftMask) -> bool:
        """Whether it is this mask that was made."""
        return self.mask == checksum(mask)

    def plain(self) -> dict[str, Any]:
        """For JSON: the points and the box as in a file of points."""
        box = self.prompt.box
        return {
            "points": [[click.x, click.y, int(click.adds)] for click in self.prompt.clicks],
            "box": None if box is None else [box.x0, box.y0, box.x1, box.y1],
            "corrects": self.corrects,
            "weights": self.weights,
        }


def checksum(mask: SoftMask) -> str:
    """Identifies a mask by its box and its values."""
    box = mask.box
    found = hashlib.sha256(f"{box.x0} {box.y0} {box.x1} {box.y1}\n".encode())
    found.update(mask.values.tobytes())
    return found.hexdigest()[:32]


def clicked_from(key: CellKey, mask: str, record: Mapping[str, Any]) -> Clicked:
    """What `Clicked.plain` made.

    Args:
        mask: its checksum.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    clicks = tuple(Click(float(x), float(y), bool(adds)) for x, y, adds in record["points"])
    box = None if record["box"] is None else Box(*(int(side) for side in record["box"]))
    return Clicked(Prompt(key, clicks, box), bool(record["corrects"]), str(record["weights"]), mask)


def read_points(
    path: Path, length: int, height: int, width: int, names: Sequence[str] | None = None
) -> tuple[Prompt, ...]:
    """Read a file of points for a video.

    Args:
        length: of the video, in frames.
        height, width: of a frame, in pixels.
        names: of the frames, see `Video.names`: an entry gives a frame's name, or the number in it; None
            where frames are numbered from 0, as in a video file.

    Returns:
        At least one prompt, in order of frames and instances, each with a click or a box.

    Raises:
        UserError: the file cannot be read, is of another form, or speaks of what is not in the video.
    """
    entries = read_json(path, SETTINGS_SIZE)
    if not isinstance(entries, list):
        raise UserError(f"{path} is not a list of entries with a frame, an instance and points.")
    if not entries:
        raise UserError(f"{path} holds no points.")
    given = names or [f"{index:05d}" for index in range(length)]
    found: dict[CellKey, Prompt] = {}
    for number, entry in enumerate(entries, 1):
        where = f"{path}, entry {number}"
        prompt = _prompt(entry, where, given, height, width)
        if prompt.key in found:
            frame, instance = prompt.key
            raise UserError(f"{where}: frame {frame} and instance {instance} stand in an earlier entry, too.")
        found[prompt.key] = prompt
    return tuple(found[key] for key in sorted(found))


def _prompt(entry: Any, where: str, names: Sequence[str], height: int, width: int) -> Prompt:
    if not isinstance(entry, dict):
        raise UserError(f"{where} is not an object with a frame, an instance and points: {quoted(entry)}.")
    if unknown := sorted(set(entry) - _KEYS):
        raise UserError(f"{where} has the key {quoted(unknown[0])}, which means nothing here.")
    frame = _frame(entry, where, names)
    instance = _whole(entry, "instance", where)
    if not 1 <= instance <= MAX_INSTANCE:
        raise UserError(f"{where}: instances are numbered 1 to {MAX_INSTANCE}, not {instance}.")
    points = entry.get("points", [])
    if not isinstance(points, list):
        raise UserError(f"{where}: 'points' is not a list.")
    clicks = tuple(_click(point, where, height, width) for point in points)
    places = {(click.x, click.y) for click in clicks}
    if len(places) < len(clicks):
        raise UserError(f"{where}: a point stands twice.")
    box = entry.get("box")
    if not clicks and box is None:
        raise UserError(f"{where} has neither points nor a box.")
    return Prompt(CellKey(frame, instance), clicks, None if box is None else _box(box, where, height, width))


def _frame(entry: dict[str, Any], where: str, names: Sequence[str]) -> int:
    """The frame that an entry means: by its name, by the number in it, or from 0 where names have none."""
    value = entry.get("frame")
    text = value if isinstance(value, str) else str(_whole(entry, "frame", where))
    frame = find_frame(text, names)
    if frame is None:
        raise UserError(f"{where}: there is no frame {quoted(value)}, the video's are {span(names)}.")
    return frame


def _whole(entry: dict[str, Any], name: str, where: str) -> int:
    if name not in entry:
        raise UserError(f"{where} names no {name}.")
    value = entry[name]
    if type(value) is not int:
        raise UserError(f"{where}: {name!r} is not a whole number: {quoted(value)}.")
    return value


def _click(point: Any, where: str, height: int, width: int) -> Click:
    if not isinstance(point, list) or len(point) != 3 or not all(_is_number(value) for value in point):
        raise UserError(f"{where}: a point is three numbers, x, y and 1 or 0, not {quoted(point)}.")
    x, y, adds = point
    if adds not in (0, 1):
        raise UserError(f"{where}: the third number of a point is 1 (adds) or 0 (takes away), not {adds}.")
    if not (0 <= x < width and 0 <= y < height):
        raise UserError(f"{where}: the point ({x}, {y}) lies outside the frame of {width} x {height} pixels.")
    return Click(float(x), float(y), bool(adds))


def _box(corners: Any, where: str, height: int, width: int) -> Box:
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_number(value) for value in corners):
        raise UserError(f"{where}: a box is four numbers, x0, y0, x1 and y1, not {quoted(corners)}.")
    x0, y0, x1, y1 = corners
    if not (x0 < x1 and y0 < y1):
        raise UserError(f"{where}: the box {corners} is empty: x0 < x1 and y0 < y1.")
    if not (x0 >= 0 and x1 <= width and y0 >= 0 and y1 <= height):
        raise UserError(f"{where}: the box {corners} reaches outside the frame of {width} x {height} pixels.")
    return Box(math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
