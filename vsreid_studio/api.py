"""The names that scripts may rely on.

What `__all__` lists keeps its meaning within a major version. Other modules may change in any version.

Masks are label maps: (H, W) uint8 arrays of instance numbers, 1 to 254, with 0 for background. Errors that a
script should expect are a `UserError`, with one sentence that says what to do.

A clip of ten frames, and the mask of its first one:

>>> import numpy as np
>>> from PIL import Image
>>> from vsreid_studio import api
>>> clip, truth = Path("clip"), Path("truth")
>>> clip.mkdir()
>>> for number in range(10):
...     labels = np.zeros((48, 80), np.uint8)
...     labels[12:26, 4 + 5 * number : 18 + 5 * number] = 1
...     frame = np.where(labels[..., None] == 1, (230, 20, 20), 100).astype(np.uint8)
...     Image.fromarray(frame).save(clip / f"{number:05d}.png")
...     api.write_mask(truth / f"{number:05d}.png", labels)

Propagate it, look at the result, and score it:

>>> engine = api.Engine(api.Config(device="cpu"))
>>> with api.open_video(clip) as video:
...     masks = engine.track(video, {0: api.read_mask(truth / "00000.png")})
>>> len(masks), masks[9].shape, masks[9].dtype, int(masks[9].max())
(10, (48, 80), dtype('uint8'), 1)
>>> api.write_masks(Path("result"), masks)
>>> report = api.evaluate(truth, Path("result"))
>>> bool(report.overall()["J&F"] > 0.8)
True

The same with files, as `vsreid-studio run` does it, kept as a project that the window opens:

>>> outcome = engine.run(clip, truth / "00000.png", Path("out"), project=Path("clip.vsreid"))
>>> outcome.frames, outcome.skipped
(10, False)
>>> with api.open_project(Path("clip.vsreid")) as project:
...     print(project.instances[1].name, sum(1 for _ in api.label_maps(project)))
instance 1 10
>>> api.export(Path("clip.vsreid"), Path("dataset"), "coco")
'10 frames of clip are in dataset'

Bad input is refused in a sentence:

>>> api.read_mask(Path("nothing.png"))
Traceback (most recent call last):
vsreid_studio.errors.UserError: The mask nothing.png cannot be read: no such file or directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from . import evaluation
from .config import Config, preset
from .config import load as load_config
from .engine.algorithm import merge
from .engine.events import Change, Event, Progress, Proposal
from .engine.runtime.reid import MemoryStore
from .engine.runtime.run import answer_all
from .engine.store.annotation import Annotation
from .engine.types import LabelMap, SoftMask
from .engine.video import Video, open_video
from .errors import UserError
from .evaluation import Report
from .formats.annotations import first_cells
from .formats.atomic import writable_folder
from .formats.catalogue import DAVIS
from .formats.davis import frame_name
from .formats.given_masks import read_given_masks
from .formats.masks import read_label_map as read_mask
from .formats.masks import write_label_map
from .headless.export import ProjectExport, export_project
from .headless.run import RunOutcome, run_task
from .headless.task import Task
from .project import Instance, Project
from .training.adaptation import adapting_engine

__all__ = [
    "Change",
    "Config",
    "Engine",
    "Event",
    "Instance",
    "LabelMap",
    "Progress",
    "Project",
    "Proposal",
    "Report",
    "RunOutcome",
    "UserError",
    "Video",
    "evaluate",
    "export",
    "label_maps",
    "load_config",
    "open_project",
    "open_video",
    "preset",
    "read_mask",
    "read_masks",
    "write_mask",
    "write_masks",
]


class Engine:
    """The networks and the settings of runs; one engine serves one video after another.

    Use it from one thread at a time. Networks are loaded when they are first needed.
    """

    def __init__(self, config: Config | None = None, *, weights: Path | None = None) -> None:
        """Choose the device and check the settings.

        Args:
            config: settings, see `preset` and `load_config`; None for the defaults.
            weights: a safetensors file for the mask propagation network instead of the shipped one.

        Raises:
            UserError: there is no such device, or a file of weights cannot be read.
        """
        self._engine = adapting_engine(config or Config(), weights)

    def track(
        self,
        video: Video,
        masks: Mapping[int, LabelMap],
        *,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> list[LabelMap]:
        """Propagate masks through a video and find lost instances again (Algorithm 3), in memory.

        Every retrieval above ρ_reid is accepted. For long videos, and for work that should survive a crash,
        use `run`.

        Args:
            masks: label maps by frame index, at least one; (H, W) uint8 of the video's size.
            on_event: receives `Progress`, `Change` and `Proposal` events. What it raises ends the run.

        Returns:
            A label map for each frame: (H, W) uint8.

        Raises:
            UserError: a mask does not fit the video, no mask shows an object, or the weights do not serve.
        """
        given = {frame: _soft(frame, labels, video) for frame, labels in sorted(masks.items())}
        if not any(given.values()):
            raise UserError("The masks show no object: every pixel is 0.")
        annotation = Annotation(video.length)
        annotation.apply(annotation.set_cells("first masks", first_cells(given)))
        modules = self._engine.modules(video)
        steps = modules.run(annotation, self._engine.reid(video, MemoryStore()), grow=False)
        answer_all(steps, on_event)
        return list(merge.label_maps(annotation, video.height, video.width))

    def run(
        self,
        source: Path,
        masks: Path,
        output: Path,
        *,
        project: Path | None = None,
        overwrite: bool = False,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> RunOutcome:
        """Propagate masks through a video from files to files, as `vsreid-studio run` does.

        What was done is on disk after each step: after an interruption, the same call continues.

        Args:
            source: a video file or a folder of pictures.
            masks: a picture, a folder of pictures named by frames, or a file of annotations.
            output: gets `output/NAME/00000.png` and so on, and `provenance.json`, when all are complete.
            project: keep the work in this project file, which the window opens.
            overwrite: replace what was made from other input.
            on_event: receives each event, a `Change` after it is on disk.

        Raises:
            UserError: an input is unfit, other results are in the way, or a file cannot be written.
        """
        name = source.resolve().name if source.is_dir() else source.stem
        task = Task(name, source, masks, output, project)
        return run_task(task, self._engine, overwrite=overwrite, emit=on_event)


def evaluate(truth: Path, results: Path, sequences: Sequence[str] | None = None) -> Report:
    """Score masks by the official semi-supervised DAVIS 2017 rules: J, F and their mean.

    Args:
        truth: the masks of one sequence, or a folder of masks for each sequence.
        results: likewise, with masks of the same names.
        sequences: which to score; None for all that both folders have.

    Raises:
        UserError: a folder or mask is missing or unfit.
    """
    if sequences is None and evaluation.are_of_one_sequence(truth, results):
        return evaluation.evaluate_folders(truth, results)
    names = evaluation.shared_sequences(truth, results) if sequences is None else sequences
    return evaluation.evaluate(truth, results, names)


def open_project(path: Path) -> Project:
    """Open a project file, as a context manager. It is locked against other processes until it is closed.

    Raises:
        UserError: it does not exist, is damaged, was made by a newer version, or is open elsewhere.
    """
    return Project.open(path)


def label_maps(project: Project) -> Iterator[LabelMap]:
    """The label map of each frame of a project, in order: (H, W) uint8."""
    return merge.label_maps(project.annotation, project.video.height, project.video.width)


def export(project: Path, output: Path, form: str = DAVIS.key, *, overwrite: bool = False) -> str:
    """Export a project, as `vsreid-studio export` does, and read back what was written.

    Args:
        output: the folder of a data set, new or old; for 'overlay' the video FILE.mp4.
        form: 'davis', 'youtube-vos', 'coco', 'coco-video', 'mots', 'cutouts' or 'overlay'.
        overwrite: replace what this program wrote under that name.

    Returns:
        what was written, in a sentence.

    Raises:
        UserError: the project or its video cannot be read, or something cannot be written.
        ValueError: there is no such form.
    """
    return export_project(ProjectExport(project, output, form, overwrite=overwrite))


def read_masks(path: Path, video: Video) -> dict[int, LabelMap]:
    """Read the masks of a video: pictures of any usual kind, or COCO, YouTube-VIS, labelme, CVAT or YOLO.

    Args:
        path: a picture, a folder of pictures named by frames, or a file of annotations.

    Returns:
        Label maps by frame index, for the frames that have masks.

    Raises:
        UserError: something is missing, unreadable, of another size, or shows no object.
    """
    given = read_given_masks(path, video)
    return {frame: merge.merge(there, video.height, video.width) for frame, there in given.masks.items()}


def write_mask(path: Path, labels: LabelMap) -> None:
    """Write a label map as a palette PNG, whole or not at all; folders above it are created.

    Args:
        path: with suffix .png.
        labels: (H, W) uint8.

    Raises:
        UserError: it cannot be written.
        ValueError: `labels` has another shape or dtype.
    """
    writable_folder(path.parent)
    write_label_map(path, labels)


def write_masks(folder: Path, masks: Sequence[LabelMap], names: Sequence[str] | None = None) -> None:
    """Write a palette PNG for each frame.

    Args:
        folder: is created.
        masks: (H, W) uint8, in order of frames.
        names: of the frames, such as `Video.names`; None for 00000, 00001 and so on.

    Raises:
        UserError: a file cannot be written.
    """
    files = [frame_name(index, ".png") for index in range(len(masks))]
    if names is not None:
        files = [f"{name}.png" for name in names]
    for file, labels in zip(files, masks, strict=True):
        write_mask(folder / file, labels)


def _soft(frame: int, labels: LabelMap, video: Video) -> dict[int, SoftMask]:
    if not 0 <= frame < video.length:
        raise UserError(f"There is no frame {frame}: the video has {video.length} frames.")
    if labels.shape != (video.height, video.width):
        raise UserError(
            f"The mask of frame {frame} is {labels.shape}, and the video's frames are "
            f"{(video.height, video.width)}: (height, width)."
        )
    return merge.split(labels)
