"""What lies in a folder of clips: the clips, what is given with each of them, and results of earlier runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..engine.video.pictures import VIDEOS
from .owned import MARKER

RECORD = "provenance.json"
"""Lies beside the masks that `run` writes."""
_BESIDE = ("{}.png", "{}.masks", "{}_masks", "{}.masks.json", "{}.points.json")
"""What may lie beside a clip, by its name: a mask of the first frame, a folder of masks, COCO, or points."""


def input_beside(clip: Path) -> Path | None:
    """The masks or points beside a clip, None where there are none."""
    return next((place for place in _places(clip) if place.exists()), None)


def input_places(entries: Iterable[Path]) -> set[Path]:
    """Where masks and points of the clips among the entries of a folder would lie.

    Args:
        entries: files and folders; videos and folders count as clips.
    """
    return {place for it in entries if _may_be_clip(it) for place in _places(it)}


def is_result(folder: Path) -> bool:
    """Whether a folder holds masks that `run` has written."""
    return all((folder / name).is_file() for name in (MARKER, RECORD))


def _may_be_clip(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS or path.is_dir()


def _places(clip: Path) -> list[Path]:
    name = clip.name if clip.is_dir() else clip.stem
    return [clip.parent / form.format(name) for form in _BESIDE]
