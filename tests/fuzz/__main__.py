"""Tests that take long.

`python -m tests.fuzz --minutes 60` reads damaged inputs, `--kills 100` kills runs, `--export-kills 50` kills
exports, and `--soak 60` does the same work again and again for so many minutes.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import secrets
import sys
import tempfile
import time
from pathlib import Path

import pytest

from vsreid_studio.config import Config
from vsreid_studio.engine.runtime.engine import VideoEngine

from .apart import VideosApart
from .engine import sweep, unharmed
from .kills import killing
from .soak import WARM_UP, Rounds, growth, soak
from .targets import targets


def main() -> int:
    """Read until time is up.

    Returns:
        0, or 1 where an input was answered wrongly.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long (1)")
    parser.add_argument("--seed", type=int, help="of what is drawn (another one each time)")
    parser.add_argument("--only", metavar="NAME", help="one kind of input")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-faults"), help="gets the inputs (fuzz-faults)"
    )
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="kill runs instead")
    parser.add_argument("--export-kills", type=int, default=0, metavar="N", help="kill exports instead")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="open, run, undo and export instead")
    args = parser.parse_args()
    # A crash inside a library tells where; damage that is answered is not news.
    faulthandler.enable()
    logging.disable(logging.WARNING)
    if args.soak:
        return soak_for(60 * args.soak)
    seed = secrets.randbits(32) if args.seed is None else args.seed
    sys.stdout.write(f"seed {seed}\n")
    if args.kills or args.export_kills:
        return kill(args.kills, args.export_kills, seed)
    with tempfile.TemporaryDirectory(prefix="vsreid-fuzz-") as name:
        folder = Path(name)
        apart = VideosApart()
        chosen = [target for target in targets(folder / "of", apart) if args.only in {None, target.name}]
        faults = [fault for target in chosen for fault in unharmed(target, folder / target.name)]
        count = 0
        for fault in sweep(chosen, folder, seed, 60 * args.minutes):
            count += 1
            if fault is not None:
                faults.append(fault)
                args.keep.mkdir(parents=True, exist_ok=True)
                kept = args.keep / f"{fault.target.replace(' ', '-')}-{seed}-{fault.number}"
                kept.write_bytes(fault.data)
                sys.stdout.write(f"{kept}: {fault.what}\n")
                sys.stdout.flush()
        apart.close()
    sys.stdout.write(f"{count} inputs, {len(faults)} answered wrongly\n")
    return 1 if faults else 0


def kill(runs: int, exports: int, seed: int) -> int:
    """Kill runs and exports, and call them again.

    Returns:
        0, or 1 where one that was called again came out otherwise than one that nobody disturbed.
    """
    stories = {}
    with tempfile.TemporaryDirectory(prefix="vsreid-kills-") as name, killing(Path(name), seed) as kills:
        for what, count, work in (("runs", runs, kills.runs), ("exports", exports, kills.exports)):
            if count:
                stories[what] = work(count, _say)
    for what, story in stories.items():
        moments = ", ".join(f"{count} at {moment}" for moment, count in sorted(story.moments.items()))
        faults = len(story.faults)
        _say(f"{what}: {story.kills} kills ({moments}), {story.ends} came to an end, {faults} faults")
    return 1 if any(story.faults for story in stories.values()) else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def soak_for(seconds: float) -> int:
    """Work until time is up, with stand-ins for the networks.

    Returns:
        0, or 1 where memory, open files or threads grew.
    """
    from stand_ins import make_clip, stand_ins  # noqa: PLC0415

    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="vsreid-soak-") as name, pytest.MonkeyPatch.context() as patch:
        stand_ins(patch)
        clip = make_clip(Path(name) / "clip", Path(name) / "first.png")
        rounds = Rounds(Path(name), clip.source, clip.masks, VideoEngine(Config()))
        usages = soak(rounds, lambda number: number <= WARM_UP or time.monotonic() < end)
    faults = growth(usages)
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    sys.stdout.write(f"{len(usages)} rounds, from {usages[WARM_UP]} to {usages[-1]}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
