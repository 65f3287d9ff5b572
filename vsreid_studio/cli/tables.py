"""`tables` and `thresholds`: what each part of the method brings, and which thresholds serve best."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, astuple, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import TaskFailure, UserError, stopped
from ..formats.targets import Sources
from .options import (
    Subparsers,
    add_command,
    add_davis_options,
    add_page_options,
    add_worker_options,
    base_config,
    check_weights,
    refuse_page,
    share,
    workers_of,
)

if TYPE_CHECKING:
    from ..benchmark.candidates import Thresholds
    from ..benchmark.gaps import GapSummary
    from ..benchmark.table_runs import DataSet, Variant


_KINDS = ("frames", "hidden", "pairs")
_ROWS = ("full-image", "box", "flow-stream", "memory", "smoothing", "reid", "multi-scale", "adaptation")


def add_parser(subparsers: Subparsers) -> None:
    """Add the commands to those of `vsreid-studio`."""
    parser = add_command(
        subparsers,
        "tables",
        run,
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
    _add_thresholds(subparsers)


def run(args: argparse.Namespace) -> int:
    """Compute what is missing and write the page.

    Returns:
        0, or 130 after Ctrl-C; the page is written in both cases.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    from ..benchmark.table_report import write_page  # noqa: PLC0415
    from ..benchmark.table_runs import (  # noqa: PLC0415
        rows,
        variants,
    )

    given = [folder for folder in (args.hidden, args.pairs) if folder]
    sources = Sources.of(published=args.published)
    for root in (args.davis, *given):
        sources += Sources.of_data_set(root)
    refuse_page(args, sources, "# Accuracy")
    base = base_config(args)
    check_weights(args.weights, base)
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


def _add_thresholds(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "thresholds",
        run_thresholds,
        help="choose the thresholds of re-identification on clips with hidden objects",
        description=(
            "Run the method on clips that make-clips hidden has made, first for every ρ_reid, then, with the "
            "best of them, for every ρ_occ, then for every least confidence of a recovered mask; write what "
            "came of each, and the best, as Markdown. The masks stay in the work folder: after Ctrl-C the "
            "same command goes on from there."
        ),
    )
    parser.add_argument(
        "--clips", type=Path, required=True, nargs="+", metavar="DIR", help="folders of make-clips hidden"
    )
    for name, what, values in (
        ("rho-reid", "least similarity", (0.55, 0.6, 0.65, 0.7, 0.75)),
        ("rho-occ", "greatest overlap with the present mask", (0.1, 0.3, 0.5)),
        ("least-confidence", "least confidence of a recovered mask", (0.25, 0.35, 0.5, 0.65)),
    ):
        shown = " ".join(f"{value:g}" for value in values)
        parser.add_argument(
            f"--{name}", type=share, nargs="+", default=values, metavar="R", help=f"{what} ({shown})"
        )
    add_page_options(parser, config="all other settings")


def run_thresholds(args: argparse.Namespace) -> int:
    """Try what is missing; the page is written after each trial.

    Returns:
        0, or 130 after Ctrl-C, when what was tried is kept.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    from ..benchmark.candidates import Thresholds, best  # noqa: PLC0415

    sources = Sources()
    for root in args.clips:
        sources += Sources.of_data_set(root)
    refuse_page(args, sources, "# Thresholds of re-identification")
    base = base_config(args)
    check_weights(args.weights, base)
    tried: dict[Thresholds, GapSummary] = {}
    try:
        one = Thresholds(base.reid.rho_reid, base.reid.rho_occ, base.reid.least_confidence)
        for threshold in fields(Thresholds):
            for value in getattr(args, threshold.name):
                _try(args, base, replace(one, **{threshold.name: value}), tried)
            one = best(tried)
    except KeyboardInterrupt as error:
        sys.stderr.write("Stopped: the same command goes on from there.\n")
        return stopped(error)
    _write(args, tried, chosen=True)
    sys.stdout.write(f"{args.output}\n")
    return 0


def _try(
    args: argparse.Namespace, base: Config, one: Thresholds, tried: dict[Thresholds, GapSummary]
) -> None:
    """Run one of the settings on all clips, unless it has been."""
    from ..benchmark.candidates import SharingEngine  # noqa: PLC0415
    from ..benchmark.gaps import Accepted, GapScore, around_gaps, read_gaps, summary  # noqa: PLC0415
    from ..benchmark.table_runs import DataSet, TableRow, Variant  # noqa: PLC0415
    from ..formats.davis import DavisRoot  # noqa: PLC0415
    from .progress import Bar  # noqa: PLC0415

    if one in tried:
        return
    reid = replace(base.reid, enabled=True, **asdict(one))
    folder_name = "-".join(f"{value:g}" for value in astuple(one))
    row = TableRow(folder_name, str(one), lambda config: config)
    engine = SharingEngine(replace(base, reid=reid), args.weights, args.work / "candidates")
    scores: list[GapScore] = []
    accepted: list[Accepted | None] = []
    for number, folder in enumerate(args.clips):
        gaps = read_gaps(folder)
        data = DataSet("hidden", DavisRoot(folder), "hidden")
        variant = Variant(row, engine, args.work / str(number))
        variant.compute(data, Bar)
        for name, scored in (variant.scored(data) or {}).items():
            scores += around_gaps(name, gaps[name], scored.instances)
            accepted.append(scored.accepted)
    if not scores:
        raise UserError("No clip has a gap with frames before and after it.")
    tried[one] = summary(scores, accepted)
    _write(args, tried, chosen=False)


def _write(args: argparse.Namespace, tried: dict[Thresholds, GapSummary], *, chosen: bool) -> None:
    from ..benchmark.candidates import render  # noqa: PLC0415
    from ..benchmark.gaps import read_gaps  # noqa: PLC0415
    from ..formats.atomic import writable_folder, write_text  # noqa: PLC0415

    names = [name for folder in args.clips for name in read_gaps(folder)]
    command = "vsreid-studio thresholds --clips " + " ".join(folder.name for folder in args.clips)
    writable_folder(args.output.parent)
    write_text(args.output, render(tried, command, names, chosen))
