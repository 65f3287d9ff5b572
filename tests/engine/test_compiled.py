"""What is rebuilt in another way than torch has it: maps kept apart, and a single one enlarged."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vsreid_studio.engine.nets.layers import spatial, unit
from vsreid_studio.engine.runtime.compiled import Compiled


def _folded(*parts: torch.nn.Module) -> list[torch.nn.Module]:
    """As the networks are compiled: without norms."""
    torch.manual_seed(0)
    found = [
        torch.nn.Sequential(*(one for one in part.modules() if not list(one.children()))) for part in parts
    ]
    for part in found:
        for one in part:
            if isinstance(one, torch.nn.BatchNorm2d):
                part[list(part).index(one)] = torch.nn.Identity()
    return [part.eval().requires_grad_(False) for part in found]


POINTWISE, AGAIN, SEPARABLE, FULL = _folded(
    unit(15, 8), unit(15, 8), spatial(18, 6, separable=True), unit(15, 4, 3)
)


def _joined_twice(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """Joined, taken pointwise, joined again with more, and taken by channels."""
    inner = POINTWISE(torch.cat([x, y, z], 1))
    return (SEPARABLE(torch.cat([inner, torch.cat([x, y], 1)], 1)), AGAIN(torch.cat([x, y, z], 1)))


def _joined_after_all(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """Full convolutions, arithmetic and results take what is joined as one."""
    joined = torch.cat([x, y, z], 1)
    return FULL(joined), joined.sigmoid(), joined


@pytest.mark.parametrize("function", [_joined_twice, _joined_after_all])
@pytest.mark.parametrize("side", [32, 64])
def test_joined_maps_are_what_they_are_in_torch(
    function: Callable[..., tuple[Tensor, ...]], side: int
) -> None:
    compiled = Compiled(function, exact=True)
    # Again and again: a sum that is written to where a part lies must not find what it left there.
    for _ in range(3):
        given = [torch.randn(1, channels, side, side) for channels in (3, 7, 5)]
        for found, wanted in zip(compiled(*given), function(*given), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (48, 33)])
def test_single_map_is_enlarged_as_in_torch(size: tuple[int, int]) -> None:
    def enlarged(x: Tensor) -> tuple[Tensor, ...]:
        return (functional.interpolate(x, size=size, mode="bilinear", align_corners=False),)

    x = torch.randn(1, 1, 16, 24)
    torch.testing.assert_close(Compiled(enlarged, exact=True)(x)[0], enlarged(x)[0], rtol=1e-5, atol=1e-5)
