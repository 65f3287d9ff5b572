"""Benchmark clips on disk: made of the sequences of one DAVIS folder, written as another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import Frame
from ..errors import UserError
from ..formats.atomic import publish, staging
from ..formats.davis import DavisRoot, frame_name
from ..formats.masks import read_label_map, write_label_map
from .hidden import hide
from .pairs import pair
from .types import Clip, UnfitError

Kind: TypeAlias = Literal["hidden", "pairs"]
Maker: TypeAlias = Callable[[], Clip]

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Report:
    """What `write_benchmark` did.

    Attributes:
        written: clip names.
        skipped: by clip name, why it could not be made.
    """

    written: tuple[str, ...]
    skipped: dict[str, str]


def write_benchmark(
    davis_root: Path,
    image_set: str,
    output: Path,
    kind: Kind,
    *,
    seed: int = 0,
    gap_length: int = 20,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Make clips of a DAVIS set and write them as a DAVIS folder of their own.

    Args:
        davis_root: holds JPEGImages/480p and Annotations/480p.
        image_set: a set of its ImageSets (e.g. 'val'), or a text file with one sequence a line.
        output: a folder that does not exist yet and appears only when every clip is written. Besides the
            DAVIS folders it gets gaps.json: by clip name a list of {"instance", "first", "last"}, the
            runs of frames, both ends included, in which an instance is out of sight.
        kind: 'hidden' covers each object for a while; 'pairs' sends each through another sequence.
        seed: fixes everything that is drawn.
        gap_length: frames wholly hidden, for 'hidden'.
        progress: told each clip's name before it is made.

    Raises:
        UserError: the source cannot be read, no clip could be made, `output` exists or cannot be written.
    """
    if output.exists():
        raise UserError(f"{output} exists already: give a new folder.")
    names = DavisRoot(davis_root).sequences(image_set)
    gaps: dict[str, list[dict[str, int]]] = {}
    skipped: dict[str, str] = {}
    with staging(output.parent) as stage:
        root = stage / "clips"
        for name, make in _makers(davis_root, names, kind, seed, gap_length):
            if progress:
                progress(name)
            try:
                clip = make()
            except UnfitError as error:
                skipped[name] = str(error)
            else:
                _write_clip(DavisRoot(root), name, clip)
                gaps[name] = [gap._asdict() for gap in clip.gaps()]
        if not gaps:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
            raise UserError(f"No clip could be made of {image_set} ({reasons}).")
        listing = root / "ImageSets" / "2017" / f"{kind}.txt"
        listing.parent.mkdir(parents=True)
        listing.write_text("".join(f"{name}\n" for name in gaps), encoding="utf-8")
        (root / "gaps.json").write_text(json.dumps(gaps, indent=1) + "\n", encoding="utf-8")
        publish([(root, output)], stage)
    return Report(tuple(gaps), skipped)


# A sequence is the host of one pair and the guest of the next.
@lru_cache(maxsize=2)
def read_sequence(davis_root: Path, name: str) -> tuple[tuple[Frame, ...], tuple[NDArray[np.bool_], ...]]:
    """A sequence at 480p: its frames, and where any object is; void counts as background.

    Raises:
        UserError: it is missing, cannot be read, or its masks do not fit its frames.
    """
    davis = DavisRoot(davis_root)
    frames, objects = [], []
    for path in davis.annotation_files(name):
        source = davis.frames_folder(name) / f"{path.stem}.jpg"
        try:
            with Image.open(source) as picture:
                frames.append(np.asarray(picture.convert("RGB")))
        except OSError as error:
            raise UserError(f"The frame {source} cannot be read: {error}.") from error
        objects.append(read_label_map(path) > 0)
        if objects[-1].shape != frames[-1].shape[:2]:
            raise UserError(f"The mask {path} does not have the size of its frame.")
    return tuple(frames), tuple(objects)


def _makers(
    root: Path, names: Sequence[str], kind: Kind, seed: int, gap_length: int
) -> Iterator[tuple[str, Maker]]:
    """Each clip's name with the function that makes it; its own seed depends on its place in the set."""
    if kind == "hidden":
        for number, name in enumerate(names):
            yield f"{name}-hidden", partial(_hidden, root, name, gap_length, seed + number)
        return
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    for number, (host, guest) in enumerate(zip(order, order[1:] + order[:1], strict=True)):
        yield f"{host}-with-{guest}", partial(_pair, root, host, guest, seed + number)


def _hidden(root: Path, name: str, gap_length: int, seed: int) -> Clip:
    return hide(*read_sequence(root, name), gap_length=gap_length, seed=seed)


def _pair(root: Path, host: str, guest: str, seed: int) -> Clip:
    return pair(*read_sequence(root, host), *read_sequence(root, guest), seed=seed)


def _write_clip(davis: DavisRoot, name: str, clip: Clip) -> None:
    davis.frames_folder(name).mkdir(parents=True)
    davis.annotations_folder(name).mkdir(parents=True)
    for number, (frame, labels) in enumerate(zip(clip.frames, clip.labels, strict=True)):
        path = davis.frames_folder(name) / frame_name(number, ".jpg")
        Image.fromarray(frame).save(path, quality=JPEG_QUALITY)
        write_label_map(davis.annotations_folder(name) / frame_name(number, ".png"), labels)
