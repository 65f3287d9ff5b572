"""From numpy pictures and maps to what the networks take."""

from __future__ import annotations

from functools import lru_cache

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


@lru_cache
def compute_type(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = (
        torch.ops.mkldnn._is_mkldnn_bf16_supported() and "AVX512" in torch.backends.cpu.get_cpu_capability()
    )
    return torch.bfloat16 if fast else torch.float32


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Autocast to bfloat16, where `device` computes in it; elsewhere it would be many times slower."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled and compute_type(device) is torch.bfloat16
    )
