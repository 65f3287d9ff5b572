"""`vsreid-studio export`: the masks of a project in another form."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from ..engine.video import Video
    from ..project import Project

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "export",
        help="write the masks of a project in another form",
        description="Add a project's frames and masks to a data set in DAVIS layout, new or old.",
    )
    parser.add_argument("project", type=Path, metavar="FILE.vsreid", help="the project")
    parser.add_argument("--format", choices=("davis",), default="davis", help="the form (davis)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the data set's folder")
    parser.add_argument(
        "--resolution", choices=("480p", "Full-Resolution", "both"), default="both", help="which sizes (both)"
    )
    parser.add_argument("--name", metavar="SEQUENCE", help="what to call it (as the video)")
    parser.add_argument("--set", default="val", dest="image_set", metavar="NAME", help="list it in (val)")
    parser.add_argument("--video", type=Path, metavar="PATH", help="where the video is now, if it has moved")
    parser.add_argument("--overwrite", action="store_true", help="replace a sequence of that name")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Export a project.

    Raises:
        UserError: the project or its video cannot be read, or something cannot be written.
    """
    from ..engine.merge import label_maps  # noqa: PLC0415
    from ..engine.video import open_video  # noqa: PLC0415  (OpenCV)
    from ..formats.davis import RESOLUTIONS, export_davis  # noqa: PLC0415
    from ..project import Project  # noqa: PLC0415

    with Project.open(args.project) as project, open_video(args.video or project.locate_video()) as video:
        _same_video(project, video)
        _complete(project)
        name = args.name or _fit_name(video.name)
        count = export_davis(
            args.output,
            name,
            (video.frame(index) for index in range(video.length)),
            label_maps(project.annotation, video.height, video.width),
            [size for size in RESOLUTIONS if args.resolution in {size, "both"}],
            image_set=args.image_set,
            overwrite=args.overwrite,
        )
    sys.stdout.write(f"{count} frames of {name} are in {args.output}\n")
    return 0


def _same_video(project: Project, video: Video) -> None:
    """Note where the video is, or raise UserError if it is another one."""
    known = project.video
    if video.path.absolute() != known.path or video.fingerprint != known.fingerprint:
        project.relink_video(video.path, video.fingerprint)
    if (video.length, video.height, video.width) != (known.length, known.height, known.width):
        raise UserError(f"{video.path} reads differently now than when {project.path} was made from it.")


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


def _fit_name(name: str) -> str:
    """A name that a list of sequences can hold."""
    return re.sub(r"[\s/\\:]+", "_", name).lstrip("._") or "video"
