"""What is given to one headless run, and the identity of this input."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..config import digest
from ..engine.types import SoftMask
from ..engine.video import AS_USUAL, FrameOrder, PictureFolder, ReadOptions, Video, open_video
from ..errors import UserError
from ..formats.annotations import GivenMasks
from ..formats.atomic import reason
from ..formats.clip_folders import RECORD
from ..formats.davis import DavisRoot
from ..formats.frame_names import LONGEST, shortened
from ..formats.given_masks import read_given_masks
from ..formats.mask_coding import Reading
from ..formats.points import Clicked, Prompt, checksum, read_points
from ..formats.targets import Sources
from ..project.same_video import Way, order_in
from ..reading import read_json
from .points import masks_of_points

if TYPE_CHECKING:  # torch, which takes seconds
    from ..engine.runtime.engine import VideoEngine

log = logging.getLogger(__name__)
_NOTHING = Sources()

MadeFrom: TypeAlias = dict[str, str]
"""A mark of each kind of input: 'video', 'masks', 'settings'; 'earlier' is an older one of the video, 'usual'
one of the settings that an earlier version had by default."""

EngineOrMaker: TypeAlias = "VideoEngine | Callable[[], VideoEngine]"
"""An engine, or what makes it when all that needs no engine was read and found fit."""

_SUFFIXES = len(".vsreid-journal")
_WORDS = {"video": "another video", "masks": "other first masks", "settings": "other settings or weights"}


@dataclass(frozen=True)
class Task:
    """One video to be cut.

    Attributes:
        name: of the sequence and of its folder.
        source: a video file or a folder of pictures.
        masks: first masks, see `formats.given_masks.read_given_masks`; None where points select them.
        output: the folder in which a folder of this name gets the masks.
        project: keeps the work for good; None for a file beside the masks that goes when they are complete.
        flo_folder: ready flow, or None.
        points: a file of points that select or correct first masks, see `formats.points`, or None.
        changed: what becomes of the masks of a named project whose video has changed; None to refuse.
        void: whether 255 in the masks is void, as in a data set, and not a mistake.
        reading: how the masks are taken; None to guess.
        others: further files and folders that are only read.
        video_options: how the video is read.
        keep_proposals: nothing found again is accepted: proposals wait in the project, which stays.
    """

    name: str
    source: Path
    masks: Path | None
    output: Path
    project: Path | None = None
    flo_folder: Path | None = None
    points: Path | None = None
    changed: Way | None = None
    void: bool = False
    reading: Reading | None = None
    others: Sources = field(default_factory=Sources)
    video_options: ReadOptions = AS_USUAL
    keep_proposals: bool = False

    @property
    def keeps_project(self) -> bool:
        """Whether the project stays when the masks are complete."""
        return self.project is not None or self.keep_proposals

    def refuse_targets(self) -> None:
        """Make sure that nothing which is only read lies where something will be written.

        Raises:
            UserError: it does.
        """
        sources = self.sources
        (sources + Sources.of(project=self.project_file)).refuse(self.folder)
        if not self.project_file.exists():
            sources.refuse(self.project_file)

    @property
    def sources(self) -> Sources:
        """All that is only read."""
        return self.others + Sources.of(
            video=self.source, first_masks=self.masks, points=self.points, flow=self.flo_folder
        )

    @property
    def folder(self) -> Path:
        """Where the masks go."""
        return self.output / self.name

    @property
    def project_file(self) -> Path:
        """Where the work is kept while it lasts."""
        return self.project or self.output / f"{shortened(self.name, LONGEST - _SUFFIXES)}.vsreid"


@dataclass(frozen=True, eq=False)
class Inputs:
    """A task's input, read and found fit.

    Attributes:
        engine: the engine.
        video: open.
        masks: P[i, k] by frame and instance number, of files and of points.
        made_from: identifies the input.
        read: what was read of files, without points.
        clicked: how masks came of points.
    """

    engine: VideoEngine
    video: Video
    masks: Mapping[int, Mapping[int, SoftMask]]
    made_from: MadeFrom
    read: GivenMasks
    clicked: Sequence[Clicked] = ()


def davis_tasks(
    davis: DavisRoot,
    image_set: str,
    output: Path,
    flo_root: Path | None = None,
    others: Sources = _NOTHING,
) -> list[Task]:
    """A task for each sequence of a set, with its first annotation as the first mask.

    Args:
        flo_root: holds a folder of ready flow for each sequence, or None.
        others: further files and folders that are only read.

    Raises:
        UserError: there is no such set, or a sequence has no annotation.
    """
    return [
        Task(
            name,
            davis.frames_folder(name),
            davis.annotation_files(name)[0],
            output,
            flo_folder=flo_root / name if flo_root else None,
            void=True,
            others=Sources.of(annotations=davis.annotations_folder(name)) + others,
        )
        for name in davis.sequences(image_set)
    ]


@contextmanager
def inputs(task: Task, engine: EngineOrMaker) -> Iterator[Inputs]:
    """Read what a task needs; the video closes with the block.

    What needs no engine is read first, so that unfit input is refused before torch is loaded.

    Raises:
        UserError: something of it is missing, unreadable or unfit.
    """
    if task.masks is None and task.points is None:
        raise UserError(
            f"There are no masks and no points beside {task.source}: expected NAME.png, NAME.masks, "
            "NAME.masks.json or NAME.points.json."
        )
    known = partial(_known_order, task)
    with open_video(task.source, options=task.video_options, known=known) as video:
        given = _given_masks(task, video)
        masks = given.masks
        prompts: Sequence[Prompt] = ()
        if task.points is not None:
            prompts = read_points(task.points, video.length, video.height, video.width, video.names)
        flo = _listing(task.flo_folder) if task.flo_folder else []
        engine = engine() if callable(engine) else engine
        clicked: list[Clicked] = []
        digest_of_masks = _digest_masks(masks, video.height, video.width)
        if task.points is not None:
            digest_of_masks = digest([digest_of_masks, repr(prompts), engine.clicks_checksum])
            before, masks = masks, masks_of_points(video, prompts, engine.clicker, masks)
            clicked = [_clicked(prompt, before, masks, engine.clicks_checksum) for prompt in prompts]
        chosen = [task.video_options.to_json()] if task.video_options.to_json() else []
        others = [flo, *(["keep proposals"] * task.keep_proposals)]
        made_from = {
            "video": _content(video, chosen),
            "earlier": digest([video.earlier_fingerprint, video.length, video.height, video.width, *chosen]),
            "masks": digest_of_masks,
            "settings": digest([engine.identity, *others]),
            "usual": digest([engine.earlier_identity, *others]),
        }
        yield Inputs(engine, video, masks, made_from, given, clicked)


def _known_order(task: Task) -> FrameOrder | None:
    """The order of the video's frames that the task's project or its masks keep; None where neither does."""
    if (order := order_in(task.project_file)) is not None:
        return order
    with suppress(UserError, LookupError, TypeError):
        return FrameOrder.from_json(read_json(task.folder / RECORD)["video"]["order"])
    return None


def _clicked(
    prompt: Prompt,
    before: Mapping[int, Mapping[int, SoftMask]],
    after: Mapping[int, Mapping[int, SoftMask]],
    weights: str,
) -> Clicked:
    """What is known of a mask that points made; it may lie wholly under another and be gone."""
    frame, instance = prompt.key
    mask = after.get(frame, {}).get(instance, SoftMask.empty())
    return Clicked(prompt, instance in before.get(frame, {}), weights, checksum(mask))


def difference(made_from: MadeFrom, other: object) -> str:
    """In words, in what `other`, a `MadeFrom` once recorded, differs; empty when it does not."""
    if not isinstance(other, dict):
        return "unknown input"
    # What earlier versions recorded of a video stands in 'video' alone.
    same_video = other.get("video") in (made_from["video"], made_from.get("earlier")) or (
        _is_same_file(made_from["video"], other.get("video"))
    )
    same = {
        "video": same_video,
        "masks": other.get("masks") == made_from["masks"],
        "settings": other.get("settings") in (made_from["settings"], made_from.get("usual")),
    }
    return " and ".join(word for kind, word in _WORDS.items() if not same[kind])


def _content(video: Video, chosen: list[dict[str, Any]]) -> str:
    """What identifies a video in a record: size, how it is read, and marks of its content.

    Of a folder these are the bytes of each picture, of a file both parts of the fingerprint.

    A folder whose pictures were saved again may have changed in one of those that are not decoded.
    """
    parts = video.fingerprint.split()
    if isinstance(video, PictureFolder):
        parts = parts[-1:]
    how = "".join(json.dumps(one, separators=(",", ":")) for one in chosen)
    return " ".join([f"{video.length}x{video.height}x{video.width}{how}", *parts])


def _is_same_file(now: str, recorded: object) -> bool:
    size, *parts = now.split()
    if not isinstance(recorded, str) or not recorded.startswith(f"{size} "):
        return False
    return bool(set(parts) & set(recorded.split()[1:]))


def _given_masks(task: Task, video: Video) -> GivenMasks:
    """The masks that are there before any point; none where points alone select."""
    if task.masks is None:
        return GivenMasks({}, None, "")
    given = read_given_masks(task.masks, video, task.reading, void=task.void)
    # A data set says what its masks are.
    log.log(logging.DEBUG if task.void else logging.INFO, "%s: read as %s", task.masks, given.text)
    return given


def _digest_masks(masks: Mapping[int, Mapping[int, SoftMask]], height: int, width: int) -> str:
    """A checksum of masks: of the label map of each frame, and of what a label map does not hold."""
    found = hashlib.sha256()
    for frame, there in sorted(masks.items()):
        labels = np.zeros((height, width), np.uint8)
        more: list[tuple[int, SoftMask]] = []
        for number, mask in sorted(there.items()):
            inside, hard = labels[mask.box.slices], mask.values > 127
            if inside[hard].any() or not np.isin(mask.values, (0, 255)).all():
                more.append((number, mask))
            inside[hard] = number
        found.update(f"{frame} {labels.shape}\n".encode())
        found.update(labels.tobytes())
        for number, mask in more:
            found.update(f"{number} {mask.box}\n".encode())
            found.update(mask.values.tobytes())
    return found.hexdigest()


def _listing(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of the files of flow."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in {".flo", ".rflo"})
        return [(file.name, file.stat().st_size) for file in files]
    except OSError as error:
        raise UserError(f"The folder of flow {folder} cannot be read: {reason(error)}.") from error
