"""`simulate` and `clicks-benchmark`: corrections and clicks that a simulated user needs."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..config import Config
from ..errors import UserError, stopped
from ..formats.owned import refuse_report
from ..formats.targets import Sources
from .options import (
    Subparsers,
    add_command,
    add_davis_options,
    add_page_options,
    base_config,
    check_weights,
    refuse_page,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ..benchmark.user_model import Round
    from ..engine.types import ClickContext, Frame, LabelMap, SoftMask


def add_parser(subparsers: Subparsers) -> None:
    """Add the commands to those of `vsreid-studio`."""
    parser = add_command(
        subparsers,
        "simulate",
        run,
        help="count the corrections that a simulated person needs for a good result",
        description=(
            "A simulated person paints or clicks the first mask, answers each proposal by the truth, then "
            "corrects the worst or the suggested frame again and again, until J&F is --goal. Write "
            "the corrections, seconds and re-propagated frames needed for J&F .85, .90 and .95, as Markdown "
            "and, beside it, as JSON. Sequences that are in the JSON file, made with the same settings and "
            "weights, are not worked on again."
        ),
    )
    add_davis_options(parser, "a DAVIS folder, or clips")
    parser.add_argument("--no-memory", action="store_true", help="the network reads no memory of checkpoints")
    parser.add_argument("--no-reid", action="store_true", help="nothing is found again")
    parser.add_argument(
        "--adapt",
        type=int,
        default=0,
        metavar="N",
        help="steps of adaptation for each object, after each correction anew (0)",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also without memory, and without re-identification",
    )
    for option, what in (
        ("--first", "how the first mask is made"),
        ("--corrections", "how masks are corrected"),
    ):
        ways = ("painted", "clicked")
        parser.add_argument(option, choices=ways, default=ways[0], help=f"{what} ({ways[0]})")
    parser.add_argument(
        "--frames",
        choices=("oracle", "suggested"),
        default="oracle",
        help="who finds frames to correct: one who knows the worst, or the list of doubtful frames (oracle)",
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="most corrections (20)")
    parser.add_argument(
        "--goal",
        type=float,
        choices=(0.85, 0.9, 0.95),
        default=0.95,
        help="J&F at which the person stops (.95)",
    )
    add_page_options(parser)
    _add_clicks_benchmark(subparsers)


def run(args: argparse.Namespace) -> int:
    """Simulate, and write the page after each sequence.

    Returns:
        0, or 130 after Ctrl-C, when the sequences done are kept.

    Raises:
        UserError: something to read is missing or unfit, or the page cannot be written.
    """
    if min(args.limit, args.adapt) < 0:
        raise UserError("--limit and --adapt are numbers of corrections and of steps.")
    if args.output.suffix == ".json":
        raise UserError("--output is the page in Markdown; its figures go to a .json beside it.")
    listing = Path(args.image_set) if Path(args.image_set).is_file() else None
    sources = Sources.of_data_set(args.davis) + Sources.of(list=listing)
    refuse_page(args, sources, "# A person's time")
    refuse_report(args.output.with_suffix(".json"), sources, '{"variants":')
    from ..benchmark.sessions import Sessions  # noqa: PLC0415
    from ..benchmark.user_model import UserModel  # noqa: PLC0415
    from ..formats.davis import DavisRoot  # noqa: PLC0415  (OpenCV, torch)

    user = UserModel(args.first, args.corrections, args.frames)
    told = "" if user == UserModel() else f": {user.name}"
    base = base_config(args)
    check_weights(args.weights, base)
    configs = _configs(args, base)
    candidates = args.work / "candidates"
    sessions = Sessions(DavisRoot(args.davis), args.image_set, args.output, candidates, args.limit, args.goal)
    try:
        for name, config in configs.items():
            sessions.work(f"{name}{told}", config, args.weights, _tell, user)
    except KeyboardInterrupt as error:
        sys.stderr.write("Stopped: the same command goes on from there.\n")
        return stopped(error)
    sys.stdout.write(f"{args.output}\n")
    return 0


def _configs(args: argparse.Namespace, base: Config) -> dict[str, Config]:
    """The settings of each variant, by its name."""
    listed = {_name(args.no_memory, args.no_reid, args.adapt): _config(args, base)}
    if args.compare:
        for switch in ("no_memory", "no_reid"):
            other = argparse.Namespace(**{**vars(args), switch: True})
            listed.setdefault(_name(other.no_memory, other.no_reid, other.adapt), _config(other, base))
    return listed


def _config(args: argparse.Namespace, base: Config) -> Config:
    propagation, reid = base.propagation, base.reid
    if args.no_memory:
        propagation = replace(propagation, read_memory=False)
    if args.no_reid:
        reid = replace(reid, enabled=False)
    adapt = replace(base.adapt, steps=args.adapt)
    return replace(base, propagation=propagation, reid=reid, adapt=adapt)


def _name(no_memory: bool, no_reid: bool, adapt: int) -> str:
    parts = ["without memory"] * no_memory + ["without re-identification"] * no_reid
    if adapt:
        parts.append(f"with adaptation ({adapt} steps)")
    return ", ".join(parts) or "all parts"


def _tell(name: str, done: Round) -> None:
    sys.stderr.write(f"{name}: {done.corrections} corrections, {done.seconds:.0f} s, J&F {done.both:.4f}\n")


def _add_clicks_benchmark(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "clicks-benchmark",
        run_clicks_benchmark,
        help="count the clicks that a mask needs: NoC@80, NoC@85, NoC@90, mIoU@k",
        description=(
            "A simulated person clicks on the instances of every N-th frame, from nothing, into the middle "
            "of the largest error, until the IoU is .90 or 20 clicks are made. Of several instances in a "
            "frame those before are there. With --masks also on masks that a run has made, where their IoU "
            "is below --below."
        ),
    )
    add_davis_options(parser)
    parser.add_argument("--every", type=int, default=10, metavar="N", help="every N-th frame (10)")
    parser.add_argument("--masks", type=Path, metavar="DIR", help="masks of a run: DIR/SEQUENCE/NNNNN.png")
    parser.add_argument("--below", type=float, default=0.85, metavar="X", help="correct below this IoU (.85)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights of your own")
    parser.add_argument("--patch", type=int, metavar="N", help="side of the patches in pixels")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="also write the last masks as pictures")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="the page; beside it a .json")


def run_clicks_benchmark(args: argparse.Namespace) -> int:
    """Measure, print the page, and write it where that is asked for.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    if args.every < 1:
        raise UserError("--every is a number of frames, at least 1.")
    if args.patch is not None and (args.patch < 64 or args.patch % 32):
        raise UserError("--patch is a multiple of 32, at least 64.")
    if args.output is not None and args.output.suffix == ".json":
        raise UserError("--output is the page in Markdown; its figures go to a .json beside it.")
    import json  # noqa: PLC0415

    # torch and OpenCV: `--help` need not wait for them.
    from ..benchmark.clicks import Series, click_through, render, to_json  # noqa: PLC0415
    from ..engine.nets.click_maps import PATCH  # noqa: PLC0415
    from ..engine.runtime.click_networks import load_network  # noqa: PLC0415
    from ..engine.runtime.clicker import Clicker  # noqa: PLC0415
    from ..formats.atomic import write_text  # noqa: PLC0415
    from ..formats.owned import refuse_report  # noqa: PLC0415
    from ..formats.targets import Sources  # noqa: PLC0415

    if args.output:
        sources = Sources.of_data_set(args.davis) + Sources.of(weights=args.weights, masks=args.masks)
        refuse_report(args.output, sources, "# Clicks")
        refuse_report(args.output.with_suffix(".json"), sources, '{"From nothing":')
    clicker = Clicker(load_network(weights=args.weights), size=args.patch or PATCH)
    fresh: list[Series] = []
    corrected: list[Series] = []
    drawn: list[SoftMask] = []
    for name, frame, truth, void, found, context, known in _masks(args):
        # Of several instances in a frame those before are there when the next one is clicked.
        if not (fresh and _same_frame(fresh[-1].name, name)):
            drawn = []
        told = replace(context, others=tuple(drawn))
        series, clicks, mask = click_through(name, frame, truth, clicker, ignored=void, context=told)
        drawn.append(mask)
        fresh.append(series)
        _tell_series(series)
        if args.pictures:
            _draw(args.pictures / f"{name.replace('/', '-')}.png", frame, mask, clicks)
        if found is None:
            continue
        if _share(found, truth, void) < args.below:
            series, clicks, mask = click_through(
                name, frame, truth, clicker, ignored=void, present=found, context=known
            )
            corrected.append(series)
            _tell_series(series)
            if args.pictures:
                _draw(args.pictures / f"{name.replace('/', '-')}-corrected.png", frame, mask, clicks)
    if not fresh:
        raise UserError("There is nothing to click on in these sequences.")
    parts = {"From nothing": fresh, f"Masks of a run below {args.below:.2f}": corrected}
    page = render(parts, f"every {args.every}th frame of {Path(args.image_set).stem}")
    sys.stdout.write(page)
    if args.output:
        write_text(args.output, page)
        write_text(args.output.with_suffix(".json"), json.dumps(to_json(parts)) + "\n")
    return 0


class _Clicked(NamedTuple):
    """What is clicked on.

    Attributes:
        name: of the sequence, the frame and the instance.
        frame: (H, W, 3) uint8 RGB.
        truth, void: (H, W) bool; pixels of `void` do not count.
        found: the mask of a run, if there is one.
        context: for clicks from nothing.
        known: for corrections: with the first frame, and the mask there from which that run began.
    """

    name: str
    frame: Frame
    truth: NDArray[np.bool_]
    void: NDArray[np.bool_]
    found: SoftMask | None
    context: ClickContext
    known: ClickContext


def _masks(args: argparse.Namespace) -> Iterator[_Clicked]:
    """What is clicked on."""
    from ..engine.extensions.clicked_masks import context_in  # noqa: PLC0415
    from ..engine.types import SoftMask  # noqa: PLC0415
    from ..engine.video import open_video  # noqa: PLC0415
    from ..formats.davis import DavisRoot, frame_name  # noqa: PLC0415
    from ..formats.mask_reading import VOID  # noqa: PLC0415
    from ..formats.masks import read_label_map  # noqa: PLC0415

    davis = DavisRoot(args.davis)
    for name in davis.sequences(args.image_set):
        files = davis.annotation_files(name)

        def made(number: int, name: str = name) -> LabelMap | None:
            path: Path | None = args.masks
            return None if path is None else read_label_map(path / name / frame_name(number, ".png"))

        with open_video(davis.frames_folder(name)) as video:
            first = made(0)
            for number in range(0, min(video.length, len(files)), args.every):
                labels, run = read_label_map(files[number], keep_void=True), made(number)
                for instance in sorted(set(labels[labels > 0].tolist()) - {VOID}):
                    trusted = None
                    if first is not None and number and (first == instance).any():
                        trusted = 0, SoftMask.from_dense(first == instance)
                    yield _Clicked(
                        f"{name}/{number:05d}/{instance}",
                        video.frame(number),
                        labels == instance,
                        labels == VOID,
                        None if run is None else SoftMask.from_dense(run == instance),
                        context_in(video, number),
                        context_in(video, number, trusted=trusted),
                    )


def _same_frame(one: str, other: str) -> bool:
    """Whether two names of `_Clicked` are of the same frame."""
    return one.rsplit("/", 1)[0] == other.rsplit("/", 1)[0]


def _share(found: SoftMask, truth: NDArray[np.bool_], void: NDArray[np.bool_]) -> float:
    from ..evaluation.measures import jaccard  # noqa: PLC0415

    return jaccard(truth & ~void, found.hard(*truth.shape) & ~void)


def _draw(path: Path, frame: Frame, mask: SoftMask, clicks: object) -> None:
    """The frame with the mask in red, positive clicks in green and negative ones in blue."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    from ..engine.types import Click  # noqa: PLC0415
    from ..formats.atomic import write_bytes  # noqa: PLC0415

    hard = mask.hard(*frame.shape[:2])
    shown = np.where(hard[..., None], frame // 2 + np.array([127, 0, 0], np.uint8), frame).astype(np.uint8)
    assert isinstance(clicks, list)
    for number, click in enumerate(clicks, 1):
        assert isinstance(click, Click)
        at = (int(click.x), int(click.y))
        cv2.circle(shown, at, 5, (0, 255, 0) if click.adds else (60, 60, 255), -1)
        cv2.putText(shown, str(number), (at[0] + 6, at[1]), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255))
    coded = cv2.imencode(".png", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, coded.tobytes())


def _tell_series(series: object) -> None:
    from ..benchmark.clicks import Series  # noqa: PLC0415

    assert isinstance(series, Series)
    shares = " ".join(f"{share:.3f}" for share in series.shares)
    sys.stderr.write(f"{series.name}: {shares}\n")
