"""Groups of views for N_mp made on a device: what `views` makes on the CPU, a whole step at a time.

The data are held in the device's memory: DAVIS-2016 train and the stills have some 7 GB there. How often and
how strongly things happen is told in `views` and `sample`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...engine.flow.warp import MOST_ERROR
from ...engine.types import Box
from ..clips import FLOW_SCALE, Clip, Light, Still
from . import batched, guiding_maps, sample, views
from .batched import boxes, extent
from .device_guiding_maps import Draw, deform, guides
from .device_sample import Cutouts, Views, add_passing_objects, degrade, relight
from .loss import Batch
from .sample import PassingObject


class DeviceData:
    """Annotated pictures in a device's memory.

    Attributes:
        stills, clips: as they were given, for what is looked up on the CPU.
        boxes: of the stills' instances, by their numbers.
        device: where tensors are.
    """

    def __init__(self, stills: Sequence[Still], clips: Sequence[Clip], device: torch.device) -> None:
        """Copy the pictures there."""
        self.stills = stills
        self.clips = clips
        self.device = device
        self.boxes = [{it: _box(still, it) for it in still.instances} for still in stills]
        self._still_frames = [self._there(it.frame).permute(2, 0, 1).contiguous() for it in stills]
        self._still_labels = [self._there(it.labels) for it in stills]
        self._frames = [self._there(it.frames).permute(0, 3, 1, 2).contiguous() for it in clips]
        self._labels = [self._there(it.labels) for it in clips]
        self._forward = [self._there(it.forward).permute(0, 3, 1, 2) for it in clips]
        self._backward = [self._there(it.backward).permute(0, 3, 1, 2) for it in clips]

    def _there(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self.device)

    def still_pictures(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of stills, (N, 3, H, W), their labels, (N, H, W) uint8, and sizes, (N, 2)."""
        frames, sizes = self._stacked([self._still_frames[number] for number in numbers])
        labels, _ = self._stacked([self._still_labels[number][None] for number in numbers])
        return frames.float(), labels[:, 0], sizes

    def clip_pictures(self, chosen: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Frames of clips, by clip and frame, as `still_pictures`; (N, H, W) float32 masks for labels."""
        frames, sizes = self._stacked([self._frames[clip][number] for clip, number in chosen])
        return frames.float(), self.clip_masks(chosen), sizes

    def clip_masks(self, chosen: Sequence[tuple[int, int]]) -> Tensor:
        """Masks of frames of clips: (N, H, W) float32."""
        labels, _ = self._stacked([self._labels[clip][number][None] for clip, number in chosen])
        return (labels[:, 0] > 0).float()

    def flows(self, chosen: Sequence[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
        """Flow of neighbours by clip, target and source, see `Clip.flow`: (N, 2, h, w) float32, and sizes."""
        found = [
            self._forward[clip][source] if source < target else self._backward[clip][target]
            for clip, target, source in chosen
        ]
        flows, sizes = self._stacked(found)
        return flows.float(), sizes

    def objects(
        self, chosen: Sequence[tuple[int, int]], of_clips: Sequence[bool]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Any pictures with the mask of one object each: pictures, (N, H, W) masks, and sizes.

        Args:
            chosen: a clip and its frame, or a still and its instance.
            of_clips: which of both.
        """
        frames, masks = [], []
        for (first, second), clip in zip(chosen, of_clips, strict=True):
            frames.append(self._frames[first][second] if clip else self._still_frames[first])
            labels = self._labels[first][second] if clip else self._still_labels[first]
            masks.append((labels > 0 if clip else labels == second)[None])
        pictures, sizes = self._stacked(frames)
        return pictures.float(), self._stacked(masks)[0][:, 0].float(), sizes

    def _stacked(self, images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Images of several sizes in one tensor, zero beside them, and their heights and widths."""
        sizes = [tuple(image.shape[-2:]) for image in images]
        told = torch.tensor(sizes, dtype=torch.float32, device=self.device)
        if len(set(sizes)) == 1:
            return torch.stack(list(images)), told
        high, wide = (max(size[axis] for size in sizes) for axis in (0, 1))
        stack = images[0].new_zeros(len(images), images[0].shape[0], high, wide)
        for row, image, (height, width) in zip(stack, images, sizes, strict=True):
            row[:, :height, :width] = image
        return stack, told


def _box(still: Still, instance: int) -> Box:
    height, width = still.labels.shape
    return Box.around(still.labels == instance) or Box(0, 0, width, height)


class DeviceViewMaker:
    """Makes the batches of a stage; see `views.ViewMaker`, whose samples these resemble.

    Attributes:
        size: side of the patches, in pixels.
        views: views in a group.
    """

    def __init__(self, data: DeviceData, size: int, views: int = 3) -> None:
        self.data = data
        self.size = size
        self.views = views

    @torch.no_grad()
    def batch(self, rng: np.random.Generator, groups: int, stills: float) -> Batch:
        """So many groups, of which about a share is from stills; all follows from the generator."""
        draw = Draw(rng, self.data.device)
        count = int(draw.chance(stills, groups).sum())
        parts = [self.still_groups(draw, count)] if count else []
        if count < groups:
            parts.append(self.clip_groups(draw, groups - count))
        return batch_of(self._finished(draw, Views.joined(parts)), self.views)

    def still_groups(self, draw: Draw, groups: int) -> Views:
        """See `ViewMaker.still_group`."""
        chosen = self.instances(draw, groups)
        other = draw.chance(views.OTHER_GROUNDS, groups)
        frames, truth, others, sizes = self.scenes(draw, chosen, other, self.views)
        templates = truth.view(groups, self.views, *truth.shape[1:]).roll(1, 1).view(truth.shape)
        guide = guides(draw, truth, templates) * valid(truth.shape, sizes)
        box = self.box(draw, guide, truth, sizes)
        maps = torch.stack([guide, self.hints(draw, others, chosen, other), truth, others], 1)
        return self.cropped(frames, maps, box)

    def hints(
        self, draw: Draw, others: Tensor, chosen: Sequence[tuple[int, int]], other: np.ndarray
    ) -> Tensor:
        """Guiding maps of the others, where there can be any."""
        several = np.array([len(self.data.stills[still].instances) > 1 for still, _ in chosen]) & ~other
        rows = np.repeat(several, len(others) // len(chosen))
        if not rows.any():
            return others
        index = draw.index(rows)
        return others.index_copy(0, index, deform(draw, others[index]))

    def clip_groups(self, draw: Draw, groups: int) -> Views:
        """See `ViewMaker.clip_group`."""
        targets, sources = [], []
        for _ in range(groups):
            clip = int(draw.rng.integers(len(self.data.clips)))
            length = len(self.data.clips[clip].frames)
            for target in views.group_frames(draw.rng, length, self.views):
                targets.append((clip, target))
                sources.append((clip, views.guiding_frame(draw.rng, target, length)))
        frames, truth, sizes = self.data.clip_pictures(targets)
        pairs = zip(targets, sources, strict=True)
        flow, _ = self.data.flows([(clip, target, source) for (clip, target), (_, source) in pairs])
        small = functional.avg_pool2d(self.data.clip_masks(sources)[:, None], FLOW_SCALE)[:, 0]
        small = deform(draw, small, np.where(draw.chance(guiding_maps.MILD, len(small)), 1.0, 2.0))
        columns, rows = batched.pixels(small.shape, draw.device)
        warped = batched.sampled(small[:, None], columns + flow[:, 0], rows + flow[:, 1])
        guide = functional.interpolate(warped, size=truth.shape[1:], mode="bilinear", align_corners=False)[
            :, 0
        ]
        uncarried = draw.chance(views.UNCARRIED, len(guide))
        if uncarried.any():
            index = draw.index(uncarried)
            templates = truth.view(groups, self.views, *truth.shape[1:]).roll(1, 1).view(truth.shape)
            guide = guide.index_copy(0, index, guides(draw, truth[index], templates[index]))
        guide = guide * valid(truth.shape, sizes)
        box = self.box(draw, guide, truth, sizes)
        nothing = torch.zeros_like(truth)
        moving = batched.flow_patches(-flow, self.small(box, sizes), self.size // 2)
        return self.cropped(frames, torch.stack([guide, nothing, truth, nothing], 1), box, moving)

    def instances(self, draw: Draw, count: int) -> list[tuple[int, int]]:
        """So many instances of any stills: the stills' numbers, and theirs."""
        stills = [int(draw.rng.integers(len(self.data.stills))) for _ in range(count)]
        return [(number, int(draw.rng.choice(self.data.stills[number].instances))) for number in stills]

    @staticmethod
    def small(box: Tensor, sizes: Tensor) -> Tensor:
        """Boxes in pixels of the flow, for frames of (N, 2) sizes."""
        most = (sizes.flip(1) / FLOW_SCALE).floor().repeat(1, 2)
        return torch.minimum((box / FLOW_SCALE).floor(), most)

    def scenes(
        self, draw: Draw, chosen: Sequence[tuple[int, int]], other: np.ndarray, count: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Each still warped `count` times, see `ViewMaker.scene`: frames, masks, the others' masks, sizes.

        Args:
            chosen: stills and their instances.
            other: which of them get another still's ground.
        """
        rows = torch.arange(len(chosen), device=draw.device).repeat_interleave(count)
        frames, labels, sizes = (it[rows] for it in self.data.still_pictures([still for still, _ in chosen]))
        instances = torch.tensor([instance for _, instance in chosen], device=draw.device)[rows, None, None]
        mask = labels == instances
        rest = (labels > 0) & ~mask
        around = [self.data.boxes[still][instance] for still, instance in chosen for _ in range(count)]
        centre = draw.tensor([((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in around])
        side = draw.tensor([box.area**0.5 for box in around])
        by, total = views.STILL_WARP, len(rows)
        matrix = draw.affine(by.angle, by.scale, by.shift, by.shear, centre, side)
        x, y = batched.placed(matrix, *batched.pixels(mask.shape, draw.device))
        strength = draw.tensor(by.field * draw.chance(by.warped, total) * draw.rng.random(total)) * side
        across, down = draw.fields(strength, by.cells, mask.shape)
        x, y = x + across, y + down
        inside = valid(mask.shape, sizes)[:, None]
        truth, others = (batched.sampled(torch.stack([mask, rest], 1).float(), x, y) * inside).unbind(1)
        frames = batched.sampled(frames, x, y, "mirror", sizes)
        if other.any():
            index = draw.index(np.repeat(other, count))
            covered = [still for (still, _), yes in zip(chosen, other, strict=True) if yes]
            behind = self._grounds(draw, covered, count, frames.shape[2:])
            feather = torch.full((len(index),), sample.FEATHER, device=draw.device)
            alpha = batched.blurred(truth[index][:, None], feather, sample.FEATHER)
            frames = frames.index_copy(0, index, frames[index] * alpha + behind * (1 - alpha))
            others = others.index_fill(0, index, 0)
        return frames, truth, others, sizes

    def _grounds(self, draw: Draw, stills: Sequence[int], count: int, shape: torch.Size) -> Tensor:
        """Other stills laid behind some, `count` times each: pictures of a (H, W) shape that cover these."""
        grounds = [int(draw.rng.integers(len(self.data.stills))) for _ in stills]
        pictures, _, sizes = self.data.still_pictures(grounds)
        rows = torch.arange(len(stills), device=draw.device).repeat_interleave(count)
        labels = [
            (self.data.stills[one].labels, self.data.stills[two].labels)
            for one, two in zip(stills, grounds, strict=True)
        ]
        turns = [
            views.ground_matrix(draw.rng, still.shape, ground.shape)
            for still, ground in labels
            for _ in range(count)
        ]
        back = batched.inverse(draw.tensor(np.stack(turns)))
        x, y = batched.placed(back, *batched.pixels(shape, draw.device))
        return batched.sampled(pictures[rows], x, y, "mirror", sizes[rows])

    def box(self, draw: Draw, guide: Tensor, truth: Tensor, sizes: Tensor) -> Tensor:
        """Patches around the guides' boxes, see `ViewMaker._box`."""
        (box, found), (exact, known) = boxes(guide), boxes(truth)
        high, wide = sizes[:, 0], sizes[:, 1]
        least = torch.minimum(torch.full_like(sizes, 40), sizes).flip(1)
        size = least + draw.uniform(0, 1, len(sizes), 2) * (
            torch.stack([wide, high], 1) / 2 - least
        ).clamp_min(0)
        first = draw.uniform(0, 1, len(sizes), 2) * (torch.stack([wide, high], 1) - size)
        anywhere = torch.cat([first, first + size], 1).floor()
        box = torch.where(found[:, None], box, torch.where(known[:, None], exact, anywhere))
        box = batched.patch_boxes(box, sizes, draw.uniform(*views.MARGIN, len(sizes)))
        across, down = extent(box)
        whole = torch.stack([torch.zeros_like(wide), torch.zeros_like(wide), wide, high], 1)
        return torch.where(((across < 8) | (down < 8))[:, None], whole, box)

    def cropped(self, frames: Tensor, maps: Tensor, box: Tensor, flow: Tensor | None = None) -> Views:
        """The patches of boxes; see `Views.plain`."""
        cut = batched.crops(torch.cat([frames, maps], 1), box, self.size)
        return Views.plain(cut[:, :3], cut[:, 3:], flow)

    def _finished(self, draw: Draw, made: Views) -> Views:
        """What happens to all: a stranger passes, the light changes, groups are mirrored; see `_finish`."""
        groups = len(made) // self.views
        passed, in_front = draw.chance(views.PASSED, groups), draw.chance(views.IN_FRONT, groups)
        seen = np.repeat(passed, self.views) & draw.chance(views.SEEN, len(made))
        if seen.any():
            models = np.arange(groups) * self.views + draw.rng.integers(self.views, size=groups)
            strangers = self.strangers(draw, made.rows(torch.from_numpy(models).to(draw.device)))
            rows = np.flatnonzero(seen)
            ways = [PassingObject.anywhere(draw.rng, bool(in_front[row // self.views])) for row in rows]
            index = draw.index(seen)
            found = add_passing_objects(draw, made.rows(index), strangers.rows(index // self.views), ways)
            made = made.put(index, found)
        lit = draw.chance(views.LIT, len(made))
        if lit.any():
            index = draw.index(lit)
            patch = relight(draw, made.patch[index], [Light.drawn(draw.rng) for _ in range(len(index))])
            patch = made.patch.index_copy(0, index, degrade(draw, patch))
            made = made.with_patch(patch)
        flags = np.repeat(draw.chance(0.5, groups), self.views)
        return made.mirrored(torch.from_numpy(flags).to(draw.device))

    def strangers(self, draw: Draw, models: Views, alike: np.ndarray | None = None) -> Cutouts:
        """Something to pass by each model, see `ViewMaker._stranger`: anything, or its twin.

        Args:
            alike: which may be twins; None for all.
        """
        foreign = self.cutouts(draw, len(models))
        sizes = torch.full((len(models), 2), float(self.size), device=draw.device)
        twins = Cutouts.of(models.patch, models.truth, sizes, self.size)
        chosen = draw.chance(views.TWINS, len(models)) & (True if alike is None else alike)
        return twins.where((draw.tensor(chosen) > 0) & boxes(models.truth)[1], foreign)

    def cutouts(self, draw: Draw, count: int) -> Cutouts:
        """So many objects of any pictures."""
        of_clips = draw.chance(views.FROM_CLIPS, count) | (not self.data.stills)
        if not self.data.clips:
            of_clips[:] = False
        chosen = []
        for clip in of_clips:
            if clip:
                number = int(draw.rng.integers(len(self.data.clips)))
                chosen.append((number, int(draw.rng.integers(len(self.data.clips[number].frames)))))
            else:
                chosen += self.instances(draw, 1)
        return Cutouts.of(*self.data.objects(chosen, of_clips.tolist()), self.size)


def batch_of(made: Views, group: int) -> Batch:
    """What the loss takes, see `loss.collate`."""
    layout = torch.channels_last
    off = (made.patch - made.before).abs().mean(1) / (255 * MOST_ERROR)
    off = torch.where(made.warped[:, None, None], off.clamp_max(1), 0.0)
    near = made.near[:, None, None].expand_as(off)
    return Batch(
        ((made.patch - 127) / 128).contiguous(memory_format=layout),
        made.flow.contiguous(memory_format=layout),
        made.moves,
        torch.stack([made.guide, made.others], 1).contiguous(memory_format=layout),
        torch.stack([made.truth, made.others_truth], 1).contiguous(memory_format=layout),
        group,
        torch.stack([off, near], 1).contiguous(memory_format=layout),
        made.decoy,
    )


def valid(shape: torch.Size, sizes: Tensor) -> Tensor:
    """(N, H, W) float32: 1 where there is a picture."""
    columns, rows = batched.pixels(shape, sizes.device)
    return ((rows < sizes[:, 0, None, None]) & (columns < sizes[:, 1, None, None])).float()
