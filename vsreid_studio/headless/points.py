"""First masks from points, without a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.algorithm.merge import merge, split
from ..engine.extensions.clicked_masks import beside_others, context_in
from ..engine.types import CellKey, SoftMask
from ..engine.video import AS_USUAL, ReadOptions, Video, open_video
from ..errors import UserError
from ..formats.atomic import staging
from ..formats.masks import write_mask
from ..formats.owned import publish_owned, refuse_existing
from ..formats.points import Prompt, read_points
from ..formats.targets import Sources

if TYPE_CHECKING:
    from ..engine.runtime.clicker import Clicker


def masks_of_points(
    video: Video,
    prompts: Sequence[Prompt],
    clicker: Clicker,
    masks: Mapping[int, Mapping[int, SoftMask]] | None = None,
) -> dict[int, Mapping[int, SoftMask]]:
    """The masks that points select or correct.

    Args:
        prompts: see `formats.points.read_points`; frame by frame.
        masks: by frame and instance number, or None: where an instance is in one, its points correct that
            mask, and else they select it again.

    An instance leaves the pixels of those before it in the same frame, unless one of its points adds there.

    Where masks of an instance are known in other frames, the nearest one tells what it looks like.

    Returns:
        Masks by frame, ascending, and by instance number: those of `masks`, and those of the frames with
        points, in which no two masks overlap.

    Raises:
        UserError: points select nothing, or a frame cannot be read.
    """
    found: dict[int, Mapping[int, SoftMask]] = dict(masks or {})
    for frame in sorted({prompt.key.frame for prompt in prompts}):
        picture = video.frame(frame)
        maps = dict(found.get(frame, {}))
        for prompt in prompts:
            if prompt.key.frame != frame:
                continue
            present = maps.get(prompt.key.instance)
            if present is None and prompt.box is None and not any(click.adds for click in prompt.clicks):
                raise UserError(
                    f"Instance {prompt.key.instance} in frame {frame} has no point that adds, nor a box: "
                    "nothing is selected."
                )
            others = [one for number, one in maps.items() if number != prompt.key.instance]
            context = context_in(video, frame, others, _nearest(found, prompt.key))
            mask = clicker.segment(picture, prompt.clicks, prompt.box, present, context).mask
            mask = beside_others(mask, present, others, prompt.clicks)
            if not mask.area:
                raise UserError(
                    f"The points of instance {prompt.key.instance} in frame {frame} select nothing: "
                    "add points or a box."
                )
            maps[prompt.key.instance] = mask
        labels = merge(maps, video.height, video.width)
        found[frame] = split(labels)
    return dict(sorted(found.items()))


def _nearest(masks: Mapping[int, Mapping[int, SoftMask]], key: CellKey) -> tuple[int, SoftMask] | None:
    """The instance's mask in the frame next to one's own, with that frame's number."""
    known = [
        frame
        for frame, maps in masks.items()
        if frame != key.frame and key.instance in maps and maps[key.instance].area
    ]
    if not known:
        return None
    frame = min(known, key=lambda one: (abs(one - key.frame), one))
    return frame, masks[frame][key.instance]


def segment(
    source: Path,
    points: Path,
    output: Path,
    make: Callable[[], Clicker],
    *,
    overwrite: bool = False,
    video_options: ReadOptions = AS_USUAL,
) -> list[Path]:
    """Write the mask of each frame that has points: a palette PNG that bears the frame's name.

    Args:
        source: a video file or a folder of pictures.
        points: see `formats.points`.
        make: makes the clicker, once the input is found fit.
        output: a folder; all masks appear in it, or none.
        overwrite: replace masks that are there.
        video_options: how the source is read.

    Returns:
        The files.

    Raises:
        UserError: the input is unfit, masks are there already, or something cannot be written.
    """
    with open_video(source, options=video_options) as video:
        prompts = read_points(points, video.length, video.height, video.width, video.names)
        frames = sorted({prompt.key.frame for prompt in prompts})
        files = [output / f"{video.names[frame]}.png" for frame in frames]
        Sources.of(video=source, points=points).refuse(*files)
        refuse_existing(output, [], overwrite, files)
        masks = masks_of_points(video, prompts, make())
        height, width = video.height, video.width
    with staging(output) as stage:
        moves = [(stage / file.name, file) for file in files]
        for frame, (staged, _) in zip(frames, moves, strict=True):
            write_mask(staged, merge(masks[frame], height, width))
        publish_owned(output, moves, stage)
    return files
