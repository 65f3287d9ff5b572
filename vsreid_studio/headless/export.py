"""Exports of a project file without a window."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..engine.algorithm.merge import label_maps
from ..engine.types import Frame
from ..engine.video import AS_USUAL, ReadOptions, Video, open_video
from ..errors import UserError
from ..formats.catalogue import DAVIS, OVERLAY, ExportRequest
from ..formats.classes import read_classes
from ..formats.exports import ExportSource, export, export_overlay, frames_not_computed
from ..formats.frame_names import fit_name
from ..formats.masks import Paint, rgb_of
from ..formats.provenance import provenance
from ..project import Project, read_options, read_order
from ..project.open_points import warn_of_open_points
from ..project.same_video import VideoChanged, Way, bind_video, take_changes
from ..project.schema import classes_of
from ..project.sources import points_of, sources_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectExport:
    """What is exported of a project.

    Attributes:
        project: the project file.
        output: the folder of a data set, or for an overlay the video.
        format_key: one of `formats.catalogue.FORMATS`.
        name: of the sequence; None for that of the video.
        video: where the video is now; None to look where the project says.
        options: how the video is read, where it differs from what the project keeps.
        changed: what becomes of the masks where the video has changed; None to refuse.
        resolutions: of a DAVIS data set.
        image_set: the DAVIS set that lists the sequence.
        overwrite: replace what is there by that name.
        opacity: of the masks of an overlay, 0 to 1.
        outlines: of the masks of an overlay.
        classes: a list by which classes are numbered, or None.
    """

    project: Path
    output: Path
    format_key: str = DAVIS.key
    name: str | None = None
    video: Path | None = None
    options: ReadOptions = AS_USUAL
    changed: Way | None = None
    resolutions: tuple[str, ...] = DAVIS.resolutions
    image_set: str = "val"
    overwrite: bool = False
    opacity: float = 0.45
    outlines: bool = True
    classes: Path | None = None


def export_project(wanted: ProjectExport) -> str:
    """Write the masks of a project in another form, and read them back.

    Returns:
        what was written, in a sentence.

    Raises:
        UserError: the project or its video cannot be read, or something cannot be written.
    """
    with Project.open(wanted.project) as project:
        kept = read_options(project.settings)
        options = ReadOptions(
            wanted.options.track or kept.track, wanted.options.value_range or kept.value_range
        )
        try:
            place = wanted.video or project.locate_video()
        except UserError as error:
            raise UserError(f"{error} Tell by --video where it is.") from error
        order = read_order(project.settings)
    opened = partial(open_video, place, options=options, known=lambda: order)
    if wanted.changed:
        with opened() as video:
            take_changes(wanted.project, video, wanted.changed)
    with Project.open(wanted.project) as project, opened() as video:
        try:
            bind_video(project, video)
        except VideoChanged as error:
            raise UserError(f"{error} Add --changed keep or --changed clear.") from error
        _complete(project)
        return (_overlay if wanted.format_key == OVERLAY.key else _data_set)(wanted, project, video)


def _data_set(wanted: ProjectExport, project: Project, video: Video) -> str:
    name = wanted.name or fit_name(video.name)
    request = ExportRequest(
        wanted.format_key, wanted.output, wanted.resolutions, name, wanted.image_set, wanted.overwrite
    )
    names = {number: one.name for number, one in project.instances.items()}
    points = points_of(project.settings)
    record = provenance(
        project.annotation, names, project.last_settings, project.last_weights, video.names, points
    )
    classes = classes_of(project.categories, project.instances)
    if wanted.classes is not None:
        classes = classes.numbered_as(read_classes(wanted.classes))
    labels = label_maps(project.annotation, video.height, video.width)
    material = ExportSource(_frames(video), labels, names, classes, video.names, record=record)
    count = export(request, material, sources_of(project, video.path))
    return f"{count} frames of {name} are in {wanted.output}"


def _overlay(wanted: ProjectExport, project: Project, video: Video) -> str:
    colours = {n: rgb_of(one.colour) for n, one in project.instances.items() if not one.hidden}
    paint = Paint(colours, wanted.opacity, wanted.outlines)
    labels = label_maps(project.annotation, video.height, video.width)
    material = ExportSource(_frames(video), labels, paint=paint, source=video)
    sources = sources_of(project, video.path)
    count = export_overlay(wanted.output, material, sources, overwrite=wanted.overwrite)
    return f"{count} frames of {video.name} are in {wanted.output}"


def _frames(video: Video) -> Iterator[Frame]:
    return (video.frame(index) for index in range(video.length))


def _complete(project: Project) -> None:
    """Warn of frames that are not computed yet.

    Raises:
        UserError: there is nothing at all.
    """
    warn_of_open_points(project)
    annotation = project.annotation
    if not len(annotation):
        raise UserError(f"The project {project.path} has no masks to export.")
    if lacking := frames_not_computed(annotation):
        log.warning("In %d frames some objects are not computed yet: they are exported without.", lacking)
