"""Data sets in DAVIS layout, as a person meets them: a root to choose from, masks beside the frames."""

from __future__ import annotations

import os
from pathlib import Path

FRAMES, MASKS = "JPEGImages", "Annotations"
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}


def sequences_under(folder: Path) -> list[Path]:
    """The folders of frames of a data set, by name; of several resolutions the smallest, '480p', if there.

    Args:
        folder: the root of the data set, its `JPEGImages`, or a resolution in that.

    Returns:
        none for a folder that holds pictures itself or is no data set.
    """
    if (folder / FRAMES).is_dir():
        folder /= FRAMES
    elif FRAMES not in folder.parts:
        return []
    if holds_pictures(folder):
        return []
    found = [one for one in _folders(folder) if holds_pictures(one)]
    if not found:
        sizes = [size for size in _folders(folder) if any(map(holds_pictures, _folders(size)))]
        sizes.sort(key=lambda size: (size.name != "480p", size.name))
        found = [one for one in _folders(sizes[0]) if holds_pictures(one)] if sizes else []
    return found


def masks_beside(frames: Path) -> Path | None:
    """The folder of masks of a sequence of a data set, None where there is none."""
    parts = frames.parts
    if FRAMES not in parts:
        return None
    place = len(parts) - 1 - parts[::-1].index(FRAMES)
    folder = Path(*parts[:place], MASKS, *parts[place + 1 :])
    return folder if folder.is_dir() and any(one.suffix == ".png" for one in folder.iterdir()) else None


def home_of(video: Path) -> Path:
    """A folder of the person's, near a video, in which results can be written.

    It is beside the video, for a sequence of a data set beside that; where nothing can be written, the home.
    """
    parts = video.parts
    inside = FRAMES in parts and parts.index(FRAMES) > 1
    near = Path(*parts[: parts.index(FRAMES) - 1]) if inside else video.parent
    return near if os.access(near, os.W_OK) else Path.home()


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def holds_pictures(folder: Path) -> bool:
    """Whether a folder has a picture right in it.

    Raises:
        OSError: it cannot be read.
    """
    return any(one.suffix.lower() in _PICTURES and not one.name.startswith(".") for one in folder.iterdir())
