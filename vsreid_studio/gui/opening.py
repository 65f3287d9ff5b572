"""From a path to an open document: a project and its video, a DAVIS sequence, or the bundled demo."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from .. import paths
from ..engine.video import AS_USUAL, FrameOrder, ReadOptions, Video, open_video
from ..errors import UserError
from ..formats.atomic import reason, writable_folder
from ..formats.clip_folders import input_places
from ..formats.frame_names import LONGEST, shortened
from ..project import Project, absolute_path, keep_options, keep_order, read_options, read_order
from ..project.same_video import (
    VideoChanged,
    Way,
    bind_video,
    note_frames,
    order_in,
    reference_of,
    take_changes,
)

FRAMES, MASKS = "JPEGImages", "Annotations"
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}

SUFFIX = ".vsreid"
_ROOM = len("-12345678.vsreid-journal")
_LEFT_BY_SQLITE = ("", "-wal", "-shm", "-journal")


def sequences_under(folder: Path) -> list[Path]:
    """The folders of frames of a data set, by name; of several resolutions the smallest, '480p', if there.

    Args:
        folder: the root of the data set, its `JPEGImages`, or a resolution in that.

    Returns:
        none for a folder that holds pictures itself or is no data set.
    """
    if (folder / FRAMES).is_dir():
        folder /= FRAMES
    elif FRAMES not in folder.parts:
        return []
    if holds_pictures(folder):
        return []
    found = [one for one in _folders(folder) if holds_pictures(one)]
    if not found:
        sizes = [size for size in _folders(folder) if any(map(holds_pictures, _folders(size)))]
        sizes.sort(key=lambda size: (size.name != "480p", size.name))
        found = [one for one in _folders(sizes[0]) if holds_pictures(one)] if sizes else []
    return found


def masks_beside(frames: Path) -> Path | None:
    """The folder of masks of a sequence of a data set, None where there is none."""
    parts = frames.parts
    if FRAMES not in parts:
        return None
    place = len(parts) - 1 - parts[::-1].index(FRAMES)
    folder = Path(*parts[:place], MASKS, *parts[place + 1 :])
    return folder if folder.is_dir() and any(one.suffix == ".png" for one in folder.iterdir()) else None


def home_of(video: Path) -> Path:
    """A folder of the person's, near a video, in which results can be written.

    It is beside the video, for a sequence of a data set beside that; where nothing can be written, the home.
    """
    parts = video.parts
    inside = FRAMES in parts and parts.index(FRAMES) > 1
    near = Path(*parts[: parts.index(FRAMES) - 1]) if inside else video.parent
    return near if os.access(near, os.W_OK) else Path.home()


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def holds_pictures(folder: Path) -> bool:
    """Whether a folder has a picture right in it. The first mask beside a clip does not count.

    Raises:
        OSError: it cannot be read.
    """
    entries = [one for one in folder.iterdir() if not one.name.startswith(".")]
    pictures = {one for one in entries if one.suffix.lower() in _PICTURES}
    return bool(pictures) and bool(pictures - input_places(entries))


class VideoMissing(UserError):  # noqa: N818
    """A project's video is not where it was.

    Attributes:
        project: the project's file, to be opened again once a person has chosen the video.
        folder: whether the video is a folder of pictures, as far as its name shows.
    """

    def __init__(self, sentence: str, project: Path, *, folder: bool = False) -> None:
        super().__init__(sentence)
        self.project, self.folder = project, folder


@dataclass(frozen=True, eq=False)
class Document:
    """What is open.

    Attributes:
        project: holds the work.
        video: the window's own; the engine opens another one.
    """

    project: Project
    video: Video

    def close(self) -> None:
        """Close both."""
        self.video.close()
        self.project.close()


def open_document(
    path: Path,
    data_folder: Path,
    video: Path | None = None,
    options: ReadOptions | None = None,
    changed: Way | Literal["new"] | None = None,
) -> Document:
    """Open a project, or the project of a video or folder of pictures, which is created when there is none.

    Args:
        path: a project, a video or a folder of pictures.
        data_folder: takes the projects of videos whose own folder cannot be written to.
        video: where the project's video is now.
        options: how the video is read from now on; None for how its project says.
        changed: what becomes of the masks where the video has changed: 'keep' or 'clear' those of frames that
            differ, or open a 'new' project beside the old one; None to be asked.

    Raises:
        VideoChanged: the video is not as it was, and it is not chosen what to do.
        VideoMissing: the project's video is not there any more.
        UserError: something cannot be read, or the project nowhere be written; nothing is left behind.
    """
    path = absolute_path(path)
    if path.suffix == SUFFIX:
        if changed == "new":
            with Project.open(path) as project:
                path = video or project.locate_video()
        else:
            return _open_project(path, video, options, changed)
    known = partial(_order_beside, path, data_folder)
    source = open_video(path, options=options or AS_USUAL, known=known)
    try:
        project = _project_of(source, data_folder, changed)
    except BaseException:
        source.close()
        raise
    try:
        if options is not None:
            keep_options(project.settings, options)
        elif (kept := read_options(project.settings)) != source.options:
            source.close()
            source = open_video(path, options=kept, known=partial(read_order, project.settings))
            keep_order(project.settings, source)
        return Document(project, source)
    except BaseException:
        source.close()
        project.close()
        raise


def _open_project(
    path: Path, moved: Path | None, options: ReadOptions | None, changed: Way | None
) -> Document:
    project = Project.open(path)
    if changed is not None:
        try:
            place = moved or project.locate_video()
            kept, order = read_options(project.settings), read_order(project.settings)
        finally:
            project.close()
        with open_video(place, options=options or kept, known=lambda: order) as video:
            take_changes(path, video, changed)
        project = Project.open(path)
    try:
        video = _video_of(project, moved, options or read_options(project.settings))
        if options is not None:
            keep_options(project.settings, options)
        return Document(project, video)
    except BaseException:
        project.close()
        raise


def _video_of(project: Project, moved: Path | None, options: ReadOptions) -> Video:
    if moved is None:
        try:
            moved = project.locate_video()
        except UserError as error:
            raise VideoMissing(str(error), project.path, folder=not project.video.path.suffix) from error
    video = open_video(moved, options=options, known=partial(read_order, project.settings))
    try:
        bind_video(project, video)
    except BaseException:
        video.close()
        raise
    return video


def _project_of(video: Video, data_folder: Path, changed: Way | Literal["new"] | None) -> Project:
    """The project of a video that a person opened: beside it, else among the person's data."""
    folder, stem = _home(video.path, data_folder)
    if folder != video.path.parent:
        folder = writable_folder(folder)
    plain = folder / f"{stem}{SUFFIX}"
    # Two videos may differ in their suffix alone; the second gets a longer name.
    earlier = folder / f"{stem}-{video.earlier_fingerprint[:8]}{SUFFIX}"
    longer = folder / f"{stem}-{hashlib.sha256(video.fingerprint.encode()).hexdigest()[:8]}{SUFFIX}"
    for path in (plain, *((earlier,) if earlier.exists() else ()), longer):
        if not path.exists() or not path.stat().st_size:
            # A kill in the moment of creation leaves an empty file.
            path.unlink(missing_ok=True)
            project = Project.create(path, reference_of(video))
            note_frames(project, video)
            return project
        if (found := _bound(path, video, changed)) is not None:
            return found
    raise UserError(f"The project {plain} is of another video: move it, or open it by its own name.")


def _home(path: Path, data_folder: Path) -> tuple[Path, str]:
    """The folder of a video's project, and its name without suffix."""
    folder, name = path.parent, path.name if path.is_dir() else path.stem
    stem = shortened(name, LONGEST - _ROOM)
    # A data set's own folder of pictures is not the place for other files.
    kept_apart = FRAMES in folder.parts and not (folder / f"{stem}{SUFFIX}").exists()
    if kept_apart or not os.access(folder, os.W_OK):
        folder = data_folder / "projects" / _mark(path)
    return folder, stem


def project_places(path: Path, data_folder: Path) -> list[Path]:
    """The files that may be the project of a video or folder of pictures, the likeliest first.

    Args:
        path: absolute; of a project it is the only one.
        data_folder: see `open_document`.
    """
    if path.suffix == SUFFIX:
        return [path]
    folder, stem = _home(path, data_folder)
    longer = sorted(folder.glob(f"{glob.escape(stem)}-{'[0-9a-f]' * 8}{SUFFIX}"))
    return [folder / f"{stem}{SUFFIX}", *longer]


def _order_beside(path: Path, data_folder: Path) -> FrameOrder | None:
    """The order of a file's frames as a project of it keeps it, if there is one."""
    kept = (order_in(place) for place in project_places(path, data_folder))
    return next((order for order in kept if order is not None), None)


def _bound(path: Path, video: Video, changed: Way | Literal["new"] | None) -> Project | None:
    """The project at a path, if it is of this video; None if it is of another one."""
    project = Project.open(path)
    try:
        bind_video(project, video)
    except VideoChanged:
        # Another track of the same file is another video.
        same_track = read_options(project.settings).track == video.options.track
        here = project.video.path == absolute_path(video.path) and same_track
        project.close()
        if not here or changed == "new":
            return None
        if changed is None:
            raise
        take_changes(path, video, changed)
        return Project.open(path)
    except BaseException:
        project.close()
        raise
    return project


def _mark(path: Path) -> str:
    """Distinguishes the folders of videos of the same name."""
    return hashlib.sha256(os.fsencode(path.parent)).hexdigest()[:12]


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
