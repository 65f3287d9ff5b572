"""M_mp, the mask propagation module (Algorithm 1), and recovery (Algorithm 3, line 22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..config import PropagationConfig
from .annotation import Annotation
from .flow import FlowSource, warp_mask
from .memory import Memory
from .nets.propagation import SIZES, MaskPropagationNet, MemoryEntry
from .patches import crop, fit, flow_patch, others_inside, paste, patch_box
from .strays import without_strays
from .tensors import map_tensor, picture_tensor
from .types import Box, Flow, Frame, Prediction, Probability, SoftMask
from .video import Video

LATELY = 10
"""Frames over which an instance is seen well at least once, as a rule."""


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


class NetworkPropagation:
    """`modules.MaskPropagation` by N_mp, for one video."""

    def __init__(
        self, video: Video, flow: FlowSource, network: MaskPropagationNet, config: PropagationConfig
    ) -> None:
        self._video = video
        self._flow = flow
        self._network = network
        self._config = config
        self._size = SIZES[config.size]
        self._memory = Memory(video, network, config)

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
                box = patch_box(tight, self._video.height, self._video.width, self._size.enlarge)
                request = _request(instance, box, guides[instance].inside(box), guides)
                expected = _seen_lately(annotation, source, source - target, instance)
                requests.append(replace(request, expected=expected))
        # What moved from source to target, seen on the target's pixels.
        predicted = self._predict(annotation, target, requests, -back)
        return {**found, **predicted}

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
        for _ in range(self._config.recovery_rounds - 1):
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
        box = patch_box(tight, self._video.height, self._video.width, self._size.enlarge)
        maps = {k: mask for k, mask in annotation.frame_masks(frame).items() if annotation.anchored(frame, k)}
        request = _request(instance, box, guide.inside(box), maps)
        return self._predict(annotation, frame, [request], flow)[instance]

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
    ) -> dict[int, Prediction]:
        """N_mp on patches of one frame, averaged over scales and flips, laid back into the frame."""
        if not requests:
            return {}
        picture = self._video.frame(frame)
        memories = self._memories(annotation, frame, [request.instance for request in requests])
        base = self._size.patch
        total: Tensor | None = None
        for scale in self._config.scales:
            for flip in (False, True) if self._config.flip else (False,):
                found = self._run(picture, requests, flow, scale, flip, memories)
                found = functional.interpolate(found, size=(base, base), mode="bilinear", align_corners=False)
                total = found if total is None else total + found
        assert total is not None
        views = len(self._config.scales) * (2 if self._config.flip else 1)
        patches = (total[:, 0] / views).cpu().numpy()
        gap = self._config.stray_gap
        return {r.instance: _prediction(patch, r, gap) for r, patch in zip(requests, patches, strict=True)}

    def _memories(
        self, annotation: Annotation, frame: int, instances: Sequence[int]
    ) -> list[list[MemoryEntry]]:
        if not self._config.template:
            return [[] for _ in instances]
        return [self._memory.entries(annotation, instance, frame) for instance in instances]

    @torch.inference_mode()
    def _run(
        self,
        picture: Frame,
        requests: Sequence[Request],
        flow: Flow,
        scale: float,
        flip: bool,
        memories: list[list[MemoryEntry]],
    ) -> Tensor:
        """Probability patches, (N, 1, s, s) float32."""
        size, half = (self._scaled(side, scale) for side in (self._size.patch, self._size.flow_patch))
        patch = np.stack([crop(picture, r.box, size) for r in requests])
        moving = np.stack([flow_patch(flow, r.box, half) for r in requests])
        maps = np.stack([np.stack([fit(r.guide, size), fit(r.others, size)], 2) for r in requests])
        if flip:
            patch, maps, moving = patch[:, :, ::-1], maps[:, :, ::-1], moving[:, :, ::-1] * (-1, 1, 1)
        like = self._network.rgb.log_sharpness
        logits = self._network(
            picture_tensor(patch, like), map_tensor(moving, like), map_tensor(maps, like), memories
        )
        found: Tensor = ((logits[0].float() + logits[1].float()) / 2).sigmoid()
        return found.flip(3) if flip else found

    def _scaled(self, side: int, scale: float) -> int:
        align = self._size.align
        return side if scale == 1 else max(align, round(side * scale / align) * align)


def _request(instance: int, box: Box, guide: Probability, maps: Mapping[int, SoftMask]) -> Request:
    return Request(instance, box, guide, others_inside(maps, instance, box))


def _seen_lately(annotation: Annotation, source: int, step: int, instance: int) -> float:
    """The greatest area of the instance in the last frames that led to `source`."""
    frames = range(source, source + LATELY * step, step)
    return max(annotation.mask(frame, instance).area for frame in frames)


def _prediction(patch: Probability, request: Request, gap: float) -> Prediction:
    """The patch laid into the frame, and how far its pixels are from undecided."""
    box = request.box
    full = paste(patch, box)
    if gap:
        full = without_strays(full, gap, request.expected)
    inside = full > 0.5
    confidence = float(full[inside].mean()) if inside.any() else 1 - float(full.max(initial=0))
    return Prediction(SoftMask.from_dense(full, (box.x0, box.y0)), confidence)


def _sure_of_nothing(guide: SoftMask) -> float:
    """The confidence of an empty map: the less there was, the surer."""
    return 1 - float(guide.values.max(initial=0)) / 255
