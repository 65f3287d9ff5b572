"""From a path to an open document: a project and its video."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..engine.video import AS_USUAL, ReadOptions, Video, open_video
from ..errors import UserError
from ..formats.atomic import writable_folder
from ..project import Project, VideoRef, keep_options, read_options
from .davis_folders import FRAMES

SUFFIX = ".vsreid"


class VideoMissing(UserError):  # noqa: N818
    """A project's video is not where it was.

    Attributes:
        project: the project's file, to be opened again once a person has told where the video is.
        folder: whether the video is a folder of pictures, as far as its name tells.
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
    path: Path, data_folder: Path, video: Path | None = None, options: ReadOptions | None = None
) -> Document:
    """Open a project, or the project of a video or folder of pictures, which is created when there is none.

    Args:
        path: a project, a video or a folder of pictures.
        data_folder: takes the projects of videos whose own folder cannot be written to.
        video: where the project's video is now.
        options: how the video is read from now on; None for how its project says.

    Raises:
        VideoMissing: the project's video is not there any more.
        UserError: something cannot be read, or the project nowhere be written; nothing is left behind.
    """
    path = path.absolute()
    if path.suffix == SUFFIX:
        return _open_project(path, video, options)
    source = open_video(path, options=options or AS_USUAL)
    try:
        project = _project_of(source, data_folder)
    except BaseException:
        source.close()
        raise
    try:
        if options is not None:
            keep_options(project.settings, options)
        elif (kept := read_options(project.settings)) != source.options:
            source.close()
            source = open_video(path, options=kept)
        return Document(project, source)
    except BaseException:
        source.close()
        project.close()
        raise


def _open_project(path: Path, moved: Path | None, options: ReadOptions | None) -> Document:
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
    video = open_video(moved, options=options)
    try:
        _same(project, video)
    except BaseException:
        video.close()
        raise
    return video


def _same(project: Project, video: Video) -> None:
    """Note where the video is, or raise UserError if it is another one."""
    known = project.video
    if video.path.absolute() != known.path or video.fingerprint != known.fingerprint:
        project.relink_video(video.path, video.fingerprint)
    if (video.length, video.height, video.width) != (known.length, known.height, known.width):
        raise UserError(f"{video.path} reads differently now than when {project.path} was made from it.")


def _project_of(video: Video, data_folder: Path) -> Project:
    """The project of a video that a person opened: beside it, else among the person's data."""
    folder = video.path.parent
    # A data set's own folder of pictures is not the place for other files.
    kept_apart = FRAMES in folder.parts and not (folder / f"{video.name}{SUFFIX}").exists()
    if kept_apart or not os.access(folder, os.W_OK):
        folder = writable_folder(data_folder / "projects" / _mark(video.path))
    plain = folder / f"{video.name}{SUFFIX}"
    # Two videos may differ in their suffix alone; the second gets a longer name.
    for path in (plain, folder / f"{video.name}-{video.fingerprint[:8]}{SUFFIX}"):
        if not path.exists() or not path.stat().st_size:
            # A kill in the moment of creation leaves an empty file.
            path.unlink(missing_ok=True)
            return Project.create(path, _reference(video))
        project = Project.open(path)
        if project.video.fingerprint == video.fingerprint:
            try:
                _same(project, video)
            except BaseException:
                project.close()
                raise
            return project
        project.close()
    raise UserError(f"The project {plain} is of another video: move it, or open it by its own name.")


def _reference(video: Video) -> VideoRef:
    return VideoRef(video.path.absolute(), video.fingerprint, video.length, video.height, video.width)


def _mark(path: Path) -> str:
    """Tells the folders of videos of the same name apart."""
    return hashlib.sha256(os.fsencode(path.parent)).hexdigest()[:12]
