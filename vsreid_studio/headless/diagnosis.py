"""What an installation has and lacks: versions, processor, weights, codecs, the window, a self-test."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from .. import __version__, paths
from ..errors import UserError

PACKAGE = "vsreid-studio"
WINDOW_SECONDS = 30
"""Qt loads its libraries from a cold disk in much less."""
LEAST_IOU = 0.8
"""Of the self-test's last mask; on the bundled clip it is above .9."""
SELF_TEST_FRAMES = 3


@dataclass(frozen=True)
class Check:
    """One line of the diagnosis.

    Attributes:
        name: what was looked at.
        found: what is there, or in one sentence what is wrong and how to mend it.
        ok: False where something does not work.
    """

    name: str
    found: str
    ok: bool = True


def diagnose() -> Iterator[Check]:
    """Look at one thing after another; the last one loads the networks and takes a few seconds.

    Yields:
        a check as soon as its result is known; none raises.
    """
    parts: tuple[tuple[str, Callable[[], str]], ...] = (
        ("version", lambda: __version__),
        ("python", lambda: f"{platform.python_version()} ({sys.executable})"),
        ("system", platform.platform),
        ("packages", _packages),
        ("processor", _processor),
        ("device", device),
        ("weights", weights),
        ("codecs", _codecs),
        ("window", _window),
        ("self-test", _self_test),
    )
    for name, look in parts:
        try:
            yield Check(name, look())
        except Exception as error:
            # Whatever is wrong here is the very thing that is looked for.
            yield Check(name, str(error) or type(error).__name__, ok=False)


def _packages() -> str:
    """The installed versions of the declared dependencies."""
    listed = []
    for requirement in metadata.requires(PACKAGE) or []:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement and name not in listed:
            listed.append(name)
    missing = [name for name in listed if not _version(name)]
    if missing:
        raise UserError(f"Not installed: {', '.join(missing)}. Install {PACKAGE} again with pip.")
    return ", ".join(f"{name} {_version(name)}" for name in listed)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    from ..engine.runtime import models  # noqa: PLC0415  (torch: seconds)

    return f"{os.cpu_count()} cores, {models.cpu_computes()}"


def device() -> str:
    """Where the networks run by default, in words."""
    from ..engine.runtime import models  # noqa: PLC0415

    return models.device_name()


def weights() -> str:
    """The shipped weights, each with the first digits of its checksum.

    Raises:
        UserError: a file is missing, damaged or not listed.
    """
    from ..engine.runtime import models  # noqa: PLC0415

    listed = models.entries(paths.models())
    for entry in listed.values():
        models.read_weights(entry.file, entry.sha256)
    return ", ".join(f"{name} {entry.sha256[:8]}" for name, entry in listed.items())


def _codecs() -> str:
    import av  # noqa: PLC0415

    wanted = {"h264", "hevc", "vp9", "av1", "mpeg4", "prores"}
    lacking = sorted(wanted - set(av.codecs_available))
    try:
        av.Codec("libx264", "w")
        written = "writes H.264"
    except ValueError:
        written = "cannot write H.264, so no overlay video"
    read = "reads all common codecs" if not lacking else f"does not read {', '.join(lacking)}"
    return f"PyAV {av.__version__}: {read}, {written}"


def _window() -> str:
    """Open an invisible application in a process of its own: a missing library ends the process."""
    code = "from PySide6.QtWidgets import QApplication as A; print(A([]).platformName())"
    screen = sys.platform != "linux" or bool(os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"})
    environment = {**os.environ, "QT_DEBUG_PLUGINS": "0"}
    if not screen:
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=WINDOW_SECONDS,
        env=environment,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["the process ended without a word"])[-1]
        raise UserError(f"Qt cannot open a window: {last}")
    kind = done.stdout.strip()
    return f"Qt platform '{kind}'" if screen else f"no screen here; Qt starts with '{kind}'"


def _self_test() -> str:
    """Propagate the bundled clip's first masks by a few frames, and compare with the truth."""
    import cv2  # noqa: PLC0415

    from ..config import Config, ReidConfig  # noqa: PLC0415
    from ..engine.runtime.engine import VideoEngine  # noqa: PLC0415
    from ..engine.video import open_video  # noqa: PLC0415
    from ..formats.masks import read_label_map  # noqa: PLC0415
    from .run import run_task  # noqa: PLC0415
    from .task import Task  # noqa: PLC0415

    demo = paths.resources() / "demo"
    truth = read_label_map(demo / "truth" / f"{SELF_TEST_FRAMES:05d}.png") == 1
    began = time.perf_counter()
    engine = VideoEngine(Config(reid=ReidConfig(enabled=False)))
    engine.load()
    loaded = time.perf_counter()
    with TemporaryDirectory(prefix="vsreid-doctor-") as name:
        clip = Path(name, "clip")
        clip.mkdir()
        with open_video(demo / "demo.mp4") as video:
            for index in range(SELF_TEST_FRAMES + 1):
                picture = cv2.cvtColor(video.frame(index), cv2.COLOR_RGB2BGR)
                cv2.imwrite(str(clip / f"{index:05d}.png"), picture)
        outcome = run_task(Task("masks", clip, demo / "first.png", Path(name)), engine)
        mask = read_label_map(outcome.folder / f"{SELF_TEST_FRAMES:05d}.png") == 1
    iou = float((mask & truth).sum() / max(1, (mask | truth).sum()))
    if iou < LEAST_IOU:
        raise UserError(
            f"After {SELF_TEST_FRAMES} frames of the demo the mask has an IoU of {iou:.2f} with the truth, "
            f"and {LEAST_IOU} is expected. Report this together with the lines above."
        )
    seconds = time.perf_counter() - loaded
    return (
        f"IoU {iou:.2f} after {SELF_TEST_FRAMES} frames, in {seconds:.1f} s with compilation; networks "
        f"loaded in {loaded - began:.1f} s"
    )
