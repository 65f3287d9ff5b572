"""`vsreid-studio train unpack`: makes of the parts of `train pack` what training reads.

Parts may come one after the other: each call unpacks those that are there. The list of sequences, without
which no training begins, is written when all of them are unpacked.
"""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..formats.atomic import writable_folder, write_bytes, write_text
from ..reading import MEGABYTE, expecting, read_json
from .clips import flow_files, read_clips, save_arrays, threads
from .parts import Index, PackPart, decoded_flow, intact

logger = logging.getLogger(__name__)
_RECORD = "unpacked.json"
_KINDS = ("davis2016", "stills", "flow")


def unpack(parts: Path, data: Path, cache: Path) -> list[str]:
    """Unpack the parts that are there and were not unpacked before.

    Args:
        parts: folder with `index.json` and some of the parts, or all.
        data: gets `davis2016/` and `stills/`.
        cache: gets decoded frames, masks and flow of the sequences, once all parts are unpacked.

    Returns:
        Names of the parts that are still missing.

    Raises:
        UserError: a part is damaged, or a folder holds something else already.
    """
    index = Index.read(parts)
    if not index.complete:
        raise UserError(f"The pack in {parts} is not complete: call train pack again where it was made.")
    done = _begun(index, data, cache)
    for part in index.parts:
        if part.sha256 in done or not (parts / part.name).exists():
            continue
        if not intact(parts, part):
            raise UserError(f"{parts / part.name} is not as it was written: bring it again.")
        _extract(parts, part, data)
        done.add(part.sha256)
        _note(index, done, data)
        logger.info("unpacked %s", part.name)
    missing = [part.name for part in index.parts if part.sha256 not in done]
    if not missing:
        _finish(index, data, cache)
    return missing


def _begun(index: Index, data: Path, cache: Path) -> set[str]:
    """The checksums of the parts that were unpacked into a folder before."""
    record = data / _RECORD
    if record.exists():
        found = read_json(record, MEGABYTE)
        with expecting(f"{record} is not what train unpack writes"):
            if found["pack"] == [part.sha256 for part in index.parts]:
                return {str(it) for it in found["done"]}
        raise UserError(f"{data} holds parts of another pack: choose another folder.")
    there = [data / kind for kind in _KINDS] + [cache / name for name in index.sequences]
    for place in there:
        if place.exists():
            raise UserError(f"{place} is there already, and not from these parts: choose an empty folder.")
    writable_folder(data)
    _note(index, set(), data)
    return set()


def _note(index: Index, done: set[str], data: Path) -> None:
    content = {"pack": [part.sha256 for part in index.parts], "done": sorted(done)}
    write_text(data / _RECORD, json.dumps(content, indent=1) + "\n")


def _extract(parts: Path, part: PackPart, data: Path) -> None:
    # Not each file atomically: a part that was interrupted is not noted, and is unpacked again.
    with zipfile.ZipFile(parts / part.name) as file:
        for info in file.infolist():
            place = PurePosixPath(info.filename)
            if place.parts[0] not in _KINDS or ".." in place.parts:
                raise UserError(f"{parts / part.name} holds {info.filename}, which is no training data.")
            target = data / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read(info))


def _finish(index: Index, data: Path, cache: Path) -> None:
    """Decode what training reads from the cache; last, write the list of sequences."""
    for name in index.sequences:
        coded = data / "flow" / name
        if not coded.is_dir():
            continue
        if not all(path.exists() for path in flow_files(cache, name)):
            with ThreadPoolExecutor(threads()) as pool:
                pairs = list(pool.map(_flows, sorted(coded.iterdir())))
            for target, flows in zip(flow_files(cache, name), zip(*pairs, strict=True), strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                save_arrays(target, flows)
        shutil.rmtree(coded)
    read_clips(data / "davis2016", index.sequences, cache)
    text = "".join(f"{name}\n" for name in index.sequences)
    folder = data / "davis2016" / "ImageSets" / "2016"
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "train.txt", text.encode())


def _flows(path: Path) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    content = path.read_bytes()
    first = 4 + int.from_bytes(content[:4], "little")
    with expecting(f"{path} is not a flow that train pack has coded"):
        return decoded_flow(content[4:first]), decoded_flow(content[first:])


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train unpack`."""
    parser.add_argument("parts", metavar="PARTS", help="folder with index.json and parts, or some of them")
    parser.add_argument("--data", required=True, help="folder that gets davis2016/ and stills/")
    parser.add_argument("--cache", default="runs/cache/clips", help="folder for decoded frames and flow")


def run(args: Namespace) -> int:
    """The command `vsreid-studio train unpack`."""
    cv2.setNumThreads(1)
    missing = unpack(Path(args.parts), Path(args.data), Path(args.cache))
    if missing:
        logger.warning("still missing before training can begin: %s", ", ".join(missing))
    else:
        logger.info("all parts are unpacked: train with --data %s --cache %s", args.data, args.cache)
    return 0
