"""Runs of frames for N_mp made on a device: what `runs` makes on the CPU, a whole step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...engine.nets.propagation import nearness
from ..clips import FLOW_SCALE, Light
from . import batched, guiding_maps, runs, sample
from .batched import boxes, extent
from .device_guiding_maps import Draw, deform, guides, near_exact
from .device_sample import Cutouts, Views, add_passing_objects, degrade, relight
from .device_views import DeviceData, DeviceViewMaker, batch_of, valid
from .loss import RunBatch
from .runs import MEMORIES


@dataclass(frozen=True, eq=False)
class Runs:
    """A batch of `runs.Run`: their views run by run, what is known first.

    Attributes:
        views: those of G runs of L views each.
        second: (G,) bool.
        paths: (G, L - MEMORIES - 1, S / 2, S / 2, 2) float32.
        linked: (G,) bool.
    """

    views: Views
    second: Tensor
    paths: Tensor
    linked: Tensor


class DeviceRunMaker:
    """Makes the batches of a stage of runs; see `runs.RunMaker`, whose samples these resemble.

    Attributes:
        steps: frames of a run that follow one another.
        strangers, grounds, decoys: as of `RunMaker`.
    """

    def __init__(
        self,
        data: DeviceData,
        size: int,
        steps: int = runs.RUN_FRAMES,
        strangers: float = runs.STRANGERS,
        grounds: float = runs.GROUNDS,
        decoys: float = runs.DECOYS,
    ) -> None:
        self.data = data
        self.size = size
        self.steps = steps
        self.strangers = strangers
        self.grounds = grounds
        self.decoys = decoys
        self._views = DeviceViewMaker(data, size)

    @torch.no_grad()
    def batch(self, rng: np.random.Generator, groups: int, stills: float) -> RunBatch:
        """So many runs, of which about a share is from stills; all follows from the generator."""
        draw = Draw(rng, self.data.device)
        count = int(draw.chance(stills, groups).sum())
        parts = [self.still_runs(draw, count)] if count else []
        if count < groups:
            parts.append(self.clip_runs(draw, groups - count))
        made = self._passed(
            draw,
            Runs(
                Views.joined([part.views for part in parts]),
                torch.cat([part.second for part in parts]),
                torch.cat([part.paths for part in parts]),
                torch.cat([part.linked for part in parts]),
            ),
        )
        return RunBatch(batch_of(made.views, MEMORIES + self.steps), made.second, made.paths, made.linked)

    def still_runs(self, draw: Draw, count: int) -> Runs:
        """See `RunMaker.still_run`."""
        each = self.steps + 1
        chosen = self._views.instances(draw, count)
        other = draw.chance(self.grounds, count)
        frames, truth, others, sizes = self._views.scenes(draw, chosen, other, each)
        first = torch.arange(count, device=draw.device).repeat_interleave(each) * each
        later = np.tile(np.arange(each) > 0, count)
        near = draw.chance(runs.NEARLY, count * each)
        guide, inside = truth, valid(truth.shape, sizes)
        if (later & near).any():
            index = draw.index(later & near)
            guide = guide.index_copy(0, index, near_exact(draw, truth[index]) * inside[index])
        if (later & ~near).any():
            index = draw.index(later & ~near)
            made = guides(draw, truth[index], truth[first[index]])
            guide = guide.index_copy(0, index, made * inside[index])
        hints = self._views.hints(draw, others, chosen, other)
        box = self._views.box(draw, guide, truth, sizes)
        views = self._views.cropped(frames, torch.stack([guide, hints, truth, others], 1), box)
        decoys = later & draw.chance(self.decoys, count * each)
        if decoys.any():
            index = draw.index(decoys)
            views = views.put(index, self._decoys(draw, truth[first[index]]))
        shape = (count, self.steps - 1, self.size // 2, self.size // 2, 2)
        no = torch.zeros(count, dtype=torch.bool, device=draw.device)
        return Runs(_with_blanks(views, each), no, truth.new_zeros(shape), no)

    def _decoys(self, draw: Draw, templates: Tensor) -> Views:
        """Guiding maps on other objects, see `RunMaker._decoy`."""
        count = len(templates)
        chosen = self._views.instances(draw, count)
        frames, found, _, sizes = self._views.scenes(draw, chosen, np.zeros(count, np.bool_), 1)
        guide = guides(draw, found, templates) * valid(found.shape, sizes)
        nothing = torch.zeros_like(guide)
        box = self._views.box(draw, guide, nothing, sizes)
        made = self._views.cropped(frames, torch.stack([guide, nothing, nothing, nothing], 1), box)
        return replace(made, decoy=torch.ones_like(made.decoy))

    def clip_runs(self, draw: Draw, count: int) -> Runs:
        """See `RunMaker.clip_run`."""
        rng = draw.rng
        templates, again, seconds, targets, sources, degraded = (
            [],
            draw.chance(runs.AGAIN, count),
            [],
            [],
            [],
            [],
        )
        for _ in range(count):
            clip = int(rng.integers(len(self.data.clips)))
            labels = self.data.clips[clip].labels
            frames = runs.run_frames(rng, len(labels), self.steps)
            template = int(rng.integers(len(labels)))
            templates.append((clip, template if np.any(labels[template]) else frames[0]))
            off = int(rng.integers(-runs.AGAIN_NEAR, runs.AGAIN_NEAR + 1))
            seconds.append((clip, min(max(frames[0] + off, 0), len(labels) - 1)))
            targets += [(clip, frame) for frame in frames[1:]]
            sources += [(clip, frame) for frame in frames[:-1]]
            exact = rng.random() < runs.EXACT
            degraded += [number > 0 or not exact for number in range(self.steps)]
        known = self._exact(draw, templates)
        second = self._exact(draw, seconds)
        steps, box, flow = self._carried(draw, targets, sources, np.array(degraded))
        paths = self._paths(flow, box, count)
        blank = second.blank(torch.from_numpy(~again).to(draw.device))
        flags = torch.from_numpy(again).to(draw.device)
        return Runs(_woven([known, blank, steps]), flags, paths, torch.ones_like(flags))

    def _exact(self, draw: Draw, chosen: Sequence[tuple[int, int]]) -> Views:
        """Frames guided by their own masks."""
        frames, truth, sizes = self.data.clip_pictures(chosen)
        nothing = torch.zeros_like(truth)
        box = _around(draw, truth, truth, sizes)
        return self._views.cropped(frames, torch.stack([truth, nothing, truth, nothing], 1), box)

    def _carried(
        self,
        draw: Draw,
        targets: Sequence[tuple[int, int]],
        sources: Sequence[tuple[int, int]],
        degraded: np.ndarray,
    ) -> tuple[Views, Tensor, Tensor]:
        """Frames guided by maps that the flow has carried from others: views, their boxes, and the flow."""
        frames, truth, sizes = self.data.clip_pictures(targets)
        past, mask, _ = self.data.clip_pictures(sources)
        flow = self._flow(draw, targets, sources)
        if degraded.any():
            index = draw.index(degraded)
            small = functional.avg_pool2d(mask[index][:, None], FLOW_SCALE)[:, 0]
            strength = np.where(draw.chance(guiding_maps.MILD, len(index)), 1.0, 2.0)
            small = degraded_maps(draw, deform(draw, small, strength))
            mask = mask.index_copy(0, index, _enlarged(small[:, None], truth)[:, 0])
        full = _enlarged(flow, truth) * FLOW_SCALE
        columns, rows = batched.pixels(truth.shape, draw.device)
        carried = batched.sampled(
            torch.cat([mask[:, None], past], 1), columns + full[:, 0], rows + full[:, 1]
        )
        inside = valid(truth.shape, sizes)
        guide, before = carried[:, 0] * inside, carried[:, 1:] * inside[:, None]
        box = _around(draw, guide, truth, sizes)
        nothing = torch.zeros_like(truth)
        moving = batched.flow_patches(-flow, self._views.small(box, sizes), self.size // 2)
        made = self._views.cropped(frames, torch.stack([guide, nothing, truth, nothing], 1), box, moving)
        near = np.array([nearness(away) for away in draw.rng.uniform(*runs.DEGRADED, len(degraded))])
        made = replace(
            made,
            before=batched.crops(before, box, self.size),
            warped=torch.ones_like(made.warped),
            near=draw.tensor(np.where(degraded, near, nearness(1))),
        )
        return made, box, flow

    def _flow(
        self, draw: Draw, targets: Sequence[tuple[int, int]], sources: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Flow from each target to its source along the frames between, see `Clip.flow`: (N, 2, h, w)."""
        ways = [
            [(clip, frame, frame + step) for frame in range(target, source, step)]
            for (clip, target), (_, source) in zip(targets, sources, strict=True)
            for step in [1 if source > target else -1]
        ]
        total, sizes = self.data.flows([way[0] for way in ways])
        columns, rows = batched.pixels(total.shape, draw.device)
        for number in range(1, max(len(way) for way in ways)):
            longer = np.array([len(way) > number for way in ways])
            index = draw.index(longer)
            further, _ = self.data.flows([way[number] for way in ways if len(way) > number])
            further = functional.pad(
                further, (0, total.shape[3] - further.shape[3], 0, total.shape[2] - further.shape[2])
            )
            x, y = columns + total[index, 0], rows + total[index, 1]
            more = batched.sampled(further, x, y, "nearest", sizes[index])
            total = total.index_add(0, index, more)
        return total

    def _paths(self, flow: Tensor, box: Tensor, count: int) -> Tensor:
        """Where the pixels of each patch but a run's first were in the patch before, see `Run.paths`."""
        flow, box = flow.view(count, self.steps, *flow.shape[1:]), box.view(count, self.steps, 4)
        before, box, flow = (it.flatten(0, 1) for it in (box[:, :-1], box[:, 1:], flow[:, 1:]))
        side = self.size // 2
        (wide, high), (old_wide, old_high) = extent(box), extent(before)
        columns, rows = batched.pixels((side, side), flow.device)
        x = box[:, 0, None, None] + (columns + 0.5) * (wide / side)[:, None, None]
        y = box[:, 1, None, None] + (rows + 0.5) * (high / side)[:, None, None]
        moved = batched.sampled(flow, x / FLOW_SCALE - 0.5, y / FLOW_SCALE - 0.5, "nearest") * FLOW_SCALE
        across = (x + moved[:, 0] - before[:, 0, None, None]) / old_wide[:, None, None] * 2 - 1
        down = (y + moved[:, 1] - before[:, 1, None, None]) / old_high[:, None, None] * 2 - 1
        return torch.stack([across, down], 3).view(count, self.steps - 1, side, side, 2)

    def _passed(self, draw: Draw, made: Runs) -> Runs:
        """What happens to runs of either kind: a stranger passes, the light changes, all is mirrored."""
        count, each = len(made.second), MEMORIES + self.steps
        crossed = draw.chance(self.strangers, count)
        if crossed.any():
            made = self._crossed(draw, made, np.flatnonzero(crossed))
        views = made.views
        lit = ~draw.chance(runs.UNLIT, len(views))
        if lit.any():
            index = draw.index(lit)
            known = np.tile(np.arange(each) < MEMORIES, count)[lit]
            lights = [Light.drawn(draw.rng, runs.KNOWN_LIGHT if it else runs.STEP_LIGHT) for it in known]
            # The frame before lies in the same light.
            patch = degrade(draw, relight(draw, views.patch[index], lights))
            before = relight(draw, views.before[index], lights)
            views = replace(
                views,
                patch=views.patch.index_copy(0, index, patch),
                before=views.before.index_copy(0, index, before),
            )
        flags = torch.from_numpy(draw.chance(0.5, count)).to(draw.device)
        turned = made.paths.flip(3) * torch.tensor([-1.0, 1], device=draw.device)
        paths = torch.where(flags[:, None, None, None, None], turned, made.paths)
        return replace(made, views=views.mirrored(flags.repeat_interleave(each)), paths=paths)

    def _crossed(self, draw: Draw, made: Runs, chosen: np.ndarray) -> Runs:
        """A stranger goes across the steps of the chosen runs, see `RunMaker._crossed`."""
        count, each = len(chosen), MEMORIES + self.steps
        told = draw.chance(runs.IN_OTHERS, count)
        remembered = told & draw.chance(runs.REMEMBERED, count)
        mixed = remembered & draw.chance(runs.LEAKED, count)
        ways = [way for it in told for way in sample.crossing(draw.rng, self.steps, bool(it))]
        models = chosen * each + MEMORIES + draw.rng.integers(self.steps, size=count)
        seen = made.views.rows(torch.from_numpy(models).to(draw.device))
        strangers = self._views.strangers(draw, seen, ~mixed)
        rows = torch.from_numpy((chosen[:, None] * each + MEMORIES + np.arange(self.steps)).ravel()).to(
            draw.device
        )
        of = torch.arange(count, device=draw.device).repeat_interleave(self.steps)
        steps = add_passing_objects(draw, made.views.rows(rows), strangers.rows(of), ways)
        leaks = np.repeat(mixed, self.steps)
        if leaks.any():
            leaking = draw.index(leaks)
            steps = steps.put(leaking, leaked(draw, steps.rows(leaking)))
        views = made.views.put(rows, steps)
        second = made.second
        if remembered.any():
            which = draw.index(remembered)
            runs_with = torch.from_numpy(chosen).to(draw.device)[which]
            views = views.put(runs_with * each + 1, self._portraits(draw, strangers.rows(which)))
            second = second.index_fill(0, runs_with, True)
        return replace(made, views=views, second=second)

    def _portraits(self, draw: Draw, strangers: Cutouts) -> Views:
        """Strangers alone, as other instances that are remembered, see `RunMaker._portrait`."""
        count = len(strangers.high)
        ground = self._views.cutouts(draw, count).frame
        side = torch.maximum(strangers.high, strangers.wide) * draw.uniform(*runs.PORTRAIT, count)
        columns, rows = batched.pixels((self.size, self.size), draw.device)
        # The stranger's middle lies in the patch's.
        x, y = (
            ((at + 0.5) / self.size - 0.5) * (side / length)[:, None, None] + 0.5
            for at, length in ((columns, strangers.wide), (rows, strangers.high))
        )
        there = ((x - 0.5).abs() <= 0.5) & ((y - 0.5).abs() <= 0.5)
        across, down = (at * strangers.mask.shape[-1] - 0.5 for at in (x, y))
        mask = batched.sampled(strangers.mask[:, None], across, down, "nearest")[:, 0] * there
        frame = batched.sampled(strangers.frame, across, down, "nearest")
        patch = frame * mask[:, None] + ground * (1 - mask[:, None])
        nothing = torch.zeros_like(mask)
        return Views.plain(patch, torch.stack([nothing, mask, nothing, mask], 1))


def random_parts(draw: Draw, maps: Tensor) -> Tensor:
    """Random parts of maps, see `guiding_maps.random_part`."""
    count = len(maps)
    box, found = boxes(maps)
    sides = torch.stack(extent(box), 1)
    kind = draw.tensor(draw.rng.random(count))[:, None, None]
    middle = box[:, :2] + draw.uniform(0, 1, count, 2) * sides
    angle = draw.uniform(0, 2 * np.pi, count)[:, None, None]
    columns, rows = batched.pixels(maps.shape, draw.device)
    across, down = columns - middle[:, 0, None, None], rows - middle[:, 1, None, None]
    axes = (draw.uniform(*guiding_maps.PART_AXES, count, 2) * sides).clamp_min(1)
    half = across * angle.cos() + down * angle.sin() > 0
    round_ = batched.ellipses(maps.shape, middle, axes, torch.zeros_like(axes[:, 0]))
    inside = torch.where(kind < guiding_maps.HALVES, half, round_)
    return torch.where((kind < guiding_maps.WHOLE) | ~found[:, None, None], maps, maps * inside)


def degraded_maps(draw: Draw, maps: Tensor) -> Tensor:
    """Maps with parts lost or added, most of them unchanged, see `guiding_maps.degraded`."""
    count = len(maps)
    box, found = boxes(maps)
    wide, high = extent(box)
    kind = draw.tensor(draw.rng.random(count))[:, None, None]
    left = maps * (1 - random_parts(draw, maps))
    enough = left.sum((1, 2)) > guiding_maps.LEAST_LEFT * maps.sum((1, 2))
    left = torch.where(enough[:, None, None], left, maps)
    angle, far = (
        draw.uniform(0, 2 * np.pi, count),
        draw.uniform(*guiding_maps.DRAGGED_FAR, count) * (wide * high).sqrt(),
    )
    columns, rows = batched.pixels(maps.shape, draw.device)
    x, y = columns - (far * angle.cos())[:, None, None], rows - (far * angle.sin())[:, None, None]
    dragged = torch.maximum(maps, random_parts(draw, batched.sampled(maps[:, None], x, y)[:, 0]))
    made = torch.where(kind < guiding_maps.DRAGGED, dragged, maps)
    made = torch.where(kind < guiding_maps.LOST, left, made)
    return torch.where(found[:, None, None], made, maps)


def leaked(draw: Draw, views: Views) -> Views:
    """Views whose maps have leaked into each other, see `sample.leaked`."""
    caught, given = (
        draw.tensor(draw.chance(share, len(views)))[:, None, None] for share in (sample.CAUGHT, sample.GIVEN)
    )
    leak = random_parts(draw, views.others_truth) * caught
    guide, others = torch.maximum(views.guide, leak), views.others * (1 - leak)
    lost = random_parts(draw, views.truth) * given
    guide, others = guide * (1 - lost), torch.maximum(others, lost)
    # What is mixed up is not exact any more, wherever it came from.
    return replace(views, guide=guide, others=others, near=torch.zeros_like(views.near))


def _around(draw: Draw, guide: Tensor, truth: Tensor, sizes: Tensor) -> Tensor:
    """Patches around the guides' boxes, else around the masks, else of all of the frame."""
    (box, found), (exact, known) = boxes(guide), boxes(truth)
    whole = torch.cat([torch.zeros_like(sizes), sizes.flip(1)], 1)
    box = torch.where(found[:, None], box, torch.where(known[:, None], exact, whole))
    return batched.patch_boxes(box, sizes, draw.uniform(*runs.RUN_MARGIN, len(sizes)))


def _enlarged(maps: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


def _with_blanks(made: Views, each: int) -> Views:
    """Views of runs, with a blank one behind the first of each."""
    count = len(made) // each
    rows = torch.arange(len(made), device=made.patch.device).view(count, each)
    known, steps = made.rows(rows[:, 0]), made.rows(rows[:, 1:].flatten())
    return _woven([known, known.blank(torch.ones_like(known.moves)), steps])


def _woven(parts: Sequence[Views]) -> Views:
    """Views of several kinds brought together run by run; of the first there is one in a run."""
    count, total = len(parts[0]), sum(len(part) for part in parts)
    numbers = torch.arange(total, device=parts[0].patch.device)
    pieces = [it.view(count, -1) for it in numbers.split([len(part) for part in parts])]
    return Views.joined(parts).rows(torch.cat(pieces, 1).flatten())
