"""The parts of the engine, put together for videos: one set of networks serves them all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import Config
from ..engine import models
from ..engine.flow import FlowSource, default_estimator
from ..engine.nets.detector import Detector
from ..engine.nets.embedding import Embedder
from ..engine.nets.propagation import MaskPropagationNet
from ..engine.propagation import NetworkPropagation
from ..engine.reid import CandidateStore, ReidModule
from ..engine.video import Video
from ..errors import UserError

_BLOCK = 2**20


class Engine:
    """Makes the modules of Algorithm 3 for one video after another.

    Attributes:
        config: the settings of every run.
        device: a torch device.
        flow: computes flow.
        checksums: the sha256 of each file of weights, by the network's name.
    """

    def __init__(self, config: Config, weights: Path | None = None) -> None:
        """Choose device and flow; the networks are loaded by `load`, or when first needed.

        Args:
            weights: a file for N_mp instead of the shipped one.

        Raises:
            UserError: there is no such device, RAFT's weights are missing, or a file cannot be read.
        """
        self.config = config
        self.device = models.resolve_device(config.device)
        self.flow = default_estimator(config.flow, self.device.type)
        self.checksums = models.checksums(config)
        self._weights = weights
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

    def propagation(self, video: Video, flo_folder: Path | None = None) -> NetworkPropagation:
        """M_mp for a video.

        Args:
            flo_folder: with ready flow, see `engine.flow.FlowSource`.

        Raises:
            UserError: the weights do not serve, or `flo_folder` is no folder.
        """
        # No cache on disk: a headless run asks for each pair of frames next to once.
        flow = FlowSource(video, self.flow, flo_folder=flo_folder)
        return NetworkPropagation(video, flow, self._propagation, self.config.propagation)

    def reid(self, video: Video, store: CandidateStore) -> ReidModule | None:
        """M_reid for a video; None where the settings switch it off.

        Args:
            store: keeps candidates; of `candidates_key`.

        Raises:
            UserError: the weights do not serve.
        """
        if not self.config.reid.enabled:
            return None
        detector, embedder = self._reid
        return ReidModule(video, detector, embedder, store=store)

    @property
    def candidates_key(self) -> str:
        """Names everything that candidates depend on beside the video."""
        used = {name: checksum for name, checksum in self.checksums.items() if "propagation" not in name}
        return digest([used, self.config.propagation.size, self.config.reid.boxes])

    @property
    def settings(self) -> dict[str, Any]:
        """All that the masks depend on beside video and first masks, as plain data."""
        reid = self.config.reid
        return {
            "propagation": asdict(self.config.propagation),
            "reid": asdict(reid) if reid.enabled else {"enabled": False},
            "flow": self.flow.name,
            "weights": self.checksums,
        }

    @cached_property
    def _propagation(self) -> MaskPropagationNet:
        return models.load_propagation(self.config.propagation.size, self.device, self._weights)

    @cached_property
    def _reid(self) -> tuple[Detector, Embedder]:
        size = self.config.propagation.size
        detector = models.load_detector(size, self.config.reid.boxes, self.device)
        return detector, models.load_embedder(size, self.device)


def digest(value: Any) -> str:
    """The sha256 of plain data; equal data give equal ones."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
    except OSError as error:
        raise UserError(f"The weights {path} are missing or cannot be read.") from error
    return found.hexdigest()
