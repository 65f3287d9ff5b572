"""Networks on a CPU, compiled by OpenVINO: a single patch takes half the time or less that torch takes.

A function of tensors is traced once for the shapes that it is called with, and its operations are rebuilt one
by one. OpenVINO's own converter does that for any network, in ten seconds or more; this takes one, for those
that are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from .tensors import compute_type

Output: TypeAlias = Any
"""An output of an OpenVINO operation."""
aten = torch.ops.aten


class Compiled:
    """A function that takes and gives float32 tensors on the CPU."""

    def __init__(self, function: Callable[..., tuple[Tensor, ...]]) -> None:
        """`function`: of the operations in `_TRANSLATED` only; what it holds is a constant from now on."""
        self._function = function
        self._requests: dict[tuple[torch.Size, ...], Any] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the function gives; valid until the next call, which writes to the same place."""
        shapes = tuple(value.shape for value in inputs)
        request = self._requests.get(shapes)
        if request is None:
            request = self._requests[shapes] = _compile(self._function, inputs)
        arrays = [value.contiguous().numpy() for value in inputs]
        found = request.infer(arrays, share_inputs=True, share_outputs=True)
        return tuple(torch.from_numpy(found[number]) for number in range(len(found)))


def _compile(function: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]) -> Any:
    import openvino as ov  # noqa: PLC0415 (half a second, and only a CPU needs it)

    precision = "bf16" if compute_type(torch.device("cpu")) is torch.bfloat16 else "f32"
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    # In inference mode an operation may be traced as several others, and under autocast with casts.
    with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
        given = [torch.zeros(value.shape) for value in inputs]
        traced = make_fx(function)(*given)
    return ov.Core().compile_model(_rebuilt(traced), "CPU", settings).create_infer_request()


def _rebuilt(traced: fx.GraphModule) -> Any:
    """An OpenVINO model of a traced function."""
    import openvino as ov  # noqa: PLC0415
    from openvino import opset13 as ops  # noqa: PLC0415

    known: dict[fx.Node, Output] = {}
    parameters, results = [], []
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            parameters.append(ops.parameter(list(node.meta["val"].shape), np.float32))
            known[node] = parameters[-1].output(0)
        elif node.op == "get_attr":
            value: Tensor = getattr(traced, node.target)
            known[node] = ops.constant(value.detach().contiguous().numpy()).output(0)
        elif node.op == "output":
            results = [known[one] for one in node.args[0]]
        else:
            arguments = fx.map_arg(node.args, lambda one: known[one])
            known[node] = _TRANSLATED[node.target](ops, *arguments, **_told(node)).output(0)
    return ov.Model(results, parameters)


def _told(node: fx.Node) -> dict[str, list[int]]:
    """The shape of a result, for operations that need it."""
    return {"shape": list(node.meta["val"].shape)} if node.target in _SHAPED else {}


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


def _upsample(ops: Any, x: Output, *_: object, shape: list[int]) -> Any:
    sizes, axes = _ints(shape[-2:]), _ints([2, 3])
    return ops.interpolate(
        x, sizes, "linear_onnx", "sizes", coordinate_transformation_mode="half_pixel", axes=axes
    )


def _ints(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


_SHAPED = {aten.upsample_bilinear2d.default, aten.expand.default, aten.new_zeros.default}
_TRANSLATED: dict[Any, Callable[..., Any]] = {
    aten.convolution.default: _convolution,
    aten.constant_pad_nd.default: _pad,
    aten.upsample_bilinear2d.default: _upsample,
    aten.relu_.default: lambda ops, x: ops.relu(x),
    aten.hardtanh_.default: lambda ops, x, low, high: ops.clamp(x, low, high),
    aten.sigmoid.default: lambda ops, x: ops.sigmoid(x),
    # torch's order of the channels: those of a place lie together.
    aten.pixel_shuffle.default: lambda ops, x, side: ops.depth_to_space(x, "depth_first", side),
    aten.add.Tensor: lambda ops, x, y: ops.add(x, y),
    aten.cat.default: lambda ops, parts, axis: ops.concat(parts, axis),
    aten.mean.dim: lambda ops, x, axes, keep: ops.reduce_mean(x, _ints(axes), keep),
    aten.expand.default: lambda ops, x, _, shape: ops.broadcast(x, _ints(shape)),
    aten.new_zeros.default: lambda ops, x, _, shape, **__: ops.constant(np.zeros(shape, np.float32)),
}
