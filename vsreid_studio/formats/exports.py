"""One call that writes any of the formats of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from ..engine.store.annotation import Annotation
from ..engine.types import Frame, LabelMap
from ..engine.video import Video
from ..errors import UserError
from . import catalogue
from .atomic import staging, sweep
from .catalogue import ExportRequest
from .classes import NO_CLASSES, Classes
from .coco import export_coco, export_coco_video
from .cutouts import export_cutouts
from .davis import Resolution, export_davis
from .footage import Footage
from .frame_names import check_name
from .masks import Paint
from .mots import export_mots
from .overlay import SUFFIX, write_overlay
from .owned import foreign, placing, publish_owned
from .provenance import record_path, write_provenance
from .targets import Sources
from .youtube_vos import export_youtube_vos


class SequenceWriter(Protocol):
    """Adds a sequence to a data set of instances that have names and classes, and reads it back."""

    def __call__(
        self,
        root: Path,
        footage: Footage,
        names: Mapping[int, str],
        *,
        overwrite: bool = False,
        classes: Classes = NO_CLASSES,
    ) -> int:
        """Write the sequence.

        Args:
            root: of the data set; created when missing. What it has of other sequences is kept.
            footage: frames and masks, consumed; its name has no spaces.
            names: of instances, by number.
            overwrite: replace the sequence if the data set has it.
            classes: the categories; an instance without a class has one of its own name.

        Returns:
            The number of frames.

        Raises:
            UserError: the sequence is there, frames and masks do not match, something cannot be written, or
                what was written reads differently. What was there is then there still, but for empty folders.
        """
        ...


_CLASSED: Mapping[str, SequenceWriter] = {
    catalogue.YOUTUBE_VOS.key: export_youtube_vos,
    catalogue.COCO.key: export_coco,
    catalogue.COCO_VIDEO.key: export_coco_video,
    catalogue.MOTS.key: export_mots,
}
"""The writers that take names and classes of instances and nothing special."""
_NONE = Sources()


@dataclass(frozen=True, eq=False)
class ExportSource:
    """What is exported.

    Attributes:
        frames, label_maps: (H, W, 3) uint8 RGB and (H, W) uint8 of each frame, consumed one at a time.
        names: of instances, by number.
        classes: the categories of formats that have any.
        frame_names: of the frames, see `Video.names`; None for 00000 on.
        paint: how an overlay video shows them.
        source: the video that the frames are of: gives an overlay video its times and sound.
        record: where each mask came from, see `provenance`; a data set gets it as provenance/SEQUENCE.json.
    """

    frames: Iterable[Frame]
    label_maps: Iterable[LabelMap]
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Classes = NO_CLASSES
    frame_names: Sequence[str] | None = None
    paint: Paint = field(default_factory=Paint)
    source: Video | None = None
    record: Mapping[str, Any] | None = None


def frames_not_computed(annotation: Annotation) -> int:
    """Frames in which nobody has yet computed, drawn or denied one of the instances that have masks."""
    lacking = np.zeros(annotation.length, np.bool_)
    for instance in annotation.instances:
        lacking |= annotation.stamps(instance) == 0
    return int(np.count_nonzero(lacking))


def export(request: ExportRequest, material: ExportSource, sources: Sources = _NONE) -> int:
    """Write what is asked for, and read it back.

    Args:
        sources: what is never written to: the project, its video, the masks it began with.

    Returns:
        The number of frames.

    Raises:
        UserError: it is there already, something cannot be written, or the material is unfit; what was there
            is then there still.
        ValueError: the request names a format that does not exist.
    """
    folder, sequence = request.folder, check_name(request.sequence)
    if request.format_key == catalogue.OVERLAY.key:
        return export_overlay(folder / f"{sequence}{SUFFIX}", material, sources, overwrite=request.overwrite)
    sources.refuse(*catalogue.targets(request))
    sweep(folder)
    record = record_path(folder, sequence)
    if strange := foreign(folder, record, record):
        raise UserError(f"{strange[0]} is not replaced: someone has changed it. Choose another place.")
    count = _data_set(request, material)
    if material.record is not None:
        with staging(folder, record) as stage:
            write_provenance(stage / record.name, material.record)
            publish_owned(folder, [(stage / record.name, record)], stage)
    return count


def export_overlay(path: Path, material: ExportSource, sources: Sources, *, overwrite: bool) -> int:
    """Write an overlay video, see `write_overlay`; other arguments as for `export`."""
    folder = path.parent
    sources.refuse(path)
    with placing(folder, files=[Path(path.name)], overwrite=overwrite) as stage:
        return write_overlay(
            stage / path.name, material.frames, material.label_maps, material.paint, source=material.source
        )


def _data_set(request: ExportRequest, material: ExportSource) -> int:
    folder, overwrite, names = request.folder, request.overwrite, material.names
    footage = Footage(request.sequence, material.frames, material.label_maps, material.frame_names)
    if (write := _CLASSED.get(request.format_key)) is not None:
        return write(folder, footage, names, overwrite=overwrite, classes=material.classes)
    if request.format_key == catalogue.CUTOUTS.key:
        return export_cutouts(folder, footage, names, overwrite=overwrite)
    if request.format_key == catalogue.DAVIS.key:
        resolutions = cast(tuple[Resolution, ...], request.resolutions)
        return export_davis(folder, footage, resolutions, image_set=request.image_set, overwrite=overwrite)
    raise AssertionError(request.format_key)
