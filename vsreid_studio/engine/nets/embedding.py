"""N_reid, the 'Identification Net' of joint detection and identification (Xiao et al., 2017), in both sizes.

Features of a box, pooled and projected to a low-dimensional vector of length 1; the cosine of two is their
similarity. A network for persons is of the same kind with weights of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...errors import UserError
from ..types import Box, Frame
from .compiled import CompiledTrunk
from .layers import mixed_precision
from .lite0 import STRIDES, Lite0, fold_norms
from .patches import crop


class LitePool(nn.Module):
    """`Lite0` features of strides 16 and 32, averaged over the crop, each part scaled to length 1.

    Attributes:
        channels: of the result.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net: Lite0 | CompiledTrunk = Lite0()
        self.channels = STRIDES[16] + STRIDES[32]

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) RGB in [0, 255] to (N, channels) float32."""
        features = self.net((x - 127) / 128)
        parts = (features[stride].float().mean((2, 3)) for stride in (16, 32))
        return torch.cat([functional.normalize(part, dim=1) for part in parts], dim=1)


class ResNetPool(nn.Module):
    """ResNet-50 (He et al., 2016) up to its global average.

    Attributes:
        channels: of the result.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50  # noqa: PLC0415 (heavy, and only this size needs it)

        self.net = resnet50(weights=None)
        self.net.fc = nn.Identity()
        self.channels = 2048
        self.register_buffer("mean", torch.tensor([123.675, 116.28, 103.53])[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor([58.395, 57.12, 57.375])[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) RGB in [0, 255] to (N, channels) float32."""
        pooled: Tensor = self.net((x - self.mean) / self.spread)
        return pooled.float()


class Embedding(nn.Module):
    """N_reid: pooled features, a linear projection, length 1.

    Attributes:
        pool: from crops to pooled features.
        projection: from these to the embedding.
        size: side of the crops, in pixels.
        dimensions: of the embedding.
        low_precision: compute the features in bfloat16 where the device does.
    """

    def __init__(self, pool: LitePool | ResNetPool, dimensions: int, size: int) -> None:
        super().__init__()
        self.pool = pool
        self.projection = nn.Linear(pool.channels, dimensions)
        self.size = size
        self.dimensions = dimensions
        self.low_precision = True

    def pooled(self, crops: Tensor) -> Tensor:
        """(N, 3, size, size) RGB in [0, 255], of any dtype, to (N, channels) float32."""
        x = crops.float().contiguous(memory_format=torch.channels_last)
        with mixed_precision(x.device, self.low_precision):
            features: Tensor = self.pool(x)
        return features

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, size, size) RGB in [0, 255], of any dtype, to (N, dimensions) float32 of length 1."""
        return functional.normalize(self.projection(self.pooled(crops)), dim=1)


def lite_embedding() -> Embedding:
    """The network for CPUs: 128 dimensions from crops of 128 pixels; weights at random."""
    return Embedding(LitePool(), 128, 128)


def paper_embedding() -> Embedding:
    """The network for GPUs: 256 dimensions from crops of 224 pixels; weights at random."""
    return Embedding(ResNetPool(), 256, 224)


SIZES = {"lite": lite_embedding, "paper": paper_embedding}


def crop_box(frame: Frame, box: Box, size: int) -> NDArray[np.uint8]:
    """What N_reid sees of a box: (size, size, 3) uint8.

    The box is stretched to a square and not enlarged: with surroundings, or cropped so as to keep the aspect,
    boxes beside the object resemble it more (measured on DAVIS train).

    Raises:
        ValueError: the box lies outside the frame or is empty.
    """
    part = box.clip(*frame.shape[:2])
    if not part.area:
        raise ValueError(f"{box} covers nothing of a frame of {frame.shape[1]} x {frame.shape[0]} pixels")
    return crop(frame, part, size).astype(np.uint8, copy=False)


class Embedder:
    """N_reid, ready to run.

    Attributes:
        dimensions: of an embedding.
    """

    def __init__(self, network: Embedding, device: torch.device | str = "cpu", batch: int = 32) -> None:
        self.dimensions = network.dimensions
        self._device = torch.device(device)
        self._network = network.to(self._device).to(memory_format=torch.channels_last).eval()
        self._batch = batch

    def embed(self, frame: Frame, boxes: NDArray[np.int32]) -> NDArray[np.float32]:
        """Embed boxes of one frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            boxes: (n, 4) int32, x0 y0 x1 y1 in pixels, half open.

        Returns:
            (n, dimensions) float32 rows of length 1.
        """
        parts = [Box(*(int(v) for v in box)) for box in boxes]
        return self.embed_parts([(frame, part) for part in parts])

    @torch.inference_mode()
    def embed_parts(self, parts: Sequence[tuple[Frame, Box]]) -> NDArray[np.float32]:
        """Embed boxes of several frames, batched across frames.

        Args:
            parts: frames, (H, W, 3) uint8 RGB, each with a box that shares pixels with it.

        Returns:
            (n, dimensions) float32 rows of length 1.
        """
        rows = [np.zeros((0, self.dimensions), np.float32)]
        for start in range(0, len(parts), self._batch):
            batch = parts[start : start + self._batch]
            crops = np.stack([crop_box(frame, box, self._network.size) for frame, box in batch])
            patches = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
            rows.append(self._network(patches).cpu().numpy())
        return np.concatenate(rows)


def embedder(size: str, state: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Embedder:
    """N_reid with trained weights.

    Args:
        size: 'lite' or 'paper'.

    Raises:
        UserError: weights are missing, left over or of another shape.
    """
    network = SIZES[size]()
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise UserError(f"These are not the weights of the embedding of size '{size}': {error}") from error
    if isinstance(network.pool, LitePool):
        fold_norms(network.pool)
        if torch.device(device).type == "cpu":
            network.pool.net = CompiledTrunk(network.pool.net, (16, 32), batch=5)
    return Embedder(network, device)
