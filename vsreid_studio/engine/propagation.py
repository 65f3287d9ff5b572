"""M_mp, the mask propagation module (Algorithm 1), and recovery (Algorithm 3, line 22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..config import PropagationConfig
from .annotation import Annotation
from .compete import competing
from .flow import FlowSource, warp_mask
from .inference import Found, Inference, Patches
from .memory import Memory
from .nets.propagation import SIZES
from .nets.stream import MemoryEntry
from .patches import crop, fit, flow_patch, others_inside, paste, patch_box
from .strays import without_strays
from .tensors import map_tensor, picture_tensor
from .types import Box, CellKey, Flow, Frame, Prediction, Probability, SoftMask
from .video import Video

LATELY = 10
"""Frames over which an instance is seen well at least once, as a rule."""
CUT_OUT_ROUNDS = 2
"""How often N_mp looks at what a person has boxed: there it certainly is (mean J .85 instead of .82)."""


@dataclass(frozen=True, eq=False)
class Request:
    """One patch to be looked at.

    Attributes:
        instance: whose map is wanted.
        box: of the patch, in the frame.
        guide: (box.height, box.width) float32, the guiding map.
        others: likewise, the greatest of the other instances' maps.
        expected: the instance's area when it was last seen well, in pixels; 0 when that is not known.
    """

    instance: int
    box: Box
    guide: Probability
    others: Probability
    expected: float = 0.0


class Seen(NamedTuple):
    """A prediction, and (1, C, h, w) features of its patch for the memory."""

    prediction: Prediction
    coarse: Tensor


class NetworkPropagation:
    """`modules.MaskPropagation` by N_mp, for one video."""

    def __init__(
        self, video: Video, flow: FlowSource, inference: Inference, config: PropagationConfig
    ) -> None:
        self._video = video
        self._flow = flow
        self._like = inference.network.rgb.log_sharpness
        self._inference = inference
        self._config = config
        self._size = SIZES[config.size]
        self._memory = Memory(video, inference.network, config)

    def propagate(
        self, annotation: Annotation, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """M_mp(I_source, I_target, P[source, k]) for every k in `instances`; the frames are neighbours."""
        back = self._flow.between(target, source)
        guides = self._guides(annotation, source, target, instances, back)
        requests, found = [], {}
        for instance in instances:
            tight = guides[instance].hard_box
            if tight is None:
                found[instance] = Prediction(SoftMask.empty(), _sure_of_nothing(guides[instance]))
            else:
                request = _request(instance, self._patch_box(tight), guides[instance], guides)
                expected = _seen_lately(annotation, source, source - target, instance)
                requests.append(replace(request, expected=expected))
        ahead = 2 * target - source
        if 0 <= ahead < self._video.length:
            self._flow.prepare(ahead, target)
        # What moved from source to target, seen on the target's pixels.
        seen = self._predict(annotation, target, requests, -back)
        found |= {k: it.prediction for k, it in seen.items()}
        if self._config.compete:
            found = _shared(annotation, source, target, found)
        for request in requests:
            key, coarse = CellKey(target, request.instance), seen[request.instance].coarse
            self._memory.note(key, found[request.instance].mask, coarse, request.box, request.others)
        return found

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

    def _own_flow(self, frame: int) -> Flow:
        """What moves in a frame: to the next one, or for the last one as it came from the one before."""
        if frame < self._video.length - 1:
            return self._flow.between(frame, frame + 1)
        if frame:
            return -self._flow.between(frame, frame - 1)
        return np.zeros((self._video.height, self._video.width, 2), np.float32)

    def _at(
        self, annotation: Annotation, frame: int, guide: SoftMask, tight: Box, instance: int, flow: Flow
    ) -> Prediction:
        """N_mp around one box of a frame, beside the maps of other instances that can be trusted there.

        A propagated map is not: one that has drifted over this instance would keep it from being found.
        """
        maps = {k: mask for k, mask in annotation.frame_masks(frame).items() if annotation.anchored(frame, k)}
        request = _request(instance, self._patch_box(tight), guide, maps)
        return self._predict(annotation, frame, [request], flow)[instance].prediction

    def _patch_box(self, tight: Box) -> Box:
        height, width = self._video.height, self._video.width
        if self._config.crop == "frame":
            return Box(0, 0, width, height)
        return patch_box(tight, height, width, self._size.enlarge)

    def _guides(
        self, annotation: Annotation, source: int, target: int, instances: Sequence[int], back: Flow
    ) -> dict[int, SoftMask]:
        """W(P[source, k], f) of the instances, and where the others are in the target frame."""
        guides = {k: mask for k, mask in annotation.frame_masks(target).items() if k not in instances}
        for k, mask in annotation.frame_masks(source).items():
            if k not in guides:
                guides[k] = warp_mask(mask, back)
        return {**{k: SoftMask.empty() for k in instances}, **guides}

    def _predict(
        self, annotation: Annotation, frame: int, requests: Sequence[Request], flow: Flow
    ) -> dict[int, Seen]:
        """N_mp on patches of one frame, averaged over scales and flips, laid back into the frame."""
        if not requests:
            return {}
        picture = self._video.frame(frame)
        memories = [self._memories(annotation, frame, request) for request in requests]
        views = [
            self._run(picture, requests, flow, scale, flip, memories)
            for scale in self._config.scales
            for flip in ((False, True) if self._config.flip else (False,))
        ]
        patches = torch.stack([self._probability(found) for found in views]).mean(0).cpu().numpy()
        quality = torch.stack([found.quality for found in views]).mean(0).sigmoid().tolist()
        gap = self._config.stray_gap
        return {
            request.instance: Seen(_prediction(patch, request, gap, worth), views[0].coarse[row : row + 1])
            for row, (request, patch, worth) in enumerate(zip(requests, patches, quality, strict=True))
        }

    def _memories(self, annotation: Annotation, frame: int, request: Request) -> list[MemoryEntry]:
        if not self._config.template:
            return []
        rivals = _near(annotation, frame, request) if self._config.rivals else ()
        return self._memory.entries(annotation, request.instance, frame, rivals)

    @torch.inference_mode()
    def _run(
        self,
        picture: Frame,
        requests: Sequence[Request],
        flow: Flow,
        scale: float,
        flip: bool,
        memories: list[list[MemoryEntry]],
    ) -> Found:
        """N_mp on the patches; the logits as if nothing had been mirrored."""
        size, half = (self._scaled(side, scale) for side in (self._size.patch, self._size.flow_patch))
        patch = np.stack([crop(picture, r.box, size) for r in requests])
        moving = np.stack([flow_patch(flow, r.box, half) for r in requests])
        maps = np.stack([np.stack([fit(r.guide, size), fit(r.others, size)], 2) for r in requests])
        if flip:
            patch, maps, moving = patch[:, :, ::-1], maps[:, :, ::-1], moving[:, :, ::-1] * (-1, 1, 1)
        like = self._like
        flows = map_tensor(moving, like) if self._config.flow_stream else None
        given = Patches(picture_tensor(patch, like), flows, map_tensor(maps, like), memories)
        found = self._inference.run(given)
        return found._replace(logits=found.logits.flip(3)) if flip else found

    def _probability(self, found: Found) -> Tensor:
        """(N, s, s) at the network's own size."""
        side = self._size.patch
        maps = found.logits.float().sigmoid()
        return functional.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)[:, 0]

    def _scaled(self, side: int, scale: float) -> int:
        align = self._size.align
        return side if scale == 1 else max(align, round(side * scale / align) * align)


def _request(instance: int, box: Box, guide: SoftMask, maps: Mapping[int, SoftMask]) -> Request:
    return Request(instance, box, guide.inside(box), others_inside(maps, instance, box))


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
    shared = {}
    for k, prediction in found.items():
        origin = annotation.origin(source, k)
        reach = abs(frame - (source if origin is None else origin))
        masks = {other: it.mask for other, it in found.items()}
        for other, mask in annotation.frame_masks(frame).items():
            checkpoint = annotation.origin(frame, other)
            if other not in masks and checkpoint is not None and abs(frame - checkpoint) <= reach:
                masks[other] = mask
        shared[k] = replace(prediction, mask=competing(masks, k))
    return shared


def _seen_lately(annotation: Annotation, source: int, step: int, instance: int) -> float:
    """The greatest area of the instance in the last frames that led to `source`."""
    frames = range(source, source + LATELY * step, step)
    return max(annotation.mask(frame, instance).area for frame in frames)


def _prediction(patch: Probability, request: Request, gap: float, quality: float) -> Prediction:
    """The patch laid into the frame. The confidence of a map is its predicted IoU."""
    box = request.box
    full = paste(patch, box)
    if gap:
        full = without_strays(full, gap, request.expected)
    most = float(full.max(initial=0))
    return Prediction(SoftMask.from_dense(full, (box.x0, box.y0)), quality if most > 0.5 else 1 - most)


def _sure_of_nothing(guide: SoftMask) -> float:
    """The confidence of an empty map: the less there was, the surer."""
    return 1 - float(guide.values.max(initial=0)) / 255
