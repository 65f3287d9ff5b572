"""`Lite0` compiled for the CPU, in the place of the module itself."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..nets.compiled import Compiled
from ..parallel import Lanes


class CompiledTrunk(nn.Module):
    """Gives some of what a `Lite0` gives.

    Of a size of its own for each batch it would have to be compiled anew, so batches are cut and filled up.
    """

    def __init__(
        self, net: nn.Module, strides: Iterable[int], batch: int, callers: int | None = None
    ) -> None:
        """Take a network whose weights do not change any more.

        Args:
            net: a `Lite0` on the CPU, its norms folded.
            strides: of the features that are wanted.
            batch: pictures that are computed together.
            callers: how many there are at a time; None for as many as pay.
        """
        super().__init__()
        self._strides = tuple(strides)
        self._batch = batch
        self._lanes = Lanes(callers)
        self._features = Compiled(
            lambda x: tuple(net(x)[stride] for stride in self._strides), self._lanes.count
        )

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """Features by stride of (N, 3, H, W) float32, as `Lite0` has them."""
        parts: list[list[Tensor]] = []
        with self._lanes.one() as lane:
            for part in torch.split(x, self._batch):
                lacking = self._batch - len(part)
                whole = functional.pad(part, (0, 0, 0, 0, 0, 0, 0, lacking)) if lacking else part
                # Copied: the next part is written to the same place.
                parts.append([found[: len(part)].clone() for found in self._features(whole, lane=lane)])
        columns = zip(*parts, strict=True)
        return {stride: torch.cat(column) for stride, column in zip(self._strides, columns, strict=True)}
