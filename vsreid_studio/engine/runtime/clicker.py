"""Answers clicks: a mask from points and a box on one frame, fast enough to follow the mouse."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..extensions.clicked_masks import bounded, changed_at
from ..nets.clicks import PATCH, ClickNet, ImageFeatures, guiding_maps, patch_still_fits, zoomed
from ..nets.compiled import Compiled
from ..nets.layers import map_tensor, picture_tensor
from ..nets.lite0 import fold_norms
from ..nets.patches import crop, paste
from ..nets.stream import Features
from ..types import Box, Click, Frame, Prediction, SoftMask
from .models import entries, fill, read_weights, resolve_device, shipped

NAME = "clicks-lite"
"""Of the weights in `models.toml`."""
KEPT_FEATURES, KEPT_ANSWERS = 8, 64
"""How many patches' features (6 MB each), and how many answers, are remembered."""


class Network(Protocol):
    """Runs the click network on one patch."""

    def encode(self, patch: Tensor) -> ImageFeatures:
        """Features of the picture alone; they stay valid."""
        ...

    def answer(self, features: ImageFeatures, patch: Tensor, maps: Tensor) -> tuple[Tensor, float]:
        """Probabilities (H, W) of the instance, and the IoU that the network expects of them."""
        ...


class TorchNetwork:
    """As torch runs it: on a GPU."""

    def __init__(self, network: ClickNet, device: torch.device) -> None:
        self._network = network.to(device)
        self._device = device

    @torch.inference_mode()
    def encode(self, patch: Tensor) -> ImageFeatures:
        """See `Network`."""
        return self._network.encode(patch.to(self._device))

    @torch.inference_mode()
    def answer(self, features: ImageFeatures, patch: Tensor, maps: Tensor) -> tuple[Tensor, float]:
        """See `Network`."""
        drawn = self._network.answer(features, patch.to(self._device), maps.to(self._device))
        return drawn.logits[0, 0].float().sigmoid().cpu(), float(drawn.quality.float().sigmoid())


class CompiledNetwork:
    """Compiled for the CPU, with requests of its own: a run that goes on has others, so none waits."""

    def __init__(self, network: ClickNet) -> None:
        """`network`: float32, on the CPU, its norms folded."""
        stream = network.stream
        strides = stream.decoder.strides

        def encode(patch: Tensor) -> tuple[Tensor, ...]:
            features = network.encode(patch)
            return (features.coarse, features.keys, *(features.skips[stride] for stride in strides))

        def read_maps(coarse: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
            levels = stream.maps(maps)
            value = stream.value_of(Features(coarse, {}), levels)
            return (value, *(levels[stride] for stride in strides))

        def compare(keys: Tensor, value: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
            return (network.compare(keys, value, maps),)

        def draw(
            patch: Tensor, maps: Tensor, value: Tensor, read: Tensor, *fine: Tensor
        ) -> tuple[Tensor, ...]:
            skips, levels = (
                dict(zip(strides, part, strict=True)) for part in (fine[: len(strides)], fine[len(strides) :])
            )
            drawn = network.draw(ImageFeatures(value, value, skips), value, read, levels, patch, maps)
            return drawn.logits.sigmoid(), drawn.quality.sigmoid()

        self._strides = strides
        self._encode = Compiled(encode)
        self._maps = Compiled(read_maps)
        self._compare = Compiled(compare, exact=True)
        self._draw = Compiled(draw)

    @torch.inference_mode()
    def encode(self, patch: Tensor) -> ImageFeatures:
        """See `Network`."""
        # Copied: the next result is written to the same memory.
        coarse, keys, *skips = (part.clone() for part in self._encode(patch))
        return ImageFeatures(coarse, keys, dict(zip(self._strides, skips, strict=True)))

    @torch.inference_mode()
    def answer(self, features: ImageFeatures, patch: Tensor, maps: Tensor) -> tuple[Tensor, float]:
        """See `Network`."""
        value, *levels = self._maps(features.coarse, maps)
        (read,) = self._compare(features.keys, value, maps)
        skips = [features.skips[stride] for stride in self._strides]
        probability, quality = self._draw(patch, maps, value, read, *skips, *levels)
        return probability[0, 0].clone(), float(quality)


def load_network(device: str = "auto", weights: Path | None = None) -> Network:
    """The click network with its weights, in the form in which the device is fastest.

    Args:
        device: 'auto', 'cpu' or 'cuda'.
        weights: a safetensors file instead of the shipped one.

    Raises:
        UserError: the weights are missing or do not fit, or there is no such device.
    """
    network = ClickNet()
    fill(network, read_weights(weights) if weights else shipped(NAME), str(weights or NAME))
    return prepared(network, resolve_device(device))


def prepared(network: ClickNet, device: torch.device) -> Network:
    """A network of which the weights do not change any more, ready to run; it is changed in place."""
    network.eval().requires_grad_(False)
    fold_norms(network)
    network = network.to(memory_format=torch.channels_last)
    return CompiledNetwork(network) if device.type == "cpu" else TorchNetwork(network, device)


@dataclass(frozen=True, eq=False)
class _Patch:
    """A part of a frame with its features; it holds the frame, so that its id stays taken."""

    frame: Frame
    picture: Tensor
    features: ImageFeatures


class _Step(NamedTuple):
    """What came of some clicks: the mask, and the part of the frame that was looked at last."""

    mask: SoftMask
    confidence: float
    part: Box | None


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
        self._steps: OrderedDict[tuple[object, ...], tuple[object, _Step]] = OrderedDict()
        self._lock = Lock()

    def prepare(self, frame: Frame) -> None:
        """Encode a whole frame before the first click, which then takes half the time.

        Args:
            frame: (H, W, 3) uint8 RGB.
        """
        with self._lock:
            self._encoded(frame, _whole(frame))

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
    ) -> Prediction:
        """The mask that clicks make.

        Args:
            frame: (H, W, 3) uint8 RGB. It is recognised by identity: pass the same array for the same frame.
            clicks: in the order in which they were made, inside the frame.
            box: drawn around the instance, or None. Nothing outside of it, but for a margin, is selected
                until a click adds there.
            present: the mask before the first click, such as a propagated one; None or an empty one where
                there was none.

        Returns:
            The mask, and the IoU that the network expects it to have, in [0, 1]. Without clicks and box it
            is `present`.
        """
        with self._lock:
            step = self._after(frame, tuple(clicks), box, present)
            return Prediction(step.mask, step.confidence)

    def _after(
        self, frame: Frame, clicks: tuple[Click, ...], box: Box | None, present: SoftMask | None
    ) -> _Step:
        """What came of the clicks, remembered or computed from what came of all but the last."""
        if present is not None and not present.area:
            present = None
        if not clicks and box is None:
            return _Step(present or SoftMask.empty(), 1.0 if present else 0.0, None)
        key = (id(frame), id(present), box, clicks)
        if key in self._steps:
            self._steps.move_to_end(key)
            return self._steps[key][1]
        if clicks and (len(clicks) > 1 or box is not None):
            step = self._after(frame, clicks[:-1], box, present)
            before = step.mask if step.mask.area else None
        else:
            step, before = None, present
        found = self._step(frame, clicks, box, before, None if step is None else step.part)
        if present is not None and before is not None and clicks:
            # A mask that was there is corrected where it is clicked, and stays as it is elsewhere.
            found = found._replace(mask=changed_at(before, found.mask, clicks))
        if box is not None:
            found = found._replace(mask=bounded(found.mask, box, clicks))
        self._steps[key] = ((frame, present), found)
        if len(self._steps) > KEPT_ANSWERS:
            self._steps.popitem(last=False)
        return found

    def _step(
        self,
        frame: Frame,
        clicks: tuple[Click, ...],
        box: Box | None,
        present: SoftMask | None,
        last: Box | None,
    ) -> _Step:
        """One click more, or the box: looked at whole first where nothing is known, then closer."""
        height, width = frame.shape[:2]
        if present is None and box is None:
            present = self._segment(frame, _whole(frame), clicks, box, None).mask
        part = zoomed(present, clicks, box, height, width)
        if last is not None and patch_still_fits(last, present, clicks, box, height, width):
            part = last
        return self._segment(frame, part, clicks, box, present)

    def _segment(
        self,
        frame: Frame,
        part: Box,
        clicks: tuple[Click, ...],
        box: Box | None,
        present: SoftMask | None,
    ) -> _Step:
        patch = self._encoded(frame, part)
        maps = map_tensor(guiding_maps(present, clicks, box, part, self._size)[None], torch.zeros(()))
        probability, quality = self._network.answer(patch.features, patch.picture, maps)
        mask = SoftMask.from_dense(paste(probability.numpy(), part), (part.x0, part.y0))
        return _Step(mask, quality, part)

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
