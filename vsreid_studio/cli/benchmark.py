"""`benchmark`: how long each part of the method takes on this machine; `make-clips`: clips to measure on."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

from ..config import Preset, preset
from ..errors import UserError
from .options import Subparsers, add_command, add_davis_options

PARTS = ("index", "fill", "headless", "run", "window", "import", "cancel-import", "cancel-run", "4k")
"""Of the benchmark of scale; named here, too, as the parser is built at every start."""


def add_parser(subparsers: Subparsers) -> None:
    """Register the commands."""
    _add_benchmark(subparsers)
    _add_clips(subparsers)


def _add_benchmark(subparsers: Subparsers) -> None:
    """Register the command."""
    text = "time flow, propagation, detection, embedding and matching, and give each one's share"
    parser = add_command(
        subparsers, "benchmark", run_benchmark, help=text, description=text.capitalize() + "."
    )
    parser.add_argument("--source", type=Path, metavar="VIDEO", help="video or folder (the bundled demo)")
    parser.add_argument("--masks", type=Path, metavar="FIRST.png", help="its first masks")
    parser.add_argument("--instances", type=int, metavar="K", help="propagate only the first K of them")
    parser.add_argument("--frames", type=int, metavar="N", help="frames to count (30; with --scale 10000)")
    parser.add_argument("--size", choices=("lite", "paper"), default="lite")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--scale",
        action="store_true",
        help="instead measure memory and waits on synthetic footage of N frames with K instances (20)",
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        metavar="PART",
        help=f"of --scale: {', '.join(PARTS)}",
    )
    parser.add_argument(
        "--material", type=Path, metavar="DIR", help="of --scale: keep there what 'fill' makes (4 GB)"
    )
    parser.add_argument(
        "--preset",
        choices=get_args(Preset),
        default="studio",
        help="the paper's algorithms alone (studio)",
    )
    parser.add_argument(
        "--clicks",
        action="store_true",
        help="instead measure how long clicks wait for their masks, with and without a run, on N frames (20) "
        "enlarged to a height of 1080 pixels",
    )


def run_benchmark(args: argparse.Namespace) -> int:
    """Measure and print the table.

    Raises:
        UserError: video, masks or weights do not serve.
    """
    if args.scale and args.clicks:
        raise UserError("Give --scale or --clicks.")
    if args.scale:
        return _scale(args)
    # Here, as the parser is built at every start and needs no networks.
    from .. import paths  # noqa: PLC0415
    from ..benchmark.speed import measure, table  # noqa: PLC0415
    from ..engine.flow import FlowSource, default_estimator  # noqa: PLC0415
    from ..engine.parallel import prepare_process  # noqa: PLC0415
    from ..engine.runtime import models  # noqa: PLC0415
    from ..engine.runtime.engine import assembled  # noqa: PLC0415
    from ..engine.video import open_video  # noqa: PLC0415
    from ..formats.given_masks import read_given_masks  # noqa: PLC0415

    if (args.source is None) != (args.masks is None):
        raise UserError("Give both --source and --masks, or neither for the bundled demo.")
    if args.clicks:
        return _clicks(args)
    prepare_process()
    demo = paths.resources() / "demo"
    base = preset(args.preset)
    config = replace(base, propagation=replace(base.propagation, size=args.size), device=args.device)
    device = models.resolve_device(args.device)
    with open_video(args.source or demo / "demo.mp4") as video:
        first = read_given_masks(args.masks or demo / "first.png", video, frame=0).masks[0]
        flow = FlowSource(video, default_estimator(config.flow, device.type))
        inference = models.load_inference(args.size, device)
        speed = measure(
            video,
            dict(sorted(first.items())[: args.instances]),
            assembled(config, video, inference, flow),
            flow,
            models.load_detector(args.size, config.reid.boxes, device),
            models.load_embedder(args.size, device),
            args.frames or 30,
            device.type == "cpu",
        )
    sys.stdout.write(table(speed))
    return 0


def _begin(part: str) -> None:
    sys.stderr.write(f"{part} ...\n")


def _scale(args: argparse.Namespace) -> int:
    from ..benchmark.scale import ScaleFigure, measure, table  # noqa: PLC0415

    frames, instances = args.frames or 10_000, args.instances or 20
    parts = [part for part in PARTS if part in args.parts]
    found: list[ScaleFigure] = []
    try:
        for figure in measure(parts, frames, instances, args.material, _begin):
            found.append(figure)  # noqa: PERF402 (what comes before a part that fails stays)
    finally:
        if found:
            sys.stdout.write(table(found))
    return 0


def _clicks(args: argparse.Namespace) -> int:
    from .. import paths  # noqa: PLC0415
    from ..benchmark.clicks import HEIGHT, enlarged, latency_table, measure_clicks  # noqa: PLC0415
    from ..config import Config, PropagationConfig  # noqa: PLC0415
    from ..engine.runtime.click_thread import ClickThread  # noqa: PLC0415
    from ..engine.runtime.engine import VideoEngine  # noqa: PLC0415
    from ..engine.types import Box, SoftMask  # noqa: PLC0415
    from ..engine.video import open_video  # noqa: PLC0415
    from ..formats.given_masks import read_given_masks  # noqa: PLC0415

    demo = paths.resources() / "demo"
    engine = VideoEngine(Config(propagation=PropagationConfig(size=args.size), device=args.device))
    count = args.frames or 20
    with open_video(args.source or demo / "demo.mp4") as small:
        first = read_given_masks(args.masks or demo / "first.png", small, frame=0).masks[0]
        size = (small.height, small.width)
        with enlarged(small, HEIGHT, count) as folder, open_video(folder) as video:
            masks = {
                number: SoftMask.enlarged(mask.dense(*size), Box(0, 0, video.width, video.height))
                for number, mask in sorted(first.items())[: args.instances]
            }
            thread = ClickThread(lambda: engine.clicker)
            try:
                thread.ready.result()
                frames = [video.frame(number) for number in range(video.length)]
                found = measure_clicks(thread, frames, engine.modules(video), masks, video.length)
            finally:
                thread.close()
    sys.stdout.write(latency_table(found))
    return 0


def _add_clips(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = add_command(
        subparsers,
        "make-clips",
        run_clips,
        help="make clips in which objects vanish and return, with exact truth",
        description="Make re-identification clips of the sequences of a DAVIS folder.",
    )
    parser.add_argument(
        "kind",
        choices=("hidden", "distractor", "leaving", "lookalike", "varied", "pairs"),
        help=(
            "hidden: a panel covers the object for a while; distractor: the panel shows another object; "
            "leaving: the object leaves at the frame's edge and comes back elsewhere; lookalike: it is "
            "hidden together with a copy that does not come back; varied: a clip of each of these, with "
            "gaps of 5 to 60 frames; pairs: two objects cross and hide each other"
        ),
    )
    add_davis_options(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder to be made")
    parser.add_argument("--gap", type=_frames, default=20, metavar="N", help="frames wholly hidden (20)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other clips (0)")


def run_clips(args: argparse.Namespace) -> int:
    """Make the clips and print what was skipped and why.

    Raises:
        UserError: nothing was written.
    """
    from ..benchmark.clips import write_benchmark  # noqa: PLC0415  (OpenCV: `--help` need not wait for it)
    from ..formats.targets import Sources  # noqa: PLC0415

    if args.seed < 0:
        raise UserError("--seed is a number from 0 on.")
    Sources.of_data_set(args.davis).refuse(args.output)
    report = write_benchmark(
        args.davis,
        args.image_set,
        args.output,
        args.kind,
        seed=args.seed,
        gap_length=args.gap,
        progress=_tell,
    )
    for name, reason in report.skipped.items():
        _tell(f"skipped {name}: {reason}")
    _tell(f"{len(report.written)} clips in {args.output}")
    return 0


def _frames(text: str) -> int:
    """A number of frames, at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one frame")
    return number


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
