"""Tests that take long: `python -m tests.fuzz --minutes 60` reads damage, `--kills 100` kills runs."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from .engine import sweep, unharmed
from .kills import KilledRuns
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
    parser.add_argument("--kills", type=int, metavar="N", help="kill runs instead, and go on with them")
    args = parser.parse_args()
    seed = secrets.randbits(32) if args.seed is None else args.seed
    sys.stdout.write(f"seed {seed}\n")
    if args.kills:
        return kill(args.kills, seed)
    with tempfile.TemporaryDirectory(prefix="vsreid-fuzz-") as name:
        folder = Path(name)
        chosen = [target for target in targets(folder / "of") if args.only in {None, target.name}]
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
    sys.stdout.write(f"{count} inputs, {len(faults)} answered wrongly\n")
    return 1 if faults else 0


def kill(count: int, seed: int) -> int:
    """Kill runs.

    Returns:
        0, or 1 where one that went on came out otherwise than one that nobody disturbed.
    """
    with tempfile.TemporaryDirectory(prefix="vsreid-kills-") as name:
        outcomes = list(KilledRuns(Path(name), seed).faults(count))
    faults = [fault for fault in outcomes if fault is not None]
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    sys.stdout.write(f"{count} kills, {len(outcomes)} results, {len(faults)} wrong\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
