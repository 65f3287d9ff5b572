"""Operations of torch in those of OpenVINO: those of which the lite networks are built.

Sizes are known when a function is traced, so they are constants here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

Output: TypeAlias = Any
"""An output of an OpenVINO operation."""
aten = torch.ops.aten
_LARGE = 64
"""Maps of this width and more are kept apart, see `UnjoinedMaps`; to join smaller ones takes no time."""


@dataclass(frozen=True)
class UnjoinedMaps:
    """Large maps whose channels torch joins, left side by side.

    OpenVINO would write all of them again, in another order than that in which it convolves. A convolution of
    each channel by itself can be taken part by part, and a pointwise one is the sum of those of the parts.
    """

    parts: tuple[Output, ...]


def translated(node: fx.Node, arguments: Sequence[Any]) -> Output | UnjoinedMaps:
    """The output of what an operation is in OpenVINO.

    Args:
        node: calls the operation; its value is known.
        arguments: of the call, the tensors among them outputs already, or `UnjoinedMaps`.

    Raises:
        KeyError: for an operation that is not among those below.
    """
    from openvino import opset13 as ops  # noqa: PLC0415 (half a second, and only a CPU needs it)

    found = _part_by_part(ops, node, arguments)
    if found is not None:
        return found
    operation = _TRANSLATED[node.target]
    given = [joined(argument) for argument in arguments]
    if node.target in _SHAPED:
        return operation(ops, *given, shape=list(node.meta["val"].shape)).output(0)
    return operation(ops, *given).output(0)


def joined(value: Any) -> Any:
    """An argument or a value of `translated`, with all `UnjoinedMaps` in it concatenated."""
    from openvino import opset13 as ops  # noqa: PLC0415

    if isinstance(value, UnjoinedMaps):
        return ops.concat(value.parts, 1).output(0)
    return [joined(one) for one in value] if isinstance(value, list) else value


def _part_by_part(ops: Any, node: fx.Node, arguments: Sequence[Any]) -> Output | UnjoinedMaps | None:
    """What an operation is on maps that are kept apart; None where they are to be joined, or not large."""
    first, *others = arguments
    if node.target is aten.cat.default:
        *_, breadth = shape = node.meta["val"].shape
        if len(shape) != 4 or breadth < _LARGE or others != [1]:
            return None
        return UnjoinedMaps(
            tuple(chain.from_iterable(it.parts if isinstance(it, UnjoinedMaps) else (it,) for it in first))
        )
    if isinstance(first, UnjoinedMaps) and node.target is aten.relu_.default:
        return UnjoinedMaps(tuple(ops.relu(part).output(0) for part in first.parts))
    if isinstance(first, UnjoinedMaps) and node.target is aten.convolution.default:
        return _convolution_of_parts(ops, first.parts, *others)
    return None


def _convolution_of_parts(
    ops: Any, parts: Sequence[Output], weight: Output, bias: Output | None, *how: Any
) -> Output | UnjoinedMaps | None:
    """None where it is neither of each channel by itself nor pointwise."""
    *measures, groups = how
    counts = [part.get_shape()[1] for part in parts]
    outer, _, *kernel = weight.get_shape()
    if groups == sum(counts) == outer:
        weights = _split(ops, weight, 0, counts)
        biases = [None] * len(counts) if bias is None else _split(ops, bias, 0, counts)
        each = zip(parts, weights, biases, counts, strict=True)
        found = (_convolution(*(ops, x, w, b, *measures, count)) for x, w, b, count in each)
        return UnjoinedMaps(tuple(part.output(0) for part in found))
    if groups != 1 or kernel != [1, 1]:
        return None
    (x, w), *more = zip(parts, _split(ops, weight, 1, counts), strict=True)
    total = _convolution(ops, x, w, bias, *how)
    for x, w in more:
        # In this order: the other way round, OpenVINO 2026.4 adds to what the call before has left there.
        total = ops.add(total, _convolution(ops, x, w, None, *how))
    return total.output(0)


def _split(ops: Any, constant: Output, axis: int, counts: list[int]) -> list[Output]:
    return ops.variadic_split(constant, np.int64(axis), _ints(counts)).outputs()


def _convolution(
    ops: Any,
    x: Output,
    weight: Output,
    bias: Output | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    _: list[int],
    groups: int,
) -> Any:
    assert not transposed
    if groups == 1:
        found = ops.convolution(x, weight, stride, padding, padding, dilation)
    else:
        outer, inner, *kernel = weight.get_shape()
        grouped = ops.reshape(weight, _ints([groups, outer // groups, inner, *kernel]), False)
        found = ops.group_convolution(x, grouped, stride, padding, padding, dilation)
    if bias is None:
        return found
    return ops.add(found, ops.reshape(bias, _ints([1, -1, 1, 1]), False))


def _pad(ops: Any, x: Output, pads: list[int], value: float) -> Any:
    before, after = ([0] * (4 - len(pads) // 2) + pads[start::2][::-1] for start in (0, 1))
    return ops.pad(x, _ints(before), _ints(after), "constant", np.float32(value))


def _upsample(ops: Any, x: Output, *__: object, shape: list[int]) -> Any:
    _, channels, *small = x.get_shape()
    if channels == 1:
        # Of a single map a quarter of the time.
        rows, columns = (ops.constant(_enlarging(*sides)) for sides in zip(small, shape[-2:], strict=True))
        return ops.matmul(ops.matmul(rows, x, False, False), columns, False, True)
    sizes, axes = _ints(shape[-2:]), _ints([2, 3])
    return ops.interpolate(
        x, sizes, "linear_onnx", "sizes", coordinate_transformation_mode="half_pixel", axes=axes
    )


def _enlarging(small: int, large: int) -> NDArray[np.float32]:
    """(large, small) weights: of what lies in a row of `small`, in one of `large` bilinear samples."""
    eye = torch.eye(small)[:, None]
    sampled = torch.nn.functional.interpolate(eye, size=large, mode="linear", align_corners=False)
    found: NDArray[np.float32] = sampled[:, 0].T.contiguous().numpy()
    return found


def _value(value: Output | float) -> Output:
    return np.float32(value) if isinstance(value, float | int) else value


def _ints(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _nearest(ops: Any, x: Output, *_: object, shape: list[int]) -> Any:
    sizes, axes = _ints(shape[-2:]), _ints([2, 3])
    return ops.interpolate(
        x,
        sizes,
        "nearest",
        "sizes",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=axes,
    )


def _averages(ops: Any, x: Output, size: list[int]) -> Any:
    height, width = list(x.get_shape())[-2:]
    side = [height // size[0], width // size[1]]
    assert [height, width] == [side[0] * size[0], side[1] * size[1]], "maps shrink by whole numbers only"
    return ops.avg_pool(x, side, [0, 0], [0, 0], side, False)


def _logit(ops: Any, x: Output, doubt: float) -> Any:
    x = ops.clamp(x, doubt, 1 - doubt)
    return ops.log(ops.divide(x, ops.subtract(np.float32(1), x)))


def _stack(ops: Any, parts: Sequence[Output], axis: int = 0) -> Any:
    return ops.concat([ops.unsqueeze(part, _ints([axis])) for part in parts], axis)


def _compared(name: str) -> Callable[..., Any]:
    """A comparison with a number, as 0.0 and 1.0."""
    return lambda ops, x, y: ops.convert(getattr(ops, name)(x, _value(y)), "f32")


_SHAPED = {
    aten.upsample_bilinear2d.default,
    aten.upsample_nearest2d.default,
    aten.expand.default,
    aten.new_zeros.default,
    aten.view.default,
}
_TRANSLATED: dict[Any, Callable[..., Any]] = {
    # What the networks are made of.
    aten.convolution.default: _convolution,
    aten.constant_pad_nd.default: _pad,
    aten.upsample_bilinear2d.default: _upsample,
    aten.upsample_nearest2d.default: _nearest,
    aten._adaptive_avg_pool2d.default: _averages,
    aten.relu_.default: lambda ops, x: ops.relu(x),
    aten.hardtanh_.default: lambda ops, x, low, high: ops.clamp(x, low, high),
    aten.sigmoid.default: lambda ops, x: ops.sigmoid(x),
    # torch's order of the channels: those of a place lie together.
    aten.pixel_shuffle.default: lambda ops, x, side: ops.depth_to_space(x, "depth_first", side),
    aten._softmax.default: lambda ops, x, axis, _: ops.softmax(x, axis),
    aten.mm.default: lambda ops, x, y: ops.matmul(x, y, False, False),
    aten.addmm.default: lambda ops, bias, x, y: ops.add(ops.matmul(x, y, False, False), bias),
    aten.linalg_vector_norm.default: lambda ops, x, _, axes, keep: ops.reduce_l2(x, _ints(axes), keep),
    # Arithmetic.
    aten.add.Tensor: lambda ops, x, y: ops.add(x, _value(y)),
    aten.sub.Tensor: lambda ops, x, y: ops.subtract(x, _value(y)),
    aten.rsub.Scalar: lambda ops, x, y: ops.subtract(_value(y), x),
    aten.mul.Tensor: lambda ops, x, y: ops.multiply(x, _value(y)),
    aten.div.Tensor: lambda ops, x, y: ops.divide(x, _value(y)),
    aten.logit.default: _logit,
    aten.exp.default: lambda ops, x: ops.exp(x),
    aten.abs.default: lambda ops, x: ops.abs(x),
    aten.sqrt.default: lambda ops, x: ops.sqrt(x),
    aten.maximum.default: lambda ops, x, y: ops.maximum(x, y),
    aten.minimum.default: lambda ops, x, y: ops.minimum(x, y),
    aten.clamp_min.default: lambda ops, x, least: ops.maximum(x, _value(least)),
    aten.clamp_max.default: lambda ops, x, most: ops.minimum(x, _value(most)),
    aten.gt.Scalar: _compared("greater"),
    aten.ge.Scalar: _compared("greater_equal"),
    aten.lt.Scalar: _compared("less"),
    aten.mean.dim: lambda ops, x, axes, keep=False: ops.reduce_mean(x, _ints(axes), keep),
    aten.sum.dim_IntList: lambda ops, x, axes, keep=False: ops.reduce_sum(x, _ints(axes), keep),
    aten.amax.default: lambda ops, x, axes, keep=False: ops.reduce_max(x, _ints(axes), keep),
    # Where the numbers lie.
    aten.alias.default: lambda ops, x: ops.convert(x, "f32"),
    aten._to_copy.default: lambda ops, x: ops.convert(x, "f32"),
    aten.cat.default: lambda ops, parts, axis=0: ops.concat(parts, axis),
    aten.stack.default: _stack,
    aten.view.default: lambda ops, x, _, shape: ops.reshape(x, _ints(shape), False),
    aten.unsqueeze.default: lambda ops, x, axis: ops.unsqueeze(x, _ints([axis])),
    aten.permute.default: lambda ops, x, order: ops.transpose(x, _ints(order)),
    aten.t.default: lambda ops, x: ops.transpose(x, _ints([1, 0])),
    aten.select.int: lambda ops, x, axis, at: ops.gather(x, np.int64(at), np.int64(axis)),
    aten.slice.Tensor: lambda ops, x, axis, start, stop: ops.slice(
        x, _ints([start]), _ints([stop]), _ints([1]), _ints([axis])
    ),
    aten.expand.default: lambda ops, x, _, shape: ops.broadcast(x, _ints(shape)),
    aten.new_zeros.default: lambda ops, x, _, shape, **__: ops.constant(np.zeros(shape, np.float32)),
}
