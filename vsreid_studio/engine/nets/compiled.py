"""Networks on a CPU, compiled by OpenVINO: a single patch takes half the time or less that torch takes.

A function of tensors is traced once for the shapes that it is called with, and its operations are rebuilt one
by one. OpenVINO's own converter does that for any network, in ten seconds or more; this takes one, for those
that are here. What comes of it is compared with torch before it is used, as another version of OpenVINO may
compute something else, and where the two differ torch goes on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from cachetools import LRUCache
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from ..parallel import Lanes
from ..types.stepwise import no_collection
from .layers import compute_type
from .translation import joined, translated

_LAST, _FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""Axes in the order that brings the channels of (N, C, H, W) to the end, and back."""
log = logging.getLogger(__name__)

Function: TypeAlias = Callable[..., tuple[Tensor, ...]]
_TRIALS = 2
"""Calls that are compared with torch: from the second on, what the one before has left may do harm."""
_ROUNDING = {"f32": 1e-3, "bf16": 0.2}
"""The most by which results may differ from torch's in float32: a norm, as a share of theirs."""
_MARGIN, _MOST = 2, 0.9
"""How many times torch's own error in bfloat16 is allowed where that is more, and the most that ever is."""
_TRACING = Lock()
"""torch traces one function at a time."""


def openvino() -> Any:
    """OpenVINO, without its telemetry: importing it would send usage statistics to a server.

    Its package for that counts as missing in this process, for which OpenVINO has a stand-in.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino as module  # noqa: PLC0415 (half a second, and only a CPU needs it)

    return module


class Compiled:
    """A function that takes and gives float32 tensors on the CPU.

    Tensors of four axes go in and come out in torch's memory format `channels_last`, in which the processor
    computes: another one takes a quarter of the time to be brought there and back.
    """

    def __init__(self, function: Function, lanes: int = 1, exact: bool = False, shapes: int = 6) -> None:
        """Take a function; nothing is compiled yet.

        Args:
            function: of the operations in `translation` only; what it holds is a constant from now on.
            lanes: how many callers there are at a time; they share the threads.
            exact: compute in float32, whatever the processor prefers.
            shapes: how many of the last shapes of inputs stay compiled; each takes up to 100 MB a lane.
        """
        self._function = function
        self._lanes = lanes
        self._precision = "f32" if exact or compute_type(torch.device("cpu")) is torch.float32 else "bf16"
        self._models: LRUCache[tuple[torch.Size, ...], _Model] = LRUCache(shapes)
        self._lock = Lock()

    def __call__(self, *inputs: Tensor, lane: int = 0) -> tuple[Tensor, ...]:
        """What the function gives; valid until the next call in the lane, which writes to the same place."""
        shapes = tuple(value.shape for value in inputs)
        model = self._known(shapes)
        if model is None:
            with _TRACING:
                model = self._known(shapes) or self._checked(inputs)
                with self._lock:
                    self._models[shapes] = model
        return model(inputs, lane)

    def _known(self, shapes: tuple[torch.Size, ...]) -> _Model | None:
        with self._lock:
            return self._models.get(shapes)

    def _checked(self, inputs: Sequence[Tensor]) -> _Model:
        """Compiled, or in torch where that gives something else."""
        plain = _InTorch(self._function)
        try:
            model = _Requests(self._compiled(inputs))
            wanted = plain(inputs, 0)
            off = max(
                _difference(model(inputs, lane), wanted)
                for lane in range(self._lanes)
                for _ in range(_TRIALS)
            )
        except RuntimeError as error:
            log.warning("OpenVINO fails: going on with torch, which is slower (%s)", error)
            return plain
        # Not the other way round: what is no number is off, too.
        if off <= _ROUNDING[self._precision] or off <= self._rounded(inputs, wanted):
            return model
        log.warning("OpenVINO's results are off by %.1e: going on with torch, which is slower", off)
        return plain

    def _rounded(self, inputs: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
        """What may be off because of bfloat16: a map of next to nothing is mostly rounding in torch, too."""
        if self._precision != "bf16":
            return 0.0
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            off = _difference([value.float() for value in self._function(*inputs)], wanted)
        return min(_MOST, _MARGIN * off)

    def _compiled(self, inputs: Sequence[Tensor]) -> list[Any]:
        """A request for each lane; streams of one compiled network take a tenth longer.

        They would save some 30 MB.
        """
        ov = openvino()

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": max(1, torch.get_num_threads() // self._lanes),
            # Else all lanes would lie on the first core.
            "ENABLE_CPU_PINNING": False,
        }
        # In inference mode an operation may be traced as several others, and under autocast with casts.
        # Tracing makes so many objects that collections among them would stop a window for .2 s at a time.
        with (
            no_collection(),
            torch.inference_mode(False),
            torch.no_grad(),
            torch.autocast("cpu", enabled=False),
        ):
            given = [torch.zeros(value.shape) for value in inputs]
            model = _rebuilt(make_fx(self._function)(*given))
        core = ov.Core()
        return [core.compile_model(model, "CPU", settings).create_infer_request() for _ in range(self._lanes)]


class _Model(Protocol):
    """What serves inputs of some shapes."""

    def __call__(self, inputs: Sequence[Tensor], lane: int) -> tuple[Tensor, ...]: ...


class _Requests:
    """OpenVINO's requests, one for each lane."""

    def __init__(self, requests: Sequence[Any]) -> None:
        self._requests = requests

    def __call__(self, inputs: Sequence[Tensor], lane: int) -> tuple[Tensor, ...]:
        arrays = [_channels_last(value).contiguous().numpy() for value in inputs]
        found = self._requests[lane].infer(arrays, share_inputs=True, share_outputs=True)
        return tuple(_channels_first(torch.from_numpy(found[number])) for number in range(len(found)))


class _InTorch:
    """The function as it is, in float32."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __call__(self, inputs: Sequence[Tensor], lane: int) -> tuple[Tensor, ...]:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            return self._function(*inputs)


def _difference(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The greatest among some results: the norm of what they are off by, as a share of their own."""
    each = [
        float((one - other).norm() / other.norm().clamp_min(1e-6))
        for one, other in zip(found, wanted, strict=True)
    ]
    # max() would pass over what is no number.
    return float(np.max(each))


def _channels_last(value: Tensor) -> Tensor:
    """(N, C, H, W) as (N, H, W, C); others as they are."""
    return value.permute(_LAST) if value.ndim == len(_LAST) else value


def _channels_first(value: Tensor) -> Tensor:
    """The way back."""
    return value.permute(_FIRST) if value.ndim == len(_FIRST) else value


def _rebuilt(traced: fx.GraphModule) -> Any:
    """An OpenVINO model of a traced function."""
    ov = openvino()
    from openvino import opset13 as ops  # noqa: PLC0415

    known: dict[fx.Node, Any] = {}
    parameters, results = [], []
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            value = node.meta["val"]
            parameters.append(ops.parameter(list(_channels_last(value).shape), np.float32))
            known[node] = parameters[-1].output(0)
            if value.ndim == len(_FIRST):
                known[node] = ops.transpose(parameters[-1], np.array(_FIRST)).output(0)
        elif node.op == "get_attr":
            constant: Tensor = getattr(traced, node.target)
            known[node] = ops.constant(constant.detach().contiguous().numpy()).output(0)
        elif node.op == "output":
            results = [
                ops.transpose(joined(known[one]), np.array(_LAST)).output(0)
                if one.meta["val"].ndim == len(_LAST)
                else joined(known[one])
                for one in node.args[0]
            ]
        else:
            arguments = fx.map_arg(node.args, lambda one: known[one])
            known[node] = translated(node, arguments)
    return ov.Model(results, parameters)


class CompiledTrunk(nn.Module):
    """Gives some of what a `Lite0` gives.

    Of a size of its own for each batch it would have to be compiled again, so batches are cut and filled up.
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
