"""M_mp, the mask propagation module (Algorithm 1), and recovery (Algorithm 3, line 22)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from torch import Tensor

from ...config import PropagationConfig
from ..extensions import temporal_smoothing as smooth
from ..extensions.connected_components import without_strays
from ..extensions.memory import Memory
from ..extensions.soft_aggregation import competing
from ..extensions.test_time_augmentation import Look, Looks, Request, View
from ..nets.propagation import SIZES, nearness
from ..nets.stream import MemoryEntry
from ..store.annotation import Annotation
from ..types import Box, Cell, CellKey, Frame, Maker, Prediction, SoftMask
from ..video import Video
from .flow import FlowField, FlowSource, warp_frame, warp_mask
from .inference import Inference
from .parallel import side_by_side
from .patches import inside, others_inside, paste, patch_box, reduced

FAR = 0.02
"""Of a checkpoint that is less near than this (from 17 steps on) too little is left that is certain: whether
the flow is right is not looked at, which would take a tenth of the time."""
LATELY = 10
"""Frames over which an instance is seen well at least once, as a rule."""
CAREFUL = View((1.25, 1.5), flip=True)
"""How recoveries and what a person has corrected are looked at, see `PropagationConfig.augment_corrected`."""
RECOVERED = 6
"""How many steps farther than an exact one a checkpoint that was recovered counts."""
CUT_OUT_ROUNDS = 2
"""How often N_mp looks at what a person has boxed: there it certainly is (mean J .85 instead of .82)."""


class Seen(NamedTuple):
    """A prediction, and (1, C, h, w) features of its patch for the memory."""

    prediction: Prediction
    coarse: Tensor


class NetworkPropagation:
    """`modules.MaskPropagation` by N_mp, for one video."""

    def __init__(
        self,
        video: Video,
        flow: FlowSource,
        inference: Inference,
        config: PropagationConfig,
        careful_flow: FlowSource | None = None,
    ) -> None:
        """`careful_flow`: for steps of what a person has corrected, the usual one if None."""
        self._video = video
        self._flow = flow
        self._careful_flow = careful_flow or flow
        self._smoother = smooth.Smoother(video, flow)
        self._careful_smoother = smooth.Smoother(video, self._careful_flow, smooth.CAREFUL)
        self._config = config
        self._size = SIZES[config.size]
        self._looks = Looks(inference, self._size, config.flow_stream)
        self._memory = Memory(video, inference.network, config)

    def propagate(
        self, annotation: Annotation, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """M_mp(I_source, I_target, P[source, k]) for every k in `instances`; the frames are neighbours."""
        careful = {k: self._config.augment_corrected and _corrected(annotation, k) for k in instances}
        flow = self._careful_flow if any(careful.values()) else self._flow
        back = flow.between(target, source)
        step = target - source

        def prepare() -> None:
            """The flow of the next two frames, so that there is always one to be computed."""
            for near in (target, target + step):
                if 0 <= near + step < self._video.length:
                    flow.prepare(near + step, near)

        guides = self._guides(annotation, source, target, instances, back)
        boxes = {k: guides[k].hard_box for k in instances}
        found = {
            k: Prediction(SoftMask.empty(), _sure_of_nothing(guides[k]))
            for k, tight in boxes.items()
            if tight is None
        }
        before = self._video.frame(source)

        def prepared(present: tuple[int, Box]) -> Request:
            instance, tight = present
            request = self._request(instance, self._patch_box(tight), guides[instance], guides)
            near = _nearness(annotation, source, target, instance)
            return replace(
                request,
                expected=_seen_lately(annotation, source, -step, instance),
                before=None if near < FAR else _carried_frame(before, back, request),
                near=near,
                careful=careful[instance],
            )

        requests = side_by_side(prepared, ((k, tight) for k, tight in boxes.items() if tight is not None))
        picture = self._video.frame(target)
        # What moved from source to target, seen on the target's pixels.
        seen = self._predict(annotation, target, picture, requests, -back, prepare)
        found |= {k: it.prediction for k, it in seen.items()}
        if self._config.soft_aggregation:
            found = _shared(annotation, source, target, found)
        for request in requests:
            key, coarse = CellKey(target, request.instance), seen[request.instance].coarse
            self._memory.note(key, found[request.instance].mask, coarse, request.box, request.others)
        return found

    def smooth(
        self,
        annotation: Annotation,
        instance: int,
        maps: Mapping[int, SoftMask],
        frames: Sequence[int],
        step: int,
    ) -> Generator[None, None, dict[int, SoftMask]]:
        """See `modules.MaskPropagation`."""
        careful = self._config.augment_corrected and _corrected(annotation, instance)
        return (self._careful_smoother if careful else self._smoother).smooth(maps, frames, step)

    def recover(self, annotation: Annotation, frame: int, box: Box, instance: int) -> Prediction:
        """N_mp in `box` of `frame`, guided by the patch of the instance's first checkpoint."""
        first = annotation.checkpoints(instance)[0]
        template = annotation.mask(first, instance)
        own = template.hard_box or template.box
        guide = cv2.resize(template.inside(own), (box.width, box.height), interpolation=cv2.INTER_LINEAR)
        placed = SoftMask.from_dense(guide, (box.x0, box.y0))
        flow = self._own_flow(frame)
        found = self._at(annotation, frame, placed, box, instance, flow)
        for _ in range(self._config.recovery_rounds - 1):
            tight = found.mask.hard_box
            if tight is None:
                break
            found = self._at(annotation, frame, found.mask, tight, instance, flow)
        return found

    def segment(self, annotation: Annotation, frame: int, box: Box, instance: int) -> Prediction:
        """N_mp in a box that a person drew, guided by the ellipse that fills it, then by what it found."""
        y, x = np.ogrid[-1 : 1 : box.height * 1j, -1 : 1 : box.width * 1j]
        guide = SoftMask.from_dense(x**2 + y**2 <= 1, (box.x0, box.y0))
        flow = self._own_flow(frame)
        found = self._at(annotation, frame, guide, box, instance, flow)
        for _ in range(CUT_OUT_ROUNDS - 1):
            if not found.mask.area:
                break
            found = self._at(annotation, frame, found.mask, box, instance, flow)
        return found

    def _own_flow(self, frame: int) -> FlowField:
        """What moves in a frame: to the next one, or for the last one as it came from the one before."""
        if frame < self._video.length - 1:
            return self._flow.between(frame, frame + 1)
        if frame:
            return -self._flow.between(frame, frame - 1)
        return self._flow.between(frame, frame)

    def _at(
        self, annotation: Annotation, frame: int, guide: SoftMask, tight: Box, instance: int, flow: FlowField
    ) -> Prediction:
        """N_mp around one box of a frame, beside the maps of other instances that can be trusted there.

        A propagated map is not: one that has drifted over this instance would keep it from being found.
        """
        maps = {k: mask for k, mask in annotation.frame_masks(frame).items() if annotation.anchored(frame, k)}
        request = self._request(instance, self._patch_box(tight), guide, maps)
        request = replace(request, careful=self._config.augment_corrected)
        picture = self._video.frame(frame)
        return self._predict(annotation, frame, picture, [request], flow)[instance].prediction

    def _request(self, instance: int, box: Box, guide: SoftMask, maps: Mapping[int, SoftMask]) -> Request:
        size = reduced(box, self._size.patch)
        return Request(instance, box, inside(guide, box, size), others_inside(maps, instance, box, size))

    def _patch_box(self, tight: Box) -> Box:
        height, width = self._video.height, self._video.width
        if self._config.crop == "frame":
            return Box(0, 0, width, height)
        return patch_box(tight, height, width, self._size.enlarge)

    def _guides(
        self, annotation: Annotation, source: int, target: int, instances: Sequence[int], back: FlowField
    ) -> dict[int, SoftMask]:
        """W(P[source, k], f) of the instances, and where the others are in the target frame."""
        guides = {k: mask for k, mask in annotation.frame_masks(target).items() if k not in instances}
        there = {k: mask for k, mask in annotation.frame_masks(source).items() if k not in guides}
        carried = side_by_side(lambda mask: warp_mask(mask, back), there.values())
        guides.update(zip(there, carried, strict=True))
        return {**{k: SoftMask.empty() for k in instances}, **guides}

    def _predict(
        self,
        annotation: Annotation,
        frame: int,
        picture: Frame,
        requests: Sequence[Request],
        flow: FlowField,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> dict[int, Seen]:
        """N_mp on patches of one frame, laid back into the frame.

        Args:
            meanwhile: begins what can wait: beside a single call at once, beside several when a core is free.
        """
        # In torch, as entries may be computed: one after another.
        memories = {request.instance: self._memories(annotation, frame, request) for request in requests}

        def looked_at(part: tuple[View, Sequence[Request]] | None) -> dict[int, Seen]:
            if part is None:
                meanwhile()
                return {}
            view, wanted = part
            looks = self._looks.look(picture, wanted, flow, [memories[it.instance] for it in wanted], view)
            predictions = side_by_side(self._prediction, zip(looks, wanted, strict=True))
            return {
                request.instance: Seen(prediction, look.coarse)
                for request, look, prediction in zip(wanted, looks, predictions, strict=True)
            }

        parts: list[tuple[View, Sequence[Request]] | None] = [*self._parted(requests)]
        if len(parts) > 1:
            parts.append(None)
        else:
            meanwhile()
        found: dict[int, Seen] = {}
        for seen in side_by_side(looked_at, parts):
            found.update(seen)
        return found

    def _prediction(self, seen: tuple[Look, Request]) -> Prediction:
        """A patch laid into the frame. The confidence of a map is its predicted IoU."""
        look, request = seen
        found = paste(look.patch, request.box, request.guide.shape)
        if self._config.component_gap:
            share = found.size / request.box.area
            found = without_strays(found, self._config.component_gap, request.expected * share)
        most = float(found.max(initial=0))
        mask = SoftMask.enlarged(found, request.box)
        return Prediction(mask, look.quality if most > 0.5 else 1 - most)

    def _parted(self, requests: Sequence[Request]) -> list[tuple[View, Sequence[Request]]]:
        """What is to be looked at in one view and one call."""
        usual = View(self._config.scales, self._config.flip)
        parted: dict[View, list[Request]] = {}
        for request in requests:
            parted.setdefault(CAREFUL if request.careful else usual, []).append(request)
        if self._looks.together:
            return list(parted.items())
        return [(view, [request]) for view, wanted in parted.items() for request in wanted]

    def _memories(self, annotation: Annotation, frame: int, request: Request) -> list[MemoryEntry]:
        if not self._config.read_memory:
            return []
        rivals = _near(annotation, frame, request) if self._config.rivals else ()
        return self._memory.entries(annotation, request.instance, frame, rivals)


def _carried_frame(frame: Frame, back: FlowField, request: Request) -> Frame:
    """A frame carried along into a patch, at the size at which its maps are."""
    return warp_frame(frame, back.inside(request.box, request.guide.shape), request.box)


def _checkpoint(annotation: Annotation, frame: int, instance: int) -> tuple[int, Cell] | None:
    """Where the map in `frame` comes from, and what is there."""
    origin = annotation.origin(frame, instance)
    cell = None if origin is None else annotation.get(origin, instance)
    return None if origin is None or cell is None else (origin, cell)


def _nearness(annotation: Annotation, source: int, target: int, instance: int) -> float:
    """Of the checkpoint from which the map in `source` comes; what was recovered is not exact at its own."""
    checkpoint = _checkpoint(annotation, source, instance)
    if checkpoint is None:
        return 0.0
    origin, cell = checkpoint
    steps = abs(target - origin)
    return nearness(steps + RECOVERED if cell.made_by is Maker.RECOVERY else steps)


def _corrected(annotation: Annotation, instance: int) -> bool:
    """Whether a person drew the instance again after the first time."""
    later = (annotation.get(frame, instance) for frame in annotation.checkpoints(instance)[1:])
    return any(
        cell is not None and cell.pinned and cell.made_by in (Maker.PERSON, Maker.IMPORT) for cell in later
    )


def _near(annotation: Annotation, frame: int, request: Request) -> list[int]:
    """The other instances that may be in the patch: those that were there in the frame or beside it."""
    near = set()
    for number in range(max(0, frame - 1), min(annotation.length, frame + 2)):
        for k, mask in annotation.frame_masks(number).items():
            if k != request.instance and mask.box.intersect(request.box).area:
                near.add(k)
    return sorted(near)


def _shared(
    annotation: Annotation, source: int, frame: int, found: Mapping[int, Prediction]
) -> dict[int, Prediction]:
    """The predictions after they have competed with one another, and with what is trusted more.

    Of the maps that are in the frame already, those count that are no farther from their checkpoint: one that
    has drifted over this instance since long must not keep it away after it was found again.
    """

    def share(k: int) -> Prediction:
        origin = annotation.origin(source, k)
        reach = abs(frame - (source if origin is None else origin))
        masks = {other: it.mask for other, it in found.items()}
        for other, mask in annotation.frame_masks(frame).items():
            checkpoint = annotation.origin(frame, other)
            if other not in masks and checkpoint is not None and abs(frame - checkpoint) <= reach:
                masks[other] = mask
        return replace(found[k], mask=competing(masks, k))

    return dict(zip(found, side_by_side(share, found), strict=True))


def _seen_lately(annotation: Annotation, source: int, step: int, instance: int) -> float:
    """The greatest area of the instance in the last frames that led to `source`."""
    frames = range(source, source + LATELY * step, step)
    return max(annotation.mask(frame, instance).area for frame in frames)


def _sure_of_nothing(guide: SoftMask) -> float:
    """The confidence of an empty map: the less there was, the surer."""
    return 1 - float(guide.values.max(initial=0)) / 255
