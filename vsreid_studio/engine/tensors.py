"""From numpy pictures and maps to what the networks take."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def picture_tensor(patches: NDArray[np.generic], like: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 RGB to (N, 3, S, S), about -1 to 1, on the device and of the type of `like`."""
    values = torch.from_numpy(np.ascontiguousarray(patches)).to(like.device).permute(0, 3, 1, 2)
    return ((values.float() - 127) / 128).to(like.dtype).contiguous(memory_format=torch.channels_last)


def map_tensor(maps: NDArray[np.generic], like: Tensor) -> Tensor:
    """(N, S, S, C) floats to (N, C, S, S), on the device and of the type of `like`."""
    values = torch.from_numpy(np.ascontiguousarray(maps, np.float32)).permute(0, 3, 1, 2)
    return values.to(like.device, like.dtype).contiguous(memory_format=torch.channels_last)
