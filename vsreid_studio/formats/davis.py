"""Data sets in DAVIS layout: `JPEGImages`, `Annotations` and `ImageSets` under one root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import LabelMap
from ..errors import UserError
from ..reading import MEGABYTE, quoted, read_text
from .footage import Footage
from .frame_names import check_name, mask_pictures
from .masks import read_label_map, write_frame, write_mask
from .owned import placing
from .provenance import record_path

Resolution: TypeAlias = Literal["480p", "Full-Resolution"]
RESOLUTIONS: tuple[Resolution, ...] = ("480p", "Full-Resolution")

_YEAR = "2017"
_JPEG_SIDE = 65500
"""Pixels of a side that libjpeg writes at most."""
_LIST_SIZE = 16 * MEGABYTE


@dataclass(frozen=True)
class DavisRoot:
    """A data set to read.

    Attributes:
        root: the folder that holds `JPEGImages` and `Annotations`.
        resolution: the subfolder of both, '480p' or 'Full-Resolution'.
    """

    root: Path
    resolution: Resolution = "480p"

    def sequences(self, image_set: str | Path) -> tuple[str, ...]:
        """The sequences of a set.

        Args:
            image_set: a name such as 'val', looked up in the latest year of `ImageSets` that has it, or
                the path of a list.

        Raises:
            UserError: there is no such set, or it cannot be read or is empty.
        """
        if Path(image_set).is_file():
            return read_sequence_list(Path(image_set))
        # Compared and not globbed: the name is a person's, and may hold what a pattern means something by.
        lists = sorted(
            file for file in self.root.glob("ImageSets/*/*.txt") if file.name == f"{image_set}.txt"
        )
        if not lists:
            raise UserError(f"{self.root} has no set '{image_set}' in its ImageSets.")
        return read_sequence_list(lists[-1])

    def frames_folder(self, sequence: str) -> Path:
        """Where the sequence's JPEGs are."""
        return self.root / "JPEGImages" / self.resolution / sequence

    def annotations_folder(self, sequence: str) -> Path:
        """Where the sequence's masks are."""
        return self.root / "Annotations" / self.resolution / sequence

    def annotation_files(self, sequence: str) -> tuple[Path, ...]:
        """The sequence's masks in order of frames; only one in the test sets.

        Raises:
            UserError: the folder is missing or holds no mask.
        """
        return mask_files(self.annotations_folder(sequence))

    def annotation(self, sequence: str, index: int) -> LabelMap:
        """The mask of one frame: (H, W) uint8, void as background.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        return read_label_map(self.annotations_folder(sequence) / frame_name(index, ".png"))


def frame_name(index: int, suffix: str) -> str:
    """The file name of a frame: five digits, more from 100000 on."""
    return f"{index:05d}{suffix}"


def mask_files(folder: Path) -> tuple[Path, ...]:
    """The masks of a sequence's folder, see `mask_pictures`.

    Raises:
        UserError: the folder is missing or holds none.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    files = mask_pictures(folder)
    if not files:
        raise UserError(f"The folder {folder} holds no PNG.")
    return files


def read_sequence_list(path: Path) -> tuple[str, ...]:
    """The sequence names of a list, one a line, each once, in order; they may have spaces in them.

    A trailing part such as '/1' is ignored, and the lines of DAVIS 2016 that give the paths of a frame and
    its mask name the sequence, too.

    Raises:
        UserError: the list cannot be read or is empty.
    """
    names: dict[str, None] = {}
    for line in read_text(path, _LIST_SIZE).splitlines():
        if not line.strip():
            continue
        parts = [part for part in line.split("\t")[0].strip().split("/") if part]
        if len(parts) > 2 and parts[0] == "JPEGImages":
            parts = parts[2:]
        name = parts[0] if parts else ""
        if not name or name.startswith(".") or not name.isprintable():
            raise UserError(f"The list {path} has the line {quoted(line)}, which names no sequence.")
        names[name] = None
    if not names:
        raise UserError(f"The list {path} names no sequence.")
    return tuple(names)


def export_davis(
    root: Path,
    footage: Footage,
    resolutions: Sequence[Resolution] = RESOLUTIONS,
    *,
    image_set: str = "val",
    overwrite: bool = False,
) -> int:
    """Add a sequence to a data set in DAVIS layout, new or old, and read it back.

    As `exports.SequenceWriter`, without names and classes.

    Args:
        resolutions: '480p' scales to height 480, masks by nearest pixel; 'Full-Resolution' keeps the size.
        image_set: the list in `ImageSets/2017` that names the sequence afterwards.
    """
    sequence = check_name(footage.name)
    names = Path("ImageSets", _YEAR, f"{check_name(image_set)}.txt")
    parts = [Path(kind, size, sequence) for size in resolutions for kind in ("JPEGImages", "Annotations")]
    record = record_path(root, sequence)

    def listed() -> bytes | None:
        # A list may hold more than names, so that it is added to and not written again.
        before = (root / names).read_bytes() if (root / names).is_file() else b""
        if before.strip() and sequence in read_sequence_list(root / names):
            return None
        return b"\n".join([*before.splitlines(), sequence.encode(), b""])

    with placing(root, folders=parts, lists={names: listed}, overwrite=overwrite, record=record) as stage:
        _fill(stage, footage, resolutions)
    return footage.count


def size_480p(height: int, width: int) -> tuple[int, int]:
    """(height, width) of a frame at DAVIS's 480p: height 480, width by ratio, rounded up (1080p: 854)."""
    return 480, -(-width * 480 // height)


def _fill(stage: Path, footage: Footage, resolutions: Sequence[Resolution]) -> None:
    """Write frames and masks below `stage`."""
    sequence = footage.name
    targets = [DavisRoot(stage, resolution) for resolution in resolutions]
    for target in targets:
        target.frames_folder(sequence).mkdir(parents=True)
        target.annotations_folder(sequence).mkdir(parents=True)
    for number, frame, labels in footage:
        width = size_480p(*labels.shape)[1]
        if "480p" in resolutions and width > _JPEG_SIDE:
            raise UserError(
                f"At 480p a frame would be {width} pixels wide, more than a JPEG holds: export "
                "Full-Resolution alone."
            )
        for target in targets:
            size = size_480p(*labels.shape) if target.resolution == "480p" else labels.shape
            picture = target.frames_folder(sequence) / f"{footage.file(number)}.jpg"
            write_frame(picture, _resized(frame, size, cv2.INTER_AREA))
            mask = target.annotations_folder(sequence) / f"{footage.file(number)}.png"
            write_mask(mask, _resized(labels, size, cv2.INTER_NEAREST_EXACT))


def _resized(image: NDArray[np.uint8], size: tuple[int, int], method: int) -> NDArray[np.uint8]:
    """The image at (height, width), the same array when it has that size."""
    if image.shape[:2] == size:
        return image
    return cv2.resize(image, size[::-1], interpolation=method).astype(np.uint8, copy=False)
