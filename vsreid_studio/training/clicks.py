"""Training of the click network."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ..engine.extensions.clicked_masks import changed_at
from ..engine.nets.click_maps import PATCH, guiding_maps, local, paste_into, trusted_patch, zoomed
from ..engine.nets.clicks import ClickNet, from_propagation, with_context
from ..engine.nets.layers import map_tensor, mixed_precision, picture_tensor
from ..engine.nets.lite0 import Lite0, freeze_norms
from ..engine.nets.patches import crop, paste
from ..engine.nets.stream import MemoryEntry
from ..engine.runtime.models import shipped
from ..engine.types import Box, Frame, SoftMask
from ..evaluation.measures import next_click
from .click_samples import Sample, SampleMaker, read_own
from .clips import STILLS, read_clips, read_stills, split
from .loop import Schedule, Trainer, batches, float_depthwise, write_weights
from .propagation.loss import jaccard, segmentation_loss

__all__ = ["add_arguments", "run"]

_OUTLINE = 3.0
"""How much more a pixel near the outline counts."""
_TAKEN = 3.0
"""How much more a pixel counts in a correction, where the click changes the mask or should."""
_CLICKED = 0.3
"""Weight of the loss at the clicked pixels."""
_QUALITY = 0.2
_LOCAL = 0.25
"""Share of the passes that see the surroundings of the last click only."""
_LEAST_LOCAL = 48
"""Side of these, in pixels of the frame."""

logger = logging.getLogger(__name__)
_FIXED_BLOCKS = {"none": 15, "late": 5}
"""For each choice of what is trained of the trunk: how many of its first blocks are not."""


class SessionLoss:
    """The loss for (model, samples): each is looked at several times, with one click more each time.

    The first pass without a mask sees the whole frame; the next ones zoom in, see `zoomed`.
    """

    def __init__(self, size: int, looks: int, seed: int, start: int) -> None:
        """Patches have `size` pixels; `start` is the number of the first step."""
        self.size = size
        self.looks = looks
        self.seed = seed
        self.step = start

    def __call__(self, model: nn.Module, batch: Sequence[Sample]) -> tuple[Tensor, dict[str, float]]:
        """The loss, and the IoU of the first and the last pass within their patches."""
        assert isinstance(model, ClickNet)
        random = np.random.default_rng([self.seed, 78, self.step])
        self.step += 1
        sessions = [_Session(sample, random) for sample in batch]
        total = torch.zeros(())
        shares = []
        memories = self._memories(model, sessions)
        for _ in range(self.looks):
            for session in sessions:
                session.go_on()
            loss, share = self._look(model, sessions, memories)
            total = total + loss
            shares.append(share)
        return total / self.looks, {"J": shares[0], "J_last": shares[-1]}

    def _memories(self, model: ClickNet, sessions: Sequence[_Session]) -> list[list[MemoryEntry]]:
        """What each session's trusted frame says, encoded once."""
        found: list[list[MemoryEntry]] = [[] for _ in sessions]
        views = {n: s.trusted_view(self.size) for n, s in enumerate(sessions) if s.sample.trusted is not None}
        if views:
            like = torch.zeros(())
            patch = picture_tensor(np.stack([picture for picture, _ in views.values()]), like)
            with mixed_precision(patch.device):
                features = model.encode(patch)
                entries = model.remember(
                    features, map_tensor(np.stack([maps for _, maps in views.values()]), like)
                )
            for number, entry in zip(views, entries, strict=True):
                found[number] = [entry]
        return found

    def _look(
        self, model: ClickNet, sessions: Sequence[_Session], memories: Sequence[Sequence[MemoryEntry]]
    ) -> tuple[Tensor, float]:
        like = torch.zeros(())
        patch = picture_tensor(
            np.stack([crop(s.sample.frame, s.part, self.size).astype(np.uint8) for s in sessions]), like
        )
        maps = map_tensor(np.stack([s.maps(self.size) for s in sessions]), like)
        truth = map_tensor(np.stack([s.truth(self.size) for s in sessions]), like)
        with mixed_precision(patch.device):
            found = model(patch, maps, memories)
        final = found.logits.float()
        everywhere = torch.ones(len(sessions))
        taken = np.stack([s.taken(p[0]) for s, p in zip(sessions, (final.detach() > 0).numpy(), strict=True)])
        emphasis = _TAKEN * map_tensor(taken, like)
        loss = segmentation_loss(final, truth, everywhere, outline=_OUTLINE, emphasis=emphasis)
        loss = loss + 0.4 * segmentation_loss(found.rough, truth, everywhere, outline=_OUTLINE)
        right = jaccard(final.detach(), truth)
        loss = loss + _QUALITY * functional.binary_cross_entropy_with_logits(found.quality, right)
        loss = loss + _CLICKED * _at_clicks(final, truth, maps)
        for session, probability in zip(sessions, final.detach().sigmoid().numpy(), strict=True):
            session.take(probability[0])
        return loss, float(right.mean())


def _at_clicks(logits: Tensor, truth: Tensor, maps: Tensor) -> Tensor:
    """Cross-entropy at the pixels that a click speaks for."""
    says = maps[:, 1:2] * truth + maps[:, 2:3] * (1 - truth)
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * says).sum() / says.sum().clamp_min(1)


class _Session:
    """One sample's session.

    Attributes:
        part: of the frame, the next crop for the network.
    """

    def __init__(self, sample: Sample, random: Generator) -> None:
        self.sample = sample
        self.random = random
        self.present = sample.present
        self.clicks = list(sample.clicks)
        self.part = Box(0, 0, 0, 0)
        self._fresh = sample.present is None and sample.box is None and not sample.clicks
        self._looked = False
        self._corrects = sample.present is not None
        # Half of the sessions are held by someone who clicks somewhere into an error.
        self._near = random if random.random() < 0.5 else None

    def go_on(self) -> None:
        """Click, and choose the crop."""
        height, width = self.sample.truth.shape
        whole = Box(0, 0, width, height)
        if self._fresh and not self._looked:
            self._click()
            self.part = whole
            self._looked = True
            return
        # After the first pass on the whole frame, the same click is seen once more in a smaller crop.
        close_up = self._fresh and self._looked
        self._fresh = False
        if not close_up and (self._looked or self.sample.box is None):
            self._click()
        self._looked = True
        box = None if self.present is None else self.present.hard_box
        if box is not None and self.clicks and not close_up and self.random.random() < _LOCAL:
            side = float(np.sqrt(box.area) * self.random.uniform(0.3, 0.9))
            self.part = local(self.clicks[-1], max(side, _LEAST_LOCAL), height, width)
            return
        enlarge = float(self.random.uniform(0.15, 0.5))
        self.part = zoomed(self.present, self.clicks, self.sample.box, height, width, enlarge)

    def _click(self) -> None:
        found = (
            np.zeros_like(self.sample.truth)
            if self.present is None
            else self.present.hard(*self.sample.truth.shape)
        )
        click = next_click(found, self.sample.truth, self.clicks, None, self._near)
        if click is not None:
            self.clicks.append(click)

    def maps(self, size: int) -> np.ndarray:
        """The guiding maps."""
        sample = self.sample
        return guiding_maps(
            self.present, self.clicks, sample.box, self.part, size, sample.others, sample.flow
        )

    def trusted_view(self, size: int) -> tuple[Frame, np.ndarray]:
        """The patch of the trusted frame, (size, size, 3) uint8, and its guiding maps."""
        assert self.sample.trusted is not None
        frame, mask = self.sample.trusted
        return trusted_patch(frame, SoftMask.from_dense(mask), size)

    def truth(self, size: int) -> np.ndarray:
        """(size, size, 1) float32, the truth in the patch."""
        return crop(self.sample.truth.astype(np.float32), self.part, size)[..., None]

    def taken(self, found: np.ndarray) -> np.ndarray:
        """What counts more: in a correction, where the click changes the mask and where it should.

        Args:
            found: (size, size) bool, what the network makes of the patch.

        Returns:
            (size, size, 1) float32, 0 or 1.
        """
        size = len(found)
        counts = np.zeros((size, size, 1), np.float32)
        if not self._corrects or self.present is None or not self.clicks:
            return counts
        maps = self.maps(size)
        truth = self.truth(size)[..., 0] > 0.5
        before = maps[..., 0] > 0.5
        click = self.clicks[-1]
        x = int((click.x + 0.5 - self.part.x0) * size / self.part.width)
        y = int((click.y + 0.5 - self.part.y0) * size / self.part.height)
        if not (0 <= x < size and 0 <= y < size):
            return counts
        for differs in (found != before, truth != before):
            if differs[y, x]:
                _, pieces = cv2.connectedComponents(differs.astype(np.uint8))
                counts[pieces == pieces[y, x]] = 1
        return counts

    def take(self, probability: np.ndarray) -> None:
        """What the network found becomes the mask that is there; a correction changes it at the click."""
        found = paste_into(self.present, self.part, paste(probability, self.part))
        if self._corrects and self.present is not None and self.present.area and self.clicks:
            found = changed_at(self.present, found, self.clicks)
        self.present = found


def initial(init: str | None) -> ClickNet:
    """The network with the weights of a file, or with those of the shipped N_mp."""
    model = ClickNet()
    weights = load_file(init) if init else from_propagation(shipped("propagation-lite"))
    model.load_state_dict(with_context(weights))
    return model


def parameter_groups(model: ClickNet, trunk: str) -> list[dict[str, Any]]:
    """What is trained: the trunk slower than the rest, if at all, its first layers never."""
    net = model.stream.trunk.get_submodule("net")
    assert isinstance(net, Lite0)
    freeze_norms(net)
    net.requires_grad_(False)
    for block in net.blocks[_FIXED_BLOCKS[trunk] :]:
        block.requires_grad_(True)
    freeze_norms(net)
    slow = [p for p in net.parameters() if p.requires_grad]
    held = {id(p) for p in net.parameters()}
    fast = [p for p in model.parameters() if id(p) not in held]
    groups: list[dict[str, Any]] = [{"params": fast, "scale": 1.0}]
    return [*groups, {"params": slow, "scale": 0.3}] if slow else groups


def train(args: Namespace) -> Path:
    """Train; returns the safetensors file it wrote."""
    schedule = Schedule(args.steps, args.rate, warmup=50, average=args.average, seed=args.seed)
    torch.manual_seed(args.seed)
    cv2.setNumThreads(1)
    model = initial(args.init).to(memory_format=torch.channels_last)
    float_depthwise(model)
    model.train()
    groups = parameter_groups(model, args.trunk)
    root = Path(args.data)
    stills = read_stills([root / "stills" / name for name in STILLS])
    names = [name for name in split(root / "davis2016", "train") if name not in args.leave_out]
    clips = read_clips(root / "davis2016", names, Path(args.cache))
    own = read_own(Path(args.own), clips) if args.own else {}
    maker = SampleMaker(stills, clips, own, args.corrections)

    def make(step: int) -> list[Sample]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([args.seed, step])
        return [maker.sample(rng, bool(rng.random() < args.stills)) for _ in range(args.batch)]

    describe = {
        name: getattr(args, name)
        for name in ("patch", "steps", "seed", "looks", "batch", "trunk", "init", "corrections", "leave_out")
    }
    trainer = Trainer(model, groups, schedule, Path(args.output), describe)
    data = batches(make, trainer.step, schedule.steps, args.workers)
    trainer.run(data, SessionLoss(args.patch, args.looks, args.seed, trainer.step))
    result = Path(args.output) / "clicks.safetensors"
    write_weights(trainer.averaged, result)
    return result


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train clicks`."""
    parser.add_argument("--data", required=True, help="folder with davis2016/ and stills/")
    parser.add_argument("--output", required=True, help="folder for the checkpoint, the log and the weights")
    parser.add_argument("--init", help="weights to begin with (default: those of the shipped N_mp)")
    parser.add_argument("--own", help="folder of masks that the engine made: */SEQUENCE/NNNNN.png")
    parser.add_argument("--cache", default="runs/cache/clips", help="folder for decoded frames and flow")
    parser.add_argument("--steps", type=int, default=2000, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument(
        "--average", type=float, default=0.995, help="of the average of the weights (default: %(default)s)"
    )
    parser.add_argument("--batch", type=int, default=6, help="samples a step (default: %(default)s)")
    parser.add_argument("--looks", type=int, default=3, help="looks at each (default: %(default)s)")
    parser.add_argument(
        "--stills", type=float, default=0.6, help="share of the samples (default: %(default)s)"
    )
    parser.add_argument(
        "--corrections",
        type=float,
        default=0.52,
        help="share of the samples that begin with a mask (default: %(default)s)",
    )
    parser.add_argument(
        "--leave-out", nargs="*", default=[], metavar="NAME", help="sequences to measure on, not trained on"
    )
    parser.add_argument(
        "--trunk",
        choices=sorted(_FIXED_BLOCKS),
        default="late",
        help="what is trained of the trunk (default: %(default)s)",
    )
    parser.add_argument(
        "--patch", type=int, default=PATCH, help="side of the patches in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that make samples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)


def run(args: Namespace) -> int:
    """The command `vsreid-studio train clicks`."""
    logger.info("wrote %s", train(args))
    return 0
