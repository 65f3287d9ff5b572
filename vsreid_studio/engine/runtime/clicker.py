"""Answers clicks: a mask from points and a box on one frame, fast enough to follow the mouse."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..extensions.clicked_masks import bounded, changed_at, near_clicks
from ..flow import DisFlow, FlowField
from ..flow.field import shrink
from ..nets.click_maps import PATCH, guiding_maps, patch_still_fits, trusted_patch, zoomed
from ..nets.clicks import ImageFeatures
from ..nets.layers import map_tensor, picture_tensor
from ..nets.patches import crop, paste
from ..nets.stream import MemoryEntry
from ..types import NO_CONTEXT, Box, Click, ClickContext, Frame, Prediction, SoftMask
from .click_networks import NAME, Network, load_network
from .models import entries

KEPT_FEATURES, KEPT_ANSWERS, KEPT_CONTEXTS = 8, 64, 4
"""How many patches' features (6 MB each), how many answers, and how many contexts are remembered."""


@dataclass(frozen=True, eq=False)
class _Patch:
    """A part of a frame with its features; it holds the frame, so that its id stays taken."""

    frame: Frame
    picture: Tensor
    features: ImageFeatures


@dataclass(frozen=True, eq=False)
class _ReadContext:
    """What a frame's context says: it holds the frame and the context, so that their ids stay taken."""

    frame: Frame
    context: ClickContext
    flow: FlowField | None
    memory: Sequence[MemoryEntry]


class _Step(NamedTuple):
    """What came of some clicks: the mask, and the part of the frame that was looked at last."""

    mask: SoftMask
    confidence: float
    part: Box | None


class _Kept(NamedTuple):
    """A remembered step; it holds what it was made of, so that their ids stay taken."""

    known: _ReadContext
    present: SoftMask | None
    step: _Step


class Clicker:
    """Makes masks of clicks.

    Clicks are taken one after the other, each with the mask that the ones before have made, as in training.
    So the same clicks always make the same mask, whether they come one by one or all at once. What the
    clicks before have made is remembered, and so are the features of a frame: one more click, or
    the preview of one, costs a fraction of the first.

    It may be used by any thread; calls wait for one another. It does not wait for a run of the engine.

    Attributes:
        weights: sha256 of the shipped weights; empty for a network that was given.
    """

    def __init__(self, network: Network | None = None, *, size: int = PATCH, device: str = "auto") -> None:
        """Load the shipped weights, or take a network.

        Args:
            network: see `load_network`.
            size: side of the patches in pixels, a multiple of 32.
            device: 'auto', 'cpu' or 'cuda'.

        Raises:
            UserError: the weights are missing or damaged, or there is no such device.
        """
        entry = None if network else entries().get(NAME)
        self.weights = "" if entry is None else entry.sha256
        self._network = network or load_network(device)
        self._size = size
        self._patches: OrderedDict[tuple[int, Box], _Patch] = OrderedDict()
        self._steps: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._contexts: OrderedDict[tuple[int, int], _ReadContext] = OrderedDict()
        self._estimator = DisFlow()
        self._lock = Lock()

    def prepare(self, frame: Frame, context: ClickContext = NO_CONTEXT) -> None:
        """Encode a whole frame and its context before the first click, which then takes half the time.

        Args:
            frame: (H, W, 3) uint8 RGB.
            context: see `segment`.
        """
        with self._lock:
            self._encoded(frame, _whole(frame))
            self._known(frame, context)

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        """The mask that clicks make.

        Args:
            frame: (H, W, 3) uint8 RGB. It is recognised by identity: pass the same array for the same frame.
            clicks: in the order in which they were made, inside the frame.
            box: drawn around the instance, or None. Nothing outside of it, but for a margin, is selected
                until a click adds there.
            present: the mask before the first click, such as a propagated one; None or an empty one where
                there was none.
            context: what else is known of the instance; recognised by identity, as the frame.

        Returns:
            The mask, and the IoU that the network expects it to have, in [0, 1]. Without clicks and box it
            is `present`.
        """
        with self._lock:
            known = self._known(frame, context)
            step = self._after(known, tuple(clicks), box, present)
            return Prediction(step.mask, step.confidence)

    def _after(
        self, known: _ReadContext, clicks: tuple[Click, ...], box: Box | None, present: SoftMask | None
    ) -> _Step:
        """What came of the clicks, remembered or computed from what came of all but the last."""
        if present is not None and not present.area:
            present = None
        if not clicks and box is None:
            return _Step(present or SoftMask.empty(), 1.0 if present else 0.0, None)
        key = (id(known), id(present), box, clicks)
        if key in self._steps:
            self._steps.move_to_end(key)
            return self._steps[key].step
        if clicks and (len(clicks) > 1 or box is not None):
            step = self._after(known, clicks[:-1], box, present)
            before = step.mask if step.mask.area else None
        else:
            step, before = None, present
        nothing = present is None and box is None
        found = self._step(known, clicks, box, before, None if step is None else step.part, nothing)
        if present is not None and before is not None and clicks:
            # A mask that was there is corrected where it is clicked, and stays as it is elsewhere.
            found = found._replace(mask=changed_at(before, found.mask, clicks))
        if box is not None:
            found = found._replace(mask=bounded(found.mask, box, clicks))
        self._steps[key] = _Kept(known, present, found)
        if len(self._steps) > KEPT_ANSWERS:
            self._steps.popitem(last=False)
        return found

    def _step(
        self,
        known: _ReadContext,
        clicks: tuple[Click, ...],
        box: Box | None,
        present: SoftMask | None,
        last: Box | None,
        nothing: bool,
    ) -> _Step:
        """One click more, or the box: looked at whole first where nothing is known, then closer.

        Args:
            last: the part of the frame that the click before was answered in, if any.
            nothing: whether the clicks began without a mask or a box: only what they select is taken.
        """
        height, width = known.frame.shape[:2]
        if present is None and box is None:
            present = self._segment(known, _whole(known.frame), clicks, box, None).mask
            if nothing:
                present = near_clicks(present, clicks)
        part = zoomed(present, clicks, box, height, width)
        if last is not None and patch_still_fits(last, present, clicks, box, height, width):
            part = last
        found = self._segment(known, part, clicks, box, present)
        return found._replace(mask=near_clicks(found.mask, clicks)) if nothing else found

    def _segment(
        self,
        known: _ReadContext,
        part: Box,
        clicks: tuple[Click, ...],
        box: Box | None,
        present: SoftMask | None,
    ) -> _Step:
        patch = self._encoded(known.frame, part)
        maps = guiding_maps(present, clicks, box, part, self._size, known.context.others, known.flow)
        probability, quality = self._network.answer(
            patch.features, patch.picture, map_tensor(maps[None], torch.zeros(())), known.memory
        )
        mask = SoftMask.from_dense(paste(probability.numpy(), part), (part.x0, part.y0))
        return _Step(mask, quality, part)

    def _known(self, frame: Frame, context: ClickContext) -> _ReadContext:
        key = (id(frame), id(context))
        if key in self._contexts:
            self._contexts.move_to_end(key)
            return self._contexts[key]
        flow: FlowField | None = None
        memory: Sequence[MemoryEntry] = ()
        if context.neighbour is not None:
            small = [shrink(one, self._estimator.short_side) for one in (frame, context.neighbour)]
            flow = FlowField(self._estimator(small[0], small[1]), *frame.shape[:2])
        if context.trusted is not None:
            picture, maps = trusted_patch(*context.trusted, self._size)
            patch = picture_tensor(picture[None], torch.zeros(()))
            memory = self._network.remember(
                self._network.encode(patch), map_tensor(maps[None], torch.zeros(()))
            )
        found = _ReadContext(frame, context, flow, memory)
        self._contexts[key] = found
        if len(self._contexts) > KEPT_CONTEXTS:
            _, oldest = self._contexts.popitem(last=False)
            # Its answers hold its three frames, and nobody can ask for them any more.
            for stale in [one for one, kept in self._steps.items() if kept.known is oldest]:
                del self._steps[stale]
        return found

    def _encoded(self, frame: Frame, part: Box) -> _Patch:
        key = (id(frame), part)
        if key in self._patches:
            self._patches.move_to_end(key)
            return self._patches[key]
        cut = crop(frame, part, self._size).astype(np.uint8, copy=False)
        picture = picture_tensor(cut[None], torch.zeros(()))
        found = _Patch(frame, picture, self._network.encode(picture))
        self._patches[key] = found
        if len(self._patches) > KEPT_FEATURES:
            self._patches.popitem(last=False)
        return found


def _whole(frame: Frame) -> Box:
    return Box(0, 0, frame.shape[1], frame.shape[0])
