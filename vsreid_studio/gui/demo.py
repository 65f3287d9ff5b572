"""The bundled clip as a document of the person's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from .. import paths
from ..errors import UserError
from ..formats.atomic import reason, writable_folder

_LEFT_BY_SQLITE = ("", "-wal", "-shm", "-journal")


def fresh_demo(folder: Path) -> tuple[Path, Path]:
    """Copy the clip, and forget what was made of an earlier copy.

    Args:
        folder: takes it.

    Returns:
        The clip, and the mask of its first frame.

    Raises:
        UserError: the clip is not shipped, or cannot be copied.
    """
    source = paths.resources() / "demo"
    folder = writable_folder(folder)
    clip = folder / "demo.mp4"
    try:
        for suffix in _LEFT_BY_SQLITE:
            (folder / f"demo.vsreid{suffix}").unlink(missing_ok=True)
        shutil.copyfile(source / "demo.mp4", clip)
    except OSError as error:
        raise UserError(f"The demo cannot be copied to {folder}: {reason(error)}.") from error
    return clip, source / "first.png"
