"""What computes flow: DIS on a CPU, RAFT on a GPU."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

import cv2
import numpy as np

from ...errors import UserError
from ..types import Flow, Frame

if TYPE_CHECKING:
    import torch


class FlowEstimator(Protocol):
    """F of the paper; any thread may call it.

    Attributes:
        name: of the method and its weights, fit for a folder's name.
        short_side: of the frames it wants at most, in pixels: larger ones cost much and gain little.
    """

    name: str
    short_side: int

    def __call__(self, source: Frame, target: Frame) -> Flow:
        """How far each pixel of `source` moves to in `target`.

        Args:
            source, target: (H, W, 3) uint8 RGB.

        Returns:
            (H, W, 2) float32, (dx, dy) in pixels of these frames.
        """
        ...


class DisFlow:
    """Dense inverse search (OpenCV, MEDIUM preset, but a single variational refinement instead of five).

    A true mask of the ten DAVIS sequences of val-visible, warped by one frame, has a mean J of .882
    with the preset at a short side of 288, .887 with less refinement (it smooths across outlines), .896 at
    384 and .900 at 480, in 11, 8, 14 and 22 ms. From 384 to 480 whole runs gain nothing.

    The OpenCV object keeps its buffers, so one caller is served at a time: sources of flow share an
    estimator, and each has a thread that may still be at work for a run that has ended.
    """

    # Names stored flow, too, so it changes with whatever the flow depends on.
    name = "dis-384-1"
    short_side = 384
    _REFINEMENTS = 1
    _FINEST = 1
    _STRIDE = 3
    _LEAST = 32

    def __init__(self) -> None:
        # Any: OpenCV's annotations do not know that the flow to begin with may be None.
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._dis.setVariationalRefinementIterations(self._REFINEMENTS)
        self._dis.setFinestScale(self._FINEST)
        self._dis.setPatchStride(self._STRIDE)
        self._lock = Lock()

    def __call__(self, source: Frame, target: Frame) -> Flow:
        """See `FlowEstimator`."""
        height, width = source.shape[:2]
        # OpenCV refuses frames that are smaller than its patches on the coarsest scale.
        below, right = max(0, self._LEAST - height), max(0, self._LEAST - width)
        first, second = (
            cv2.copyMakeBorder(
                cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), 0, below, 0, right, cv2.BORDER_REPLICATE
            )
            for frame in (source, target)
        )
        # No flow to begin with: the result must not depend on the pair before.
        with self._lock:
            flow = np.asarray(self._dis.calc(first, second, None), np.float32)
        return flow if flow.shape[:2] == (height, width) else np.ascontiguousarray(flow[:height, :width])


class FineDisFlow(DisFlow):
    """Searches down to single pixels, with patches closer to one another, in seven times the time.

    On the five sequences of val-visible with the most to correct, a true mask warped by one frame has a
    mean J of .857 with it and of .839 without, in some 160 and 23 ms of one core.
    """

    name = "dis-384-1-fine"
    _FINEST = 0
    _STRIDE = 2


class RaftFlow:
    """RAFT of torchvision, the large or the small one as the weights are.

    Attributes:
        name: 'raft-large' or 'raft-small'.
    """

    short_side = 480
    _STRIDE = 8
    _LEAST = 128
    """Pixels a side: the fourth level of RAFT's correlation pyramid needs them."""

    def __init__(self, weights_file: Path | None = None, device: str = "cpu") -> None:
        """Load the network.

        Args:
            weights_file: a state dict as torchvision publishes it; None looks into torch hub's cache.
                Nothing is ever downloaded.
            device: a torch device.

        Raises:
            UserError: there are no weights, or they are not RAFT's.
        """
        import torch  # noqa: PLC0415  (seconds that a run with DIS need not spend)

        file = weights_file or hub_weights()
        if file is None or not file.is_file():
            raise UserError(
                f"The weights of RAFT are not at {file or 'their place in the cache of torch hub'}:"
                " put them there, or use DIS flow."
            )
        self._device = torch.device(device)
        self._network, self.name = _load_raft(file)
        self._network.eval().to(self._device)

    def __call__(self, source: Frame, target: Frame) -> Flow:
        """See `FlowEstimator`."""
        import torch  # noqa: PLC0415

        with torch.inference_mode():
            flow = self._network(self._input(source), self._input(target))[-1][0]
        height, width = source.shape[:2]
        return np.ascontiguousarray(flow[:, :height, :width].permute(1, 2, 0).float().cpu().numpy())

    def _input(self, frame: Frame) -> torch.Tensor:
        """(1, 3, h, w) float32 in [-1, 1], padded at the right and bottom to what the network takes."""
        import torch  # noqa: PLC0415

        below, right = (max(self._LEAST, side + -side % self._STRIDE) - side for side in frame.shape[:2])
        padded = cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE)
        pixels = torch.from_numpy(padded).to(self._device).permute(2, 0, 1)[None]
        return pixels.float() / 127.5 - 1


def hub_weights() -> Path | None:
    """Where torch hub's cache has weights of RAFT, the large one first; None when it has none."""
    from torch import hub  # noqa: PLC0415
    from torchvision.models.optical_flow import (  # noqa: PLC0415
        Raft_Large_Weights,
        Raft_Small_Weights,
    )

    folder = Path(hub.get_dir()) / "checkpoints"
    urls = [Raft_Large_Weights.DEFAULT.url, Raft_Small_Weights.DEFAULT.url]
    files = (folder / str(url).rsplit("/", 1)[-1] for url in urls)
    return next((file for file in files if file.is_file()), None)


def _load_raft(file: Path) -> tuple[torch.nn.Module, str]:
    import torch  # noqa: PLC0415
    from torchvision.models.optical_flow import raft_large, raft_small  # noqa: PLC0415

    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        # The first layer of the small network has half as many channels.
        small = len(state["feature_encoder.convnormrelu.0.weight"]) == 32
        network: torch.nn.Module = (raft_small if small else raft_large)(weights=None)
        network.load_state_dict(state)
    except Exception as error:  # torch.load raises nearly anything on a file that is not its own
        raise UserError(f"The file {file} holds no weights of RAFT, or is damaged.") from error
    return network, "raft-small" if small else "raft-large"


def default_estimator(choice: Literal["auto", "dis", "raft"], device: str) -> FlowEstimator:
    """The estimator for a setting.

    Args:
        choice: 'auto' takes RAFT on a GPU when torch hub's cache has its weights, else DIS.
        device: a torch device, such as 'cpu' or 'cuda'.

    Raises:
        UserError: RAFT is asked for and its weights are missing.
    """
    if choice == "raft":
        return RaftFlow(None, device)
    if choice == "auto" and device.startswith("cuda") and hub_weights() is not None:
        return RaftFlow(None, device)
    return DisFlow()


def careful_estimator(usual: FlowEstimator) -> FlowEstimator | None:
    """What computes flow where every outline counts; None where nothing is finer than the usual one."""
    return FineDisFlow() if isinstance(usual, DisFlow) else None
