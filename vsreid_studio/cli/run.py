"""`run`: a video and first masks in, a folder of masks out; `segment`: masks from points."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TaskFailure, UserError, sentence, stopped
from .options import (
    Subparsers,
    add_changed_option,
    add_command,
    add_engine_options,
    add_reading_option,
    add_video_options,
    add_worker_options,
    check_weights,
    config_of,
    reading_of,
    video_options_of,
    workers_of,
)

if TYPE_CHECKING:
    from ..engine.runtime.engine import VideoEngine
    from ..headless.cluster import Cluster, MakeEngine, Workers
    from ..headless.run import RunOutcome
    from ..headless.task import Task


def add_parser(subparsers: Subparsers) -> None:
    """Register the commands."""
    _add_run(subparsers)
    _add_segment(subparsers)


def _add_run(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "run",
        help="cut objects out of a video, of many, or of every sequence of a DAVIS set",
        usage="vsreid-studio run SOURCE --masks FIRST.png|FOLDER --output DIR [options]\n"
        "       vsreid-studio run SOURCE --points FILE.json --output DIR [options]\n"
        "       vsreid-studio run --clips FOLDER|LIST --output DIR [options]\n"
        "       vsreid-studio run --davis ROOT --set NAME|FILE --output DIR [options]",
        description=(
            "Write DIR/SEQUENCE/00000.png and so on (palette PNGs of the video's size) and "
            "DIR/SEQUENCE/provenance.json. The folder appears when all its masks are there; until then the "
            "work is kept in DIR/SEQUENCE.vsreid, and the same command goes on from it after Ctrl-C or a "
            "crash. Sequences that are complete are left as they are. With --clips, or with several "
            "processes, a clip that fails does not stop the others: it is reported at the end."
        ),
    )
    parser.add_argument("source", nargs="?", type=Path, metavar="SOURCE", help="a video or picture folder")
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="FIRST.png|FOLDER|FILE",
        help="of frame 0, or NNNNN.png; or COCO, YouTube-VIS, labelme, CVAT, YOLO",
    )
    parser.add_argument("--points", type=Path, metavar="FILE.json", help="or clicks, see 'segment --help'")
    add_reading_option(parser)
    parser.add_argument(
        "--clips",
        type=Path,
        metavar="FOLDER|LIST",
        help="many videos, each with NAME.png, NAME.masks, NAME.masks.json or NAME.points.json beside it; "
        "or a text file of lines CLIP<tab>MASKS<tab>NAME, of which the last two may be left out",
    )
    parser.add_argument("--davis", type=Path, metavar="ROOT", help="a DAVIS folder instead of SOURCE")
    parser.add_argument("--set", dest="image_set", metavar="NAME|FILE", help="which of its sequences")
    parser.add_argument(
        "--resolution", choices=("480p", "Full-Resolution"), default="480p", help="of the DAVIS folder (480p)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets a folder of masks")
    parser.add_argument("--project", type=Path, metavar="FILE.vsreid", help="keep the work in this project")
    add_changed_option(parser)
    parser.add_argument(
        "--keep-proposals",
        action="store_true",
        help="accept nothing that is found again: proposals wait in the project (--project, else "
        "DIR/SEQUENCE.vsreid), to be answered in the window",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what was made from other input")
    add_video_options(parser)
    add_engine_options(parser)
    add_worker_options(parser, "a clip")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Run the method on every sequence asked for.

    Raises:
        UserError: something is wrong with the input or the output; what is complete stays.
    """
    workers = workers_of(args)
    if workers is None:
        return run_tasks(args, _wanted(args), go_on=args.clips is not None)
    if args.clips is None and args.davis is None:
        raise UserError("--workers and --scheduler are for many clips: use --clips or --davis.")
    return _run_on(workers, args)


def run_tasks(args: argparse.Namespace, tasks: list[Task], *, go_on: bool = False) -> int:
    """Carry tasks out with the options of `add_engine_options`, telling how it goes.

    Args:
        go_on: report a task that fails at the end, and do the others; else all input is looked at before
            anything is written, and the first that fails ends it.

    Returns:
        0, 2 after reported failures, or 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        UserError: something is wrong with input or output.
    """
    from ..formats.targets import refuse_each_other  # noqa: PLC0415
    from ..headless.run import check, run_task  # noqa: PLC0415  (OpenCV)
    from .progress import Bar  # noqa: PLC0415

    config = config_of(args)
    if args.weights is not None and not args.weights.is_file():
        raise UserError(f"The weights {args.weights} are missing or cannot be read.")
    if len(tasks) > 1:
        # A single task loads them itself before it writes.
        check_weights(args.weights, config)

    @cache
    def engine() -> VideoEngine:
        # Torch takes seconds to load: only once the input is found fit.
        from ..engine.parallel import use_threads  # noqa: PLC0415
        from ..training.adaptation import adapting_engine  # noqa: PLC0415

        if getattr(args, "threads", None):
            use_threads(args.threads)
        return adapting_engine(config, args.weights)

    if len(tasks) > 1:
        refuse_each_other((task.folder, task.sources) for task in tasks)
    # A single task looks at its own input before it writes.
    if len(tasks) > 1 and not go_on:
        check(tasks, engine, overwrite=args.overwrite)
    failures = []
    for task in tasks:
        try:
            with Bar(task.name) as bar:
                outcome = run_task(task, engine, overwrite=args.overwrite, emit=bar)
        except KeyboardInterrupt as error:
            kept = f"What is done is kept in {task.project_file}: " if task.project_file.exists() else ""
            sys.stderr.write(
                f"Stopped. {kept}the same command goes on from there.\n" if kept else "Stopped.\n"
            )
            return stopped(error)
        except (UserError, OSError, MemoryError) as error:
            if not go_on:
                raise
            failures.append(TaskFailure(task.name, sentence(error)))
        else:
            sys.stdout.write(_summary(outcome) + "\n")
    return _reported(failures, len(tasks))


def _run_on(workers: Workers, args: argparse.Namespace) -> int:
    """As `run_tasks`, in other processes; what fails is reported at the end."""
    from ..formats.targets import refuse_each_other  # noqa: PLC0415
    from ..headless.cluster import HEAVY, connected, make_engine  # noqa: PLC0415  (Dask)

    tasks: list[Task] = []
    failures: list[TaskFailure] = []
    config = config_of(args)
    check_weights(args.weights, config)
    make = partial(make_engine, config, args.weights and args.weights.absolute())
    try:
        with ThreadPoolExecutor(1) as beside:
            # Workers take seconds to start.
            listing = beside.submit(_wanted, args)
            with connected(workers, HEAVY) as cluster:
                tasks += listing.result()
                for task in tasks:
                    task.refuse_targets()
                refuse_each_other((task.folder, task.sources) for task in tasks)
                run_in_parallel(cluster, tasks, make, failures, overwrite=args.overwrite)
    except KeyboardInterrupt as error:
        _reported(failures, len(tasks))
        sys.stderr.write(
            f"Stopped. What is done is kept in {args.output}: the same command goes on from there.\n"
        )
        return stopped(error)
    return _reported(failures, len(tasks))


def run_in_parallel(
    cluster: Cluster, tasks: list[Task], make: MakeEngine, failures: list[TaskFailure], *, overwrite: bool
) -> None:
    """Carry tasks out on workers under one progress bar, and print a line for each that is done.

    Args:
        failures: gets what failed.
    """
    from ..headless.cluster import run_tasks as run_on  # noqa: PLC0415  (Dask)
    from .progress import SetBar  # noqa: PLC0415

    with (
        SetBar(len(tasks)) as bar,
        closing(run_on(cluster, tasks, make, overwrite=overwrite, on_progress=bar.update)) as outcomes,
    ):
        for outcome in outcomes:
            if isinstance(outcome, TaskFailure):
                bar.done(outcome.name, failed=True)
                failures.append(outcome)
            else:
                bar.done(outcome.name)
                bar.write(_summary(outcome))


def _reported(failures: list[TaskFailure], tasks: int) -> int:
    """Print what failed; returns the exit code."""
    for failure in failures:
        sys.stderr.write(f"{failure.name}: {failure.sentence}\n")
    if failures:
        sys.stderr.write(f"{len(failures)} of {tasks} clips failed; the same command tries them again.\n")
    return 2 if failures else 0


def _wanted(args: argparse.Namespace) -> list[Task]:
    return [replace(task, keep_proposals=args.keep_proposals) for task in _tasks(args)]


def _tasks(args: argparse.Namespace) -> list[Task]:
    from ..formats.davis import DavisRoot  # noqa: PLC0415  (OpenCV)
    from ..formats.frame_names import folder_of  # noqa: PLC0415
    from ..formats.targets import Sources  # noqa: PLC0415
    from ..headless.task import Task, davis_tasks  # noqa: PLC0415

    if args.clips is not None:
        return _clip_tasks(args)
    if args.davis is None:
        if args.source is None or (args.masks is None and args.points is None):
            raise UserError("A run needs a SOURCE and its --masks or --points, or --davis with --set.")
        if args.image_set is not None:
            raise UserError("--set goes with --davis.")
        name = folder_of(args.source.resolve().name if args.source.is_dir() else args.source.stem)
        others = Sources.of(weights=args.weights, settings=args.config)
        reading = reading_of(args)
        return [
            Task(
                name,
                args.source,
                args.masks,
                args.output,
                args.project,
                args.flo,
                args.points,
                changed=args.changed,
                reading=reading,
                others=others,
                video_options=video_options_of(args),
            )
        ]
    if args.image_set is None:
        raise UserError("--davis needs a --set: a name such as val, or a list of sequences.")
    own = (args.source, args.masks, args.masks_as, args.points, args.project, args.track, args.range)
    if not all(option is None for option in own):
        raise UserError(
            "--davis brings its own videos and masks: leave out SOURCE, --masks, --masks-as, --points, "
            "--project, --track and --range."
        )
    listing = Path(args.image_set) if Path(args.image_set).is_file() else None
    others = Sources.of(weights=args.weights, settings=args.config, list=listing)
    davis = DavisRoot(args.davis.absolute(), args.resolution)
    flo = args.flo and args.flo.absolute()
    return davis_tasks(davis, args.image_set, args.output.absolute(), flo, others)


def _clip_tasks(args: argparse.Namespace) -> list[Task]:
    from ..formats.targets import Sources  # noqa: PLC0415
    from ..headless.clips import clip_tasks  # noqa: PLC0415
    from ..headless.task import Task  # noqa: PLC0415

    own = (args.source, args.masks, args.points, args.project, args.davis, args.image_set, args.changed)
    if not all(option is None for option in own):
        raise UserError(
            "--clips brings its own videos and masks: leave out SOURCE, --masks, --points, --project, "
            "--changed, --davis and --set."
        )
    listing = args.clips if args.clips.is_file() else None
    common = Task(
        "",
        args.clips,
        None,
        args.output.absolute(),
        flo_folder=args.flo and args.flo.absolute(),
        reading=reading_of(args),
        others=Sources.of(weights=args.weights, settings=args.config, list=listing),
        video_options=video_options_of(args),
    )
    return clip_tasks(args.clips, common)


def _summary(outcome: RunOutcome) -> str:
    if outcome.skipped:
        changed = outcome.changed
        more = f"; masks in {changed} were changed since: export them from there" if changed else ""
        return f"{outcome.folder}: complete, left as it is{_waiting_text(outcome.waiting)}{more}"
    found = f", {outcome.recovered} found again" if outcome.recovered else ""
    found += _waiting_text(outcome.waiting)
    speed = f"{outcome.frames / outcome.seconds:.1f} frames/s" if outcome.seconds else ""
    return f"{outcome.folder}: {outcome.frames} masks{found} ({speed})"


def _waiting_text(waiting: int) -> str:
    if not waiting:
        return ""
    return ", 1 track waits for an answer" if waiting == 1 else f", {waiting} tracks wait for an answer"


POINTS_HELP = "points per frame and instance"


def _add_segment(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = add_command(
        subparsers,
        "segment",
        run_segment,
        help="make masks of points that were clicked on frames",
        description=(
            "Write the mask of each frame that has points: DIR/FRAME.png, a palette PNG. The file of points "
            'is a JSON list: [{"frame": 0, "instance": 1, "points": [[x, y, 1], [x, y, 0]], "box": [x0, y0, '
            'x1, y1]}], in pixels of the frame, where 1 adds, 0 takes away, and "box" may be left out.'
        ),
    )
    parser.add_argument("source", type=Path, metavar="CLIP", help="a video or picture folder")
    parser.add_argument("--points", type=Path, required=True, metavar="FILE.json", help=POINTS_HELP)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets the masks")
    parser.add_argument("--overwrite", action="store_true", help="replace masks that are there")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where (auto)")
    add_video_options(parser)


def run_segment(args: argparse.Namespace) -> int:
    """Segment, and name the files written.

    Raises:
        UserError: something is wrong with the input or the output; nothing is written then.
    """
    # torch and OpenCV: `--help` need not wait for them.
    from ..engine.runtime.clicker import Clicker  # noqa: PLC0415
    from ..headless.points import segment  # noqa: PLC0415

    for file in segment(
        args.source,
        args.points,
        args.output,
        lambda: Clicker(device=args.device),
        overwrite=args.overwrite,
        video_options=video_options_of(args),
    ):
        sys.stdout.write(f"{file}\n")
    return 0
