"""`vsreid-studio tables`: what each part of the method brings, and how it compares with published ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TaskFailure, UserError, stopped
from ..formats.targets import Sources
from .options import (
    add_davis_options,
    add_page_options,
    add_worker_options,
    base_config,
    refuse_page,
    workers_of,
)

if TYPE_CHECKING:
    from ..benchmark.table_runs import DataSet, Variant

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_KINDS = ("frames", "hidden", "pairs")
_ROWS = ("full-image", "box", "flow-stream", "memory", "smoothing", "reid", "multi-scale", "adaptation")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "tables",
        help="measure accuracy row by row, and write a page of tables and pictures",
        description=(
            "Run the method on a set, on clips with hidden objects and on crossing pairs, once for each row "
            "of the table, of which each adds one thing to the row before; score everything and write a page "
            "in Markdown, with pictures of the best and the worst frames in a folder 'images' beside it. The "
            "masks stay in the work folder: after Ctrl-C, or when weights change, the same command makes "
            "only what is missing. What is written under 'What fails' in the page is kept."
        ),
    )
    add_davis_options(parser)
    parser.add_argument("--published", type=Path, metavar="FILE.json", help="figures of other methods")
    parser.add_argument("--hidden", type=Path, metavar="DIR", help="clips of make-clips hidden (else made)")
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="clips of make-clips pairs (else made)")
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=_ROWS,
        default=_ROWS,
        metavar="ROW",
        help=f"compute these only: {', '.join(_ROWS)}",
    )
    parser.add_argument(
        "--on",
        nargs="+",
        choices=_KINDS,
        default=_KINDS,
        metavar="KIND",
        help="compute frames, hidden or pairs only",
    )
    parser.add_argument(
        "--adapt", type=int, default=60, metavar="N", help="steps of adaptation in the last row (60)"
    )
    parser.add_argument(
        "--timing",
        choices=("missing", "again", "skip"),
        default="missing",
        help="take the time a frame where it is missing, of every row again, or not at all (missing)",
    )
    parser.add_argument(
        "--as-is", action="store_true", help="compute no masks, write the page of what is there"
    )
    add_page_options(parser, config="settings that no row touches")
    add_worker_options(parser, "a clip")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Compute what is missing and write the page.

    Returns:
        0, or 130 after Ctrl-C; the page is written in both cases.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    from ..benchmark.rows import rows  # noqa: PLC0415  (OpenCV, torch)
    from ..benchmark.table_page import write_page  # noqa: PLC0415
    from ..benchmark.table_runs import variants  # noqa: PLC0415

    given = [folder for folder in (args.hidden, args.pairs) if folder]
    sources = Sources.of(published=args.published)
    for root in (args.davis, *given):
        sources += Sources.of_data_set(root)
    refuse_page(args, sources, "# Accuracy")
    base = base_config(args)
    found = variants(base, args.weights, args.work, rows(args.adapt))
    chosen = [variant for variant in found if variant.row.name in args.rows]
    data = _data(args)
    code = 0
    try:
        _compute(args, chosen, data)
    except KeyboardInterrupt as error:
        code = stopped(error)
        sys.stderr.write("Stopped: the same command goes on from there.\n")
    write_page(args.output, Path(args.image_set).stem, found, data, args.published)
    sys.stdout.write(f"{args.output}\n")
    return code


def _data(args: argparse.Namespace) -> list[DataSet]:
    from ..benchmark.table_runs import DataSet, clips_of  # noqa: PLC0415
    from ..formats.davis import DavisRoot  # noqa: PLC0415

    source = DataSet("frames", DavisRoot(args.davis), args.image_set)
    wanted = () if args.as_is else args.on
    hidden = clips_of(source, "hidden", args.hidden, args.work, make="hidden" in wanted)
    pairs = clips_of(source, "pairs", args.pairs, args.work, make="pairs" in wanted)
    return [one for one in (source, hidden, pairs) if one is not None]


def _compute(args: argparse.Namespace, chosen: list[Variant], data: list[DataSet]) -> None:
    from ..engine.parallel import use_threads  # noqa: PLC0415  (torch)
    from .progress import Bar  # noqa: PLC0415
    from .run import run_in_parallel  # noqa: PLC0415

    for variant in chosen:
        if args.timing == "again" or (args.timing == "missing" and variant.known_pace() is None):
            variant.measure_pace(data[0])
    if args.as_is:
        return
    workers = workers_of(args)
    if workers is None:
        if args.threads:
            use_threads(args.threads)
        for one in data:
            if one.kind in args.on:
                for variant in chosen:
                    variant.compute(one, Bar)
        return
    from ..headless.cluster import connected  # noqa: PLC0415  (Dask)

    failures: list[TaskFailure] = []
    with connected(workers) as cluster:
        for one in data:
            for variant in chosen if one.kind in args.on else ():
                run_in_parallel(cluster, variant.tasks(one), variant.engine.make(), failures, overwrite=True)
    if failures:
        raise UserError(f"{failures[0].name}: {failures[0].sentence} ({len(failures)} runs failed)")
