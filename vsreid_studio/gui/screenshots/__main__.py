"""`python -m vsreid_studio.gui.screenshots DIR`: writes the pictures, light and dark, at both scales."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_SCALES = (1, 2)


def main() -> int:
    """Take the pictures; each scale needs a process of its own, as Qt reads it at its start."""
    parser = argparse.ArgumentParser(prog="python -m vsreid_studio.gui.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the pictures go")
    parser.add_argument("--scale", type=int, choices=_SCALES, help="only this one")
    parser.add_argument("--theme", choices=("light", "dark"), help="only this one")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        from .scenes import take_all  # noqa: PLC0415  (Qt, after its environment is set)

        with tempfile.TemporaryDirectory() as scratch:
            for theme in (args.theme,) if args.theme else ("light", "dark"):
                take_all(args.folder, Path(scratch) / theme, dark=theme == "dark", scale=args.scale)
        return 0
    args.folder.mkdir(parents=True, exist_ok=True)
    for scale in (args.scale,) if args.scale else _SCALES:
        environment = {**os.environ, "QT_SCALE_FACTOR": str(scale)}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        command = [sys.executable, "-m", "vsreid_studio.gui.screenshots", str(args.folder), "--inside"]
        command += ["--scale", str(scale), *(["--theme", args.theme] if args.theme else [])]
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
