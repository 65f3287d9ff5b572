"""`vsreid-studio export`: the masks of a project in another form."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..formats.catalogue import DAVIS, FORMATS, OVERLAY, ExportRequest
from ..formats.sequence_names import fit_name
from .options import add_changed_option, add_video_options, share, video_options_of

if TYPE_CHECKING:
    from ..engine.types import Frame, LabelMap
    from ..engine.video import ReadOptions, Video
    from ..project import Project

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "export",
        help="write the masks of a project in another form",
        description="Write a project's frames and masks in another form, and read back what was written.",
        epilog="formats:\n" + "\n".join(f"  {it.key:<12} {it.title}: {it.summary}" for it in FORMATS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("project", type=Path, metavar="FILE.vsreid", help="the project")
    parser.add_argument(
        "--format",
        choices=[it.key for it in FORMATS],
        default=DAVIS.key,
        metavar="FORMAT",
        help="one of those below (davis)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="the folder, of a data set new or old, or for an overlay the video FILE.mp4",
    )
    parser.add_argument("--name", metavar="SEQUENCE", help="what to call it (as the video)")
    parser.add_argument("--video", type=Path, metavar="PATH", help="where the video is now, if it has moved")
    add_video_options(parser)
    add_changed_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace what is there by that name")
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="number classes as this list does: text, a name a line, or COCO JSON with categories",
    )
    davis = parser.add_argument_group("davis")
    davis.add_argument(
        "--resolution", choices=(*DAVIS.resolutions, "both"), default="both", help="which sizes (both)"
    )
    davis.add_argument("--set", default="val", dest="image_set", metavar="NAME", help="list it in (val)")
    overlay = parser.add_argument_group("overlay")
    overlay.add_argument("--opacity", type=share, default=0.45, metavar="X", help="of the masks (0.45)")
    overlay.add_argument("--no-outlines", action="store_true", help="tint the masks only")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Export a project.

    Raises:
        UserError: the project or its video cannot be read, or something cannot be written.
    """
    from ..engine.video import ReadOptions, open_video  # noqa: PLC0415  (OpenCV)
    from ..project import Project, read_options  # noqa: PLC0415
    from ..project.same_video import take_changes  # noqa: PLC0415

    with Project.open(args.project) as project:
        given = video_options_of(args)
        kept = read_options(project.settings)
        options = ReadOptions(given.track or kept.track, given.value_range or kept.value_range)
        place = args.video or project.locate_video()
    if args.changed:
        with open_video(place, options=options) as video:
            take_changes(args.project, video, args.changed)
    with Project.open(args.project) as project:
        return _export(args, project, place, options)


def _export(args: argparse.Namespace, project: Project, path: Path, options: ReadOptions) -> int:
    from ..engine.video import open_video  # noqa: PLC0415  (OpenCV)
    from ..project.same_video import VideoChanged, bind_video  # noqa: PLC0415

    with open_video(path, options=options) as video:
        try:
            bind_video(project, video)
        except VideoChanged as error:
            raise UserError(f"{error} Add --changed keep or --changed clear.") from error
        _complete(project)
        write = _overlay if args.format == OVERLAY.key else _data_set
        sys.stdout.write(f"{write(args, project, video)}\n")
    return 0


def _data_set(args: argparse.Namespace, project: Project, video: Video) -> str:
    """Write, and tell what is where."""
    from ..formats.classes import read_classes  # noqa: PLC0415
    from ..formats.exports import Material, export  # noqa: PLC0415
    from ..formats.provenance import provenance  # noqa: PLC0415
    from ..project.points import points_of  # noqa: PLC0415
    from ..project.records import classes_of  # noqa: PLC0415
    from ..project.sources import sources_of  # noqa: PLC0415

    name = args.name or fit_name(video.name)
    request = ExportRequest(
        args.format,
        args.output,
        tuple(size for size in DAVIS.resolutions if args.resolution in {size, "both"}),
        name,
        args.image_set,
        args.overwrite,
    )
    names = {number: one.name for number, one in project.instances.items()}
    points = points_of(project.settings)
    record = provenance(project.annotation, names, {}, project.last_weights, video.names, points)
    classes = classes_of(project.categories, project.instances)
    if args.classes is not None:
        classes = classes.numbered_as(read_classes(args.classes))
    material = Material(_frames(video), _labels(project, video), names, classes, video.names, record=record)
    count = export(request, material, sources_of(project, video.path))
    return f"{count} frames of {name} are in {args.output}"


def _overlay(args: argparse.Namespace, project: Project, video: Video) -> str:
    """Write, and tell what is where."""
    from ..formats.exports import Material, export_overlay  # noqa: PLC0415
    from ..formats.painting import Paint, rgb_of  # noqa: PLC0415
    from ..project.sources import sources_of  # noqa: PLC0415

    colours = {n: rgb_of(one.colour) for n, one in project.instances.items() if not one.hidden}
    paint = Paint(colours, args.opacity, not args.no_outlines)
    material = Material(_frames(video), _labels(project, video), paint=paint, source=video)
    sources = sources_of(project, video.path)
    count = export_overlay(args.output, material, sources, overwrite=args.overwrite)
    return f"{count} frames of {video.name} are in {args.output}"


def _frames(video: Video) -> Iterator[Frame]:
    return (video.frame(index) for index in range(video.length))


def _labels(project: Project, video: Video) -> Iterator[LabelMap]:
    from ..engine.algorithm.merge import label_maps  # noqa: PLC0415  (OpenCV)

    return label_maps(project.annotation, video.height, video.width)


def _complete(project: Project) -> None:
    """Tell of frames that are not computed yet.

    Raises:
        UserError: there is nothing at all.
    """
    annotation = project.annotation
    if not len(annotation):
        raise UserError(f"The project {project.path} has no masks to export.")
    full = max(len(annotation.row(number)) for number in annotation.instances)
    if full < annotation.length:
        log.warning("%d frames have no masks yet and are exported empty.", annotation.length - full)
