"""Benchmark clips on disk: made of the sequences of one DAVIS folder, written as another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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
from ..reading import open_file
from .hidden import CONTEXT, BenchmarkClip, GapPlan, UnfitError, hide
from .losses import distract, leave, lookalike
from .pairs import pair

Kind: TypeAlias = Literal["hidden", "distractor", "leaving", "lookalike", "varied", "pairs"]
LOSSES: tuple[Kind, ...] = ("hidden", "distractor", "leaving", "lookalike")
"""The ways to lose an object; 'varied' makes a clip of each."""
Maker: TypeAlias = Callable[[], BenchmarkClip]

JPEG_QUALITY = 90
VARIED_GAPS = (5, 10, 20, 40, 60)
"""Lengths of gaps of the kind 'varied', in frames; those that a sequence is too short for are cut."""


@dataclass(frozen=True)
class ClipReport:
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
) -> ClipReport:
    """Make clips of a DAVIS set and write them as a DAVIS folder of their own.

    Args:
        davis_root: holds JPEGImages/480p and Annotations/480p.
        image_set: a set of its ImageSets (e.g. 'val'), or a text file with one sequence a line.
        output: a folder that does not exist yet and appears only when every clip is written. Besides the
            DAVIS folders it gets gaps.json: by clip name a list of {"instance", "first", "last"}, the
            runs of frames, both ends included, in which an instance is out of sight.
        kind: 'hidden' covers each object with a panel for a while, 'distractor' with one that shows the
            object of another sequence; 'leaving' lets it leave at the frame's edge; 'lookalike' hides it
            together with a copy that does not come back; 'varied' makes a clip of each of these, with
            gaps and slides of all lengths; 'pairs' sends each through another sequence. kinds.json tells
            the kind of each clip.
        seed: fixes everything that is drawn.
        gap_length: frames wholly hidden; not for 'varied' and 'pairs'.
        progress: called with each clip's name before it is made.

    Raises:
        UserError: the source cannot be read, no clip could be made, `output` exists or cannot be written.
    """
    if output.exists():
        raise UserError(f"{output} exists already: give a new folder.")
    names = DavisRoot(davis_root).sequences(image_set)
    gaps: dict[str, list[dict[str, int]]] = {}
    kinds: dict[str, str] = {}
    skipped: dict[str, str] = {}
    with staging(output.parent) as stage:
        root = stage / "clips"
        for name, made, make in _makers(davis_root, names, kind, seed, gap_length):
            if progress:
                progress(name)
            try:
                clip = make()
            except UnfitError as error:
                skipped[name] = str(error)
            else:
                _write_clip(DavisRoot(root), name, clip)
                gaps[name] = [gap._asdict() for gap in clip.gaps()]
                kinds[name] = made
        if not gaps:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
            raise UserError(f"No clip could be made of {image_set} ({reasons}).")
        listing = root / "ImageSets" / "2017" / f"{kind}.txt"
        listing.parent.mkdir(parents=True)
        listing.write_text("".join(f"{name}\n" for name in gaps), encoding="utf-8")
        (root / "gaps.json").write_text(json.dumps(gaps, indent=1) + "\n", encoding="utf-8")
        (root / "kinds.json").write_text(json.dumps(kinds, indent=1) + "\n", encoding="utf-8")
        publish([(root, output)], stage)
    return ClipReport(tuple(gaps), skipped)


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
            with open_file(source) as file, Image.open(file) as picture:
                frames.append(np.asarray(picture.convert("RGB")))
        except OSError as error:
            raise UserError(f"The frame {source} cannot be read: {error}.") from error
        objects.append(read_label_map(path) > 0)
        if objects[-1].shape != frames[-1].shape[:2]:
            raise UserError(f"The mask {path} does not have the size of its frame.")
    return tuple(frames), tuple(objects)


def _makers(
    root: Path, names: Sequence[str], kind: Kind, seed: int, gap_length: int
) -> Iterator[tuple[str, Kind, Maker]]:
    """Each clip's name and kind, and the function that makes it; its seed depends on its place in the set."""
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    following = dict(zip(order, order[1:] + order[:1], strict=True))
    if kind == "pairs":
        for number, (host, guest) in enumerate(following.items()):
            yield f"{host}-with-{guest}", kind, partial(_pair, root, host, guest, seed + number)
        return
    for number, name in enumerate(names):
        for loss in LOSSES if kind == "varied" else (kind,):
            plan = GapPlan(gap_length, seed=seed + number)
            if kind == "varied":
                rng = np.random.default_rng([seed, number, LOSSES.index(loss)])
                plan = GapPlan(int(rng.choice(VARIED_GAPS)), int(rng.integers(2, 13)), seed + number)
            cut = kind == "varied"
            make = partial(_lost, root, loss, name, following[name], plan, cut)
            yield f"{name}-{loss}", loss, make


def _lost(root: Path, loss: Kind, name: str, other: str, plan: GapPlan, cut: bool) -> BenchmarkClip:
    """One clip.

    Args:
        other: the sequence that a distractor panel shows.
        cut: shorten a gap that the sequence is too short for.
    """
    frames, masks = read_sequence(root, name)
    if cut:
        plan = replace(plan, length=max(1, min(plan.length, len(frames) - 2 * (CONTEXT + plan.slide))))
    if loss == "hidden":
        return hide(frames, masks, plan=plan)
    if loss == "distractor":
        shown = read_sequence(root, other)
        return distract(frames, masks, *shown, plan)
    maker = {"leaving": leave, "lookalike": lookalike}[loss]
    return maker(frames, masks, plan)


def _pair(root: Path, host: str, guest: str, seed: int) -> BenchmarkClip:
    return pair(*read_sequence(root, host), *read_sequence(root, guest), seed=seed)


def _write_clip(davis: DavisRoot, name: str, clip: BenchmarkClip) -> None:
    davis.frames_folder(name).mkdir(parents=True)
    davis.annotations_folder(name).mkdir(parents=True)
    for number, (frame, labels) in enumerate(zip(clip.frames, clip.labels, strict=True)):
        path = davis.frames_folder(name) / frame_name(number, ".jpg")
        Image.fromarray(frame).save(path, quality=JPEG_QUALITY)
        write_label_map(davis.annotations_folder(name) / frame_name(number, ".png"), labels)
