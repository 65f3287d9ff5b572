"""`demo`, `doctor`, `completion`, `install-desktop`: what tries out and sets up an installation."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import paths
from ..errors import UserError
from ..formats.targets import Sources
from .options import Subparsers, add_command, add_engine_options
from .run import run_tasks

if TYPE_CHECKING:
    from ..evaluation import Report

MIME = "application/x-vsreid-project"
_ENTRY = """[Desktop Entry]
Type=Application
Name=vsreid-studio
Comment=Cut objects out of video
Exec={command} %f
Icon=vsreid-studio
Terminal=false
Categories=AudioVideo;Video;Graphics;
MimeType={mime};
StartupWMClass=vsreid-studio
"""
_TYPE = """<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{mime}">
    <comment>vsreid-studio project</comment>
    <icon name="vsreid-studio"/>
    <glob pattern="*.vsreid"/>
  </mime-type>
</mime-info>
"""


def add_parser(subparsers: Subparsers) -> None:
    """Register the commands."""
    _add_demo(subparsers)
    _add_doctor(subparsers)
    _add_completion(subparsers)
    _add_desktop(subparsers)


def _add_desktop(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "install-desktop",
        run_desktop,
        help="add the program and the type of .vsreid files to a Linux desktop",
        description=(
            "Write a menu entry, an icon and the MIME type of .vsreid files for the current user, below "
            "$XDG_DATA_HOME (~/.local/share)."
        ),
    )
    parser.add_argument("--remove", action="store_true", help="take them away again")


def run_desktop(args: argparse.Namespace) -> int:
    """Write or remove the three files, and let the desktop know.

    Raises:
        UserError: this is not Linux, or a file cannot be written.
    """
    if sys.platform != "linux":
        raise UserError("install-desktop is for Linux desktops; other systems need no such entry.")
    from ..formats.atomic import write_bytes  # noqa: PLC0415

    folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    for path, content in _files(folder).items():
        if args.remove:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)
        sys.stdout.write(f"{'removed' if args.remove else 'wrote'} {path}\n")
    _refresh("update-desktop-database", folder / "applications")
    _refresh("update-mime-database", folder / "mime")
    return 0


def _files(folder: Path) -> dict[Path, bytes]:
    """What is written, by path."""
    icon = paths.resources() / "icons" / "vsreid-studio.svg"
    entry = _ENTRY.format(command=_command(), mime=MIME)
    return {
        folder / "applications" / "vsreid-studio.desktop": entry.encode(),
        folder / "mime" / "packages" / "vsreid-studio.xml": _TYPE.format(mime=MIME).encode(),
        folder / "icons" / "hicolor" / "scalable" / "apps" / "vsreid-studio.svg": icon.read_bytes(),
    }


def _command() -> str:
    """How a menu starts this installation, with the quotes of a desktop entry's Exec key."""
    script = Path(sys.executable).with_name("vsreid-studio")
    parts = [str(script)] if script.exists() else [sys.executable, "-m", "vsreid_studio"]
    return " ".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    """An argument of an Exec key: in quotes, reserved characters escaped, percent signs doubled."""
    inner = "".join(f"\\\\{c}" if c in '"`$\\' else c for c in part)
    return f'"{inner}"'.replace("%", "%%")


def _refresh(program: str, folder: Path) -> None:
    """Let a desktop's database take in what has changed, where there is one."""
    if shutil.which(program) and folder.is_dir():
        subprocess.run([program, str(folder)], check=False, capture_output=True)


SHELLS = ("bash", "zsh", "tcsh")


def _add_completion(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "completion",
        run_completion,
        help="print a script that completes commands and options in a shell",
        description=(
            "Print a completion script. For bash: vsreid-studio completion bash > "
            "~/.local/share/bash-completion/completions/vsreid-studio"
        ),
    )
    parser.add_argument("shell", choices=SHELLS)


def run_completion(args: argparse.Namespace) -> int:
    """Print the script.

    Args:
        args: `shell`, and as `whole` the parser with all commands.
    """
    import shtab  # noqa: PLC0415  (only this command needs it)

    sys.stdout.write(shtab.complete(args.whole, args.shell))
    return 0


def _add_doctor(subparsers: Subparsers) -> None:
    """Register the command."""
    add_command(
        subparsers,
        "doctor",
        run_doctor,
        help="check the installation: versions, device, weights, window, a short self-test",
        description=(
            "Print the versions of the program and its dependencies, the processor and the device, the "
            "checksums of the shipped weights, the codecs and the Qt platform, and run the method on a few "
            "frames. Attach the output to bug reports."
        ),
    )


def run_doctor(_: argparse.Namespace) -> int:
    """Print a line for each check.

    Returns:
        0, or 1 where something does not work.
    """
    from ..headless.diagnosis import diagnose  # noqa: PLC0415  (torch)

    ok = True
    for check in diagnose():
        sys.stdout.write(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<10} {check.found}\n")
        sys.stdout.flush()
        ok = ok and check.ok
    return 0 if ok else 1


NAME = "demo"


def _add_demo(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = add_command(
        subparsers,
        "demo",
        run_demo,
        help="run the method on a bundled clip",
        description=(
            "Cut an astronaut, who is out of sight for a while, and her coffee out of the bundled clip, "
            "and score the masks against the exact truth."
        ),
    )
    parser.add_argument("--headless", action="store_true", help="without a window: write masks")
    parser.add_argument(
        "--output", type=Path, default=Path("vsreid-demo"), metavar="DIR", help="(./vsreid-demo)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace masks of other settings")
    add_engine_options(parser)


def run_demo(args: argparse.Namespace) -> int:
    """Open the window on the demo, or write its masks and print their folder and scores.

    Raises:
        UserError: there is no screen, the clip or the weights are missing, or something cannot be written.
    """
    if not args.headless:
        from ..gui.application import run as run_window  # noqa: PLC0415  (Qt)

        return run_window(None, demo=True)
    from ..headless.task import Task  # noqa: PLC0415  (torch)
    from .evaluate import table  # noqa: PLC0415

    clip = paths.resources() / "demo"
    others = Sources.of(weights=args.weights, settings=args.config, ground_truth=clip / "truth")
    task = Task(NAME, clip / "demo.mp4", clip / "first.png", args.output, flo_folder=args.flo, others=others)
    if code := run_tasks(args, [task]):
        return code
    sys.stdout.write(f"\n{table(_score(clip / 'truth', task.folder))}\n")
    sys.stdout.write(f"The masks are in {task.folder.resolve()}\n")
    return 0


def _score(truth: Path, result: Path) -> Report:
    from ..evaluation import Report, evaluate_sequence  # noqa: PLC0415  (OpenCV)
    from ..formats.davis import mask_files  # noqa: PLC0415
    from ..formats.masks import read_label_map  # noqa: PLC0415

    files = mask_files(truth)
    instances = int(read_label_map(files[0]).max())
    pairs = (
        (file.stem, read_label_map(file), read_label_map(result / file.name, keep_void=True))
        for file in files[1:-1]
    )
    return Report({NAME: evaluate_sequence(instances, pairs)})
