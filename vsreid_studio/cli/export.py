"""`vsreid-studio export`: the masks of a project in another form."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..formats.catalogue import DAVIS, FORMATS
from .options import Subparsers, add_changed_option, add_video_options, share, video_options_of


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
    from ..headless.export import ProjectExport, export_project  # noqa: PLC0415  (OpenCV)

    wanted = ProjectExport(
        args.project,
        args.output,
        args.format,
        args.name,
        args.video,
        video_options_of(args),
        args.changed,
        tuple(size for size in DAVIS.resolutions if args.resolution in {size, "both"}),
        args.image_set,
        args.overwrite,
        args.opacity,
        not args.no_outlines,
        args.classes,
    )
    sys.stdout.write(f"{export_project(wanted)}\n")
    return 0
