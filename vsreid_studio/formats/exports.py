"""One call that writes any of the formats of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..engine.types import Frame, LabelMap
from ..engine.video import Video
from . import catalogue
from .atomic import writable_folder
from .catalogue import ExportRequest
from .coco import export_coco
from .coco_video import export_coco_video
from .cutouts import export_cutouts
from .davis import Resolution, export_davis
from .mots import export_mots
from .overlay import SUFFIX, write_overlay
from .painting import Paint
from .provenance import write_provenance
from .youtube_vos import export_youtube_vos

_NAMED = {
    catalogue.YOUTUBE_VOS.key: export_youtube_vos,
    catalogue.COCO.key: export_coco,
    catalogue.COCO_VIDEO.key: export_coco_video,
    catalogue.MOTS.key: export_mots,
    catalogue.CUTOUTS.key: export_cutouts,
}
"""The writers that take names of instances and nothing special."""

RECORDS = "provenance"
"""A folder of the data set: beside the masks, where no reader of the format looks for any."""


@dataclass(frozen=True, eq=False)
class Material:
    """What is exported.

    Attributes:
        frames, label_maps: (H, W, 3) uint8 RGB and (H, W) uint8 of each frame, consumed one at a time.
        names: of instances, by number.
        paint: how an overlay video shows them.
        source: the video that the frames are of: gives an overlay video its times and sound.
        record: where each mask came from, see `provenance`; a data set gets it as provenance/SEQUENCE.json.
    """

    frames: Iterable[Frame]
    label_maps: Iterable[LabelMap]
    names: Mapping[int, str] = field(default_factory=dict)
    paint: Paint = field(default_factory=Paint)
    source: Video | None = None
    record: Mapping[str, Any] | None = None


def export(request: ExportRequest, material: Material) -> int:
    """Write what is asked for, and read it back.

    Returns:
        The number of frames.

    Raises:
        UserError: it is there already, something cannot be written, or the material is unfit; what was there
            is then there still.
        ValueError: the request names a format that does not exist.
    """
    folder, sequence = request.folder, request.sequence
    if request.format_key == catalogue.OVERLAY.key:
        return write_overlay(
            folder / f"{sequence}{SUFFIX}",
            material.frames,
            material.label_maps,
            material.paint,
            source=material.source,
            overwrite=request.overwrite,
        )
    count = _data_set(request, material)
    if material.record is not None:
        write_provenance(writable_folder(folder / RECORDS) / f"{sequence}.json", material.record)
    return count


def _data_set(request: ExportRequest, material: Material) -> int:
    folder, sequence = request.folder, request.sequence
    frames, labels, names = material.frames, material.label_maps, material.names
    if (write := _NAMED.get(request.format_key)) is not None:
        return write(folder, sequence, frames, labels, names, overwrite=request.overwrite)
    if request.format_key == catalogue.DAVIS.key:
        return export_davis(
            folder,
            sequence,
            frames,
            labels,
            cast(tuple[Resolution, ...], request.resolutions),
            image_set=request.image_set,
            overwrite=request.overwrite,
        )
    raise ValueError(f"there is no format {request.format_key!r}")
