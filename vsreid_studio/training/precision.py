"""Which layers train in bfloat16 on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..engine.nets.lite0 import SameConv


def float_depthwise(module: nn.Module) -> None:
    """Let the 5 x 5 depthwise convolutions below `module` compute in float32 under autocast, in place.

    These are layers of `Lite0`. Their bfloat16 gradients are slow: 228 ms against 30 ms for one of them
    (672 channels, stride 2, 40 x 56, batch 4, torch 2.14). All else is faster in bfloat16. So mixed, a step
    takes two thirds of its time in float32 and half of its time in bfloat16. Parameters and names stay.
    """
    for layer in module.modules():
        if isinstance(layer, SameConv) and layer.groups > 1 and layer.kernel_size[0] == 5:
            layer.forward = _in_float32(layer)  # type: ignore[method-assign, assignment]


def _in_float32(layer: SameConv) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return SameConv.forward(layer, x.float())

    return forward
