"""What is rebuilt in another way than torch has it: maps kept apart, and a single one enlarged."""

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vsreid_studio.engine.nets import compiled as compiled_module
from vsreid_studio.engine.nets import translation
from vsreid_studio.engine.nets.compiled import Compiled
from vsreid_studio.engine.nets.layers import compute_type, spatial, unit


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


def _squashed(x: Tensor) -> tuple[Tensor, ...]:
    return (x.sigmoid(), x + 1)


def _wrong(ops: Any, x: Any) -> Any:
    return ops.multiply(ops.sigmoid(x), translation._value(1.01))


def _no_number(ops: Any, x: Any) -> Any:
    return ops.divide(ops.subtract(x, x), ops.subtract(x, x))


def _failing(ops: Any, x: Any) -> Any:
    raise RuntimeError("no such operation in this version")


@pytest.mark.parametrize("operation", [_wrong, _no_number, _failing])
def test_what_openvino_gets_wrong_is_left_to_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, operation: Callable[..., Any]
) -> None:
    monkeypatch.setitem(translation._TRANSLATED, torch.ops.aten.sigmoid.default, operation)
    compiled = Compiled(_squashed, lanes=2, exact=True)
    with caplog.at_level(logging.WARNING):
        for lane in (0, 1, 0):
            x = torch.randn(1, 3, 8, 8)
            assert all(map(torch.equal, compiled(x, lane=lane), _squashed(x)))
    assert [record for record in caplog.records if "torch, which is slower" in record.message][1:] == []
    assert "torch, which is slower" in caplog.text


def test_a_sum_to_what_the_call_before_has_left_is_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Adding(compiled_module._Requests):
        left: Tensor | float = 0.0

        def __call__(self, inputs: Any, lane: int) -> tuple[Tensor, ...]:
            one, other = super().__call__(inputs, lane)
            one = one + self.left
            self.left = one
            return one, other

    monkeypatch.setattr(compiled_module, "_Requests", Adding)
    x = torch.randn(1, 3, 8, 8)
    assert all(map(torch.equal, Compiled(_squashed, exact=True)(x), _squashed(x)))
    assert "torch, which is slower" in caplog.text


def test_rounding_to_bfloat16_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    compiled = Compiled(_squashed)
    compiled(torch.randn(1, 3, 8, 8))
    assert not caplog.records


WIDE, NARROW = torch.full((8, 3, 1, 1), 1 / 3), torch.full((1, 8, 1, 1), 0.125)


def _almost_nothing(x: Tensor) -> tuple[Tensor, ...]:
    """What is left of two large values that cancel: rounding, but for a small share."""
    mean = functional.conv2d(functional.conv2d(x, WIDE), NARROW)
    return (functional.conv2d(x, WIDE[:1]) - mean * 0.998,)


@pytest.mark.skipif(
    compute_type(torch.device("cpu")) is torch.float32, reason="this processor computes in float32"
)
@pytest.mark.parametrize("shift, accepted", [(0.0, True), (1.0, False)])
def test_as_much_is_allowed_as_rounding_costs_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, shift: float, accepted: bool
) -> None:
    torch.manual_seed(0)
    x = 1 + torch.rand(1, 3, 8, 8)
    (wanted,) = _almost_nothing(x)
    # Errors of .3 of the norm are more than results of common size may have in bfloat16.
    error = (0.3 + shift) * wanted.norm() / wanted.numel() ** 0.5
    monkeypatch.setattr(Compiled, "_compiled", lambda *_: [])
    monkeypatch.setattr(compiled_module._Requests, "__call__", lambda *_: (wanted + error,))
    Compiled(_almost_nothing)(x)
    assert ("torch, which is slower" not in caplog.text) == accepted


def test_only_the_last_shapes_stay_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    whole = Compiled._compiled

    def counted(self: Compiled, inputs: Any) -> Any:
        nonlocal count
        count += 1
        return whole(self, inputs)

    monkeypatch.setattr(Compiled, "_compiled", counted)
    compiled = Compiled(_squashed, exact=True, shapes=2)
    for side in (8, 9, 8, 10, 8, 9):
        x = torch.randn(1, 3, side, side)
        torch.testing.assert_close(compiled(x)[0], x.sigmoid())
    assert count == 4


def test_no_statistics_are_sent() -> None:
    code = (
        "import sys; from vsreid_studio.engine.nets.compiled import openvino; openvino(); "
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
