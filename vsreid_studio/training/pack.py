"""`vsreid-studio train pack`: training data in parts of a limited size, for a machine that holds nothing.

Pictures and masks travel as they are, byte for byte. The flow, which takes longest to compute, is rounded and
compressed, see `parts.encoded_flow`. Parts are ZIP files.
"""

from __future__ import annotations

import logging
import re
import zipfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from ..errors import UserError
from ..formats.atomic import replacing, writable_folder
from ..reading import MEGABYTE
from .clips import STILLS, flow_of, read_frame, sequence_files, split, still_files
from .parts import FLOW_UNIT, INDEX, Index, PackPart, checksum, encoded_flow

logger = logging.getLogger(__name__)
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of every member, so that the same data make the same bytes."""
_AROUND, _PER_MEMBER = 22, 76
"""Bytes of a ZIP file without members, and what each adds beside its content and twice its name."""


class Member(NamedTuple):
    """A file in a part.

    Attributes:
        name: its path, with `/`.
        read: makes its content.
    """

    name: str
    read: Callable[[], bytes]


def members(data: Path, sequences: tuple[str, ...], settings: dict[str, Any]) -> Iterator[Member]:
    """What a pack holds, in the order in which it is packed; nothing is read before it is asked for.

    Args:
        data: folder with `davis2016/` and `stills/`.
        settings: `every`, `stills` (most pictures of each folder; -1: all) and `flow`.

    Raises:
        UserError: a sequence is incomplete.
    """
    most = None if settings["stills"] < 0 else settings["stills"]
    for folder in STILLS:
        for pair in still_files(data / "stills" / folder)[:most]:
            yield from (Member(_name(data, path), path.read_bytes) for path in pair)
    davis = data / "davis2016"
    for name in sequences:
        files = sequence_files(davis, name)[:: settings["every"]]
        if len(files) < 2:
            raise UserError(f"Of the sequence {name} --every leaves fewer than two frames.")
        for pair in files:
            yield from (Member(_name(data, path), path.read_bytes) for path in pair)
        if settings["flow"]:
            for number, ((earlier, _), (later, _)) in enumerate(pairwise(files)):
                yield Member(f"flow/{name}/{number:05d}", partial(_coded_flow, earlier, later))


def _coded_flow(earlier: Path, later: Path) -> bytes:
    """The flow of two frames: the length of the forward one, this, and the backward one."""
    forward, backward = (encoded_flow(flow) for flow in flow_of(read_frame(earlier), read_frame(later)))
    return len(forward).to_bytes(4, "little") + forward + backward


def pack(data: Path, folder: Path, wanted: Index) -> Index:
    """Write the parts that are not yet there, and the index.

    Args:
        wanted: settings and sequences, without parts.

    Returns:
        The complete index.

    Raises:
        UserError: the folder holds another pack, data cannot be read, or a file does not fit into a part.
    """
    writable_folder(folder)
    index = wanted
    if (folder / INDEX).exists():
        index = Index.read(folder)
        if not index.like(wanted):
            raise UserError(f"{folder} holds a pack of other data or settings: choose another folder.")
        index = index.beginning(folder)
    most = int(wanted.settings["part_size"])
    done = sum(part.members for part in index.parts)
    left = islice(members(data, wanted.sequences, wanted.settings), done, None)
    for contents in [] if index.complete else _filled(left, most):
        part = _written(folder / f"part-{len(index.parts) + 1:03d}.zip", contents)
        index = replace(index, parts=(*index.parts, part))
        index.write(folder)
        logger.info("wrote %s: %.1f MB", part.name, part.size / 1e6)
    index = replace(index, complete=True)
    index.write(folder)
    return index


def _filled(left: Iterator[Member], most: int) -> Iterator[list[tuple[str, bytes]]]:
    """Members with their contents, as many at a time as a part of `most` bytes holds."""
    contents: list[tuple[str, bytes]] = []
    size = _AROUND
    for member in left:
        data = member.read()
        more = _PER_MEMBER + 2 * len(member.name.encode()) + len(data)
        if _AROUND + more > most:
            raise UserError(f"{member.name} has {len(data) / 1e6:.1f} MB: choose a larger --part-size.")
        if contents and size + more > most:
            yield contents
            contents, size = [], _AROUND
        contents.append((member.name, data))
        size += more
    if contents:
        yield contents


def _written(path: Path, contents: list[tuple[str, bytes]]) -> PackPart:
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        for name, data in contents:
            file.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return PackPart(path.name, path.stat().st_size, checksum(path), len(contents))


def _name(data: Path, path: Path) -> str:
    return path.relative_to(data).as_posix()


def part_size(text: str) -> int:
    """Bytes of a size such as `60MiB`.

    Raises:
        ArgumentTypeError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i?B|)\s*", text, re.IGNORECASE)
    if found is None or float(found[1]) <= 0:
        raise ArgumentTypeError(f"'{text}' is no size such as 60MiB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train pack`."""
    parser.add_argument("--data", required=True, help="folder with davis2016/ and stills/")
    parser.add_argument("--output", required=True, metavar="PARTS", help="folder for the parts")
    parser.add_argument(
        "--part-size",
        type=part_size,
        default=60 * MEGABYTE,
        metavar="SIZE",
        help="most of a part, such as 60MiB (the default) or 15MB",
    )
    parser.add_argument(
        "--every", type=_count, default=1, metavar="N", help="only every N-th frame of videos"
    )
    parser.add_argument("--sequences", nargs="+", metavar="NAME", help="only these sequences of train")
    parser.add_argument("--stills", type=_count, metavar="N", help="at most so many pictures of each folder")
    parser.add_argument(
        "--no-flow", action="store_true", help="leave the flow out: it is computed where it is missing"
    )


def run(args: Namespace) -> int:
    """The command `vsreid-studio train pack`."""
    cv2.setNumThreads(1)
    data = Path(args.data)
    known = split(data / "davis2016", "train")
    chosen = tuple(args.sequences or known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise UserError(f"{unknown[0]} is not a sequence of {data / 'davis2016/ImageSets/2016/train.txt'}.")
    settings = {
        "every": args.every,
        "stills": args.stills or -1,
        "flow": not args.no_flow,
        "flow_unit": FLOW_UNIT,
        "part_size": args.part_size,
    }
    index = pack(data, Path(args.output), Index(settings, chosen))
    total = sum(part.size for part in index.parts)
    logger.info("%d parts of %.1f MB in all, in %s", len(index.parts), total / 1e6, args.output)
    return 0
