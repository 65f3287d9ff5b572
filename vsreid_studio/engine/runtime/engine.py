"""The parts of the engine, put together for videos: one set of networks serves them all."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...config import AdaptConfig, Config, digest, plain
from ...errors import UserError
from ...reading import open_file
from ..algorithm.plan import Plan
from ..algorithm.propagate import corrected
from ..events import Progress
from ..extensions.memory import Memory
from ..extensions.temporal_smoothing import FULL_SIZE, Smoother, TemporalSmoothing
from ..extensions.verification import RepeatedRecovery
from ..flow import FlowField, FlowSource, careful_estimator, default_estimator, warp_mask
from ..nets.embedding import Embedder
from ..nets.inference import Inference
from ..nets.propagation import MaskPropagationNet
from ..parallel import prepare_process, side_by_side
from ..store.annotation import Annotation
from ..store.view import Cells
from ..types import Frame, SoftMask
from ..video import Video
from . import models
from .click_networks import NAME as CLICKS
from .clicker import Clicker
from .pipeline import Modules, Pipeline
from .propagation import PatchNetwork
from .reid import CandidateCache, ReidModule

if TYPE_CHECKING:
    from ..nets.detector import Detector


_BLOCK = 2**20
ADAPT_STEPS = 30
"""For each instance: some 30 seconds on two cores."""

AHEAD = 2
"""Steps for which flow is there before it is asked for, so that there is always one to be computed."""


class NetworkTrainer(Protocol):
    """Fine-tunes N_mp on one video, see `training.adaptation.adapt`."""

    def __call__(
        self,
        network: MaskPropagationNet,
        video: Video,
        annotation: Annotation,
        config: AdaptConfig,
        *,
        size: str,
    ) -> Generator[Progress, None, bytes]:
        """Train a network, in place, on the pinned masks of a video; returns the adapted tensors."""
        ...


class VideoEngine:
    """Makes the modules of Algorithm 3 for one video after another.

    Attributes:
        config: the settings of every run.
        device: a torch device.
        flow: computes flow.
        checksums: the sha256 of each file of weights, by the network's name.
    """

    def __init__(
        self, config: Config, weights: Path | None = None, trainer: NetworkTrainer | None = None
    ) -> None:
        """Choose device and flow; the networks are loaded by `load`, or when first needed.

        Args:
            weights: a file for N_mp instead of the shipped one.
            trainer: adapts N_mp to a video; None where nobody asks for it, see
                `training.adaptation.adapting_engine`.

        Raises:
            UserError: there is no such device, RAFT's weights are missing, or a file cannot be read.
        """
        prepare_process()
        self.config = config
        self.device = models.resolve_device(config.device)
        self.flow = default_estimator(config.flow, self.device.type)
        self.checksums = models.checksums(config)
        self._weights = weights
        self._trainer = trainer
        if weights is not None:
            self.checksums[f"propagation-{config.propagation.size}"] = _sha256(weights)

    def load(self) -> None:
        """Load the networks now, so that what is wrong with their files shows before anything is written.

        Raises:
            UserError: a file of weights is missing, damaged or does not fit.
        """
        _ = self._propagation
        if self.config.reid.enabled:
            _ = self._reid

    def modules(
        self,
        video: Video,
        flo_folder: Path | None = None,
        adapted: bytes | None = None,
        *,
        careful: bool = True,
    ) -> Modules:
        """All that a run on a video needs but for M_reid.

        Args:
            flo_folder: with ready flow, see `engine.flow.FlowSource`.
            adapted: what `adapt` made for this video.
            careful: False takes no longer over corrected instances than over others, whatever the settings.

        Raises:
            UserError: the weights do not serve, or `flo_folder` is no folder.
        """
        inference = self._propagation if adapted is None else self._inference(adapted)
        # No cache on disk: a headless run asks for each pair of frames next to once.
        usual = FlowSource(video, self.flow, flo_folder=flo_folder)
        settings = self.config.propagation
        settings = replace(settings, augment_corrected=settings.augment_corrected and careful)
        config = replace(self.config, propagation=settings)
        finer = careful_estimator(self.flow) if careful else None
        # Where nothing is finer they are one: it remembers its flow, and serves one thread at a time.
        finer_source = None if finer is None else FlowSource(video, finer, flo_folder=flo_folder)
        return assembled(config, video, inference, usual, finer_source)

    def adapt(self, video: Video, annotation: Annotation) -> Generator[Progress, None, bytes]:
        """Fine-tune N_mp on the pinned masks of a video; the engine's own network stays as it is.

        Where the settings do not adapt by themselves, it takes `ADAPT_STEPS`: somebody has asked for it.

        Yields:
            Progress before each step.

        Returns:
            what `modules` takes as `adapted`.

        Raises:
            UserError: the weights do not serve.
        """
        assert self._trainer is not None, "an engine that adapts is made by training.adaptation"
        config = self.config.adapt
        if not config.steps:
            config = replace(config, steps=ADAPT_STEPS)
        size = self.config.propagation.size
        network = models.load_propagation(size, self.device, self._weights, exact=True)
        return (yield from self._trainer(network, video, annotation, config, size=size))

    def reid(self, video: Video, store: CandidateCache) -> ReidModule | None:
        """M_reid for a video; None where the settings switch it off.

        Args:
            store: keeps candidates; of `candidates_key`.

        Raises:
            UserError: the weights do not serve.
        """
        if not self.config.reid.enabled:
            return None
        detector, embedder = self._reid
        return ReidModule(video, detector, embedder, store=store, parallel=self.device.type == "cpu")

    @cached_property
    def clicker(self) -> Clicker:
        """Makes masks of points, for all videos.

        Raises:
            UserError: the weights do not serve.
        """
        return Clicker(device=self.config.device)

    @property
    def clicks_checksum(self) -> str:
        """The checksum of the weights that `clicker` uses."""
        entry = models.entries().get(CLICKS)
        return "" if entry is None else entry.sha256

    @property
    def base(self) -> str:
        """The checksum of N_mp's weights: what an adaptation goes with."""
        return self.checksums.get(f"propagation-{self.config.propagation.size}", "")

    @property
    def candidates_key(self) -> str:
        """Names everything that candidates depend on beside the video."""
        used = {name: checksum for name, checksum in self.checksums.items() if "propagation" not in name}
        return digest([used, self.config.propagation.size, self.config.reid.boxes])

    @property
    def run_settings(self) -> dict[str, Any]:
        """All that the masks depend on beside video, first masks and weights, for a person to read."""
        return {
            "propagation": asdict(self.config.propagation),
            "adapt": asdict(self.config.adapt) if self.config.adapt.steps else {"steps": 0},
            "reid": asdict(self.config.reid) if self.config.reid.enabled else {"enabled": False},
            "flow": self.flow.name,
            "device": str(self.device),
        }

    @property
    def identity(self) -> dict[str, Any]:
        """Settings and weights under names that stay: what its checksum tells apart is computed again."""
        return self._identified(plain(self.config))

    @property
    def earlier_identity(self) -> dict[str, Any]:
        """The identity of what earlier versions made with their default values; it is not made again."""
        return self._identified(plain(self.config, earlier=True))

    def _identified(self, known: dict[str, Any]) -> dict[str, Any]:
        if not self.config.adapt.steps:
            known["adapt"] = {"steps": 0}
        if not self.config.reid.enabled:
            known["reid"] = {"enabled": False}
        return {**known, "flow": self.flow.name, "weights": self.checksums}

    @cached_property
    def _propagation(self) -> Inference:
        return self._inference()

    @cached_property
    def _reid(self) -> tuple[Detector, Embedder]:
        size = self.config.propagation.size
        detector = models.load_detector(size, self.config.reid.boxes, self.device)
        return detector, models.load_embedder(size, self.device)

    def _inference(self, adapted: bytes | None = None) -> Inference:
        size = self.config.propagation.size
        return models.load_inference(size, self.device, self._weights, adapted=adapted)


def assembled(
    config: Config, video: Video, inference: Inference, flow: FlowSource, finer: FlowSource | None = None
) -> Modules:
    """The modules of a video with all that the settings have in.

    Args:
        flow: computes F.
        finer: for what a person has corrected; None where nothing is finer.
    """
    settings = config.propagation
    careful = settings.augment_corrected
    motion = ScheduledMotion(video, flow, finer if careful else None)
    memory = Memory(video, inference.network, settings) if settings.read_memory else None
    smoother = Smoother(video, flow)
    smoothing = TemporalSmoothing(smoother, Smoother(video, finer or flow, FULL_SIZE) if careful else None)
    pipeline = Pipeline.studio(config, smoothing, memory)
    size = video.height, video.width
    network = PatchNetwork(motion, size, inference, settings, memory, motion.prefetch)
    module = pipeline.propagation(motion, network)
    rounds = settings.recovery_rounds
    propagation = module if rounds <= 1 else RepeatedRecovery(module, rounds)
    return Modules(pipeline, propagation, motion)


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with open_file(path) as file:
            while block := file.read(_BLOCK):
                found.update(block)
    except OSError as error:
        raise UserError(f"The weights {path} are missing or cannot be read.") from error
    return found.hexdigest()


class ScheduledMotion:
    """F and W on the frames of one video; knows what is asked for next.

    Attributes:
        video: of the frames.
    """

    def __init__(self, video: Video, usual: FlowSource, careful: FlowSource | None = None) -> None:
        """`careful`: finer flow, for what a person has corrected; None where all is carried by the same."""
        self.video = video
        self._usual = usual
        self._careful = careful
        self._last = usual
        self._steps: list[tuple[int, int]] = []
        self._places: dict[tuple[int, int], int] = {}
        self._next = 0

    def expect(self, plan: Plan) -> None:
        """Take note of the steps that will be taken, in the place of those known so far."""
        self._steps = [(step.source, step.target) for step in plan.steps]
        self._places = {step: n for n, step in enumerate(self._steps)}
        self._next = 0

    def frame(self, index: int) -> Frame:
        """I_i."""
        return self.video.frame(index)

    def flow(
        self, source: int, target: int, cells: Cells | None = None, instances: Sequence[int] = ()
    ) -> FlowField:
        """F(I_source, I_target), on the pixels of `source`: finer if one of the instances was corrected."""
        self._last = self._usual
        finer = self._careful
        if finer is not None and cells is not None and any(corrected(cells, k) for k in instances):
            self._last = finer
        # A map is warped from i to j by the flow from j to i.
        self._next = self._places.get((target, source), len(self._steps)) + 1
        return self._last.between(source, target)

    def warp(self, maps: Mapping[int, SoftMask], back: FlowField) -> dict[int, SoftMask]:
        """W, side by side."""
        carried = side_by_side(lambda mask: warp_mask(mask, back), maps.values())
        return dict(zip(maps, carried, strict=True))

    def prefetch(self) -> None:
        """Compute the flow of the next steps in the background."""
        for source, target in self._steps[self._next : self._next + AHEAD]:
            self._last.prepare(target, source)
