"""Weights in, modules out: the one place that reads `models/` and refuses what does not fit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from ... import paths
from ...config import Config
from ...errors import UserError
from ...reading import expecting, open_file, read_toml
from ..nets import propagation as propagations
from ..nets.embedding import Embedder, embedder
from ..nets.inference import CompiledInference, Inference, TorchInference
from ..nets.layers import compute_type
from ..nets.lite0 import fold_norms
from ..nets.propagation import MaskPropagationNet

if TYPE_CHECKING:
    from ..nets.detector import Detector


@dataclass(frozen=True)
class Entry:
    """One entry of `models.toml`.

    Attributes:
        name: of the network and its size, e.g. 'propagation-lite'.
        file: beside `models.toml`.
        sha256: of the file.
    """

    name: str
    file: Path
    sha256: str


def entries(folder: Path | None = None) -> dict[str, Entry]:
    """The shipped weights by name.

    Raises:
        UserError: `models.toml` is missing or damaged.
    """
    folder = folder or paths.models()
    path = folder / "models.toml"
    with expecting(f"The list of weights {path} is missing or damaged"):
        tables: list[dict[str, Any]] = read_toml(path)["model"]
        return {t["name"]: Entry(t["name"], folder / t["file"], t["sha256"]) for t in tables}


def read_weights(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a safetensors file, as float32.

    Raises:
        UserError: the file is missing, damaged, not the one `models.toml` lists, or holds NaN or infinity.
    """
    try:
        with open_file(path) as file:
            data = file.read()
    except OSError as error:
        raise UserError(f"The weights {path} are missing or cannot be read.") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise UserError(f"The weights {path} are damaged: their checksum is not the one in models.toml.")
    return _tensors(data, f"{path} does not hold the weights of a network.", f"The weights {path}")


def _tensors(data: bytes, unreadable: str, name: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, those of numbers with a fraction as float32.

    Raises:
        UserError: the file is damaged (`unreadable` says it), or holds NaN or infinity.
    """
    try:
        state = load(data)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:  # KeyError: a type torch lacks
        raise UserError(unreadable) from error
    found = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    for key, value in found.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise UserError(f"{name} are damaged: {key} holds NaN or infinity. Use another file.")
    return found


def shipped(name: str) -> dict[str, Tensor]:
    """The tensors of a listed file.

    Raises:
        UserError: there is none of that name, or see `read_weights`.
    """
    entry = entries().get(name)
    if entry is None:
        raise UserError(f"No weights '{name}' are shipped; train them first (see docs/training.md).")
    return read_weights(entry.file, entry.sha256)


def checksums(config: Config) -> dict[str, str]:
    """The sha256 of every file of weights a run with these settings uses, by name."""
    size = config.propagation.size
    wanted = [f"propagation-{size}"]
    if config.reid.enabled:
        wanted += [f"detector-{size}", f"embedding-{size}"]
    known = entries()
    return {name: known[name].sha256 for name in wanted if name in known}


def fill(module: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load strictly: no tensor may be missing, left over, of another shape or kind of numbers.

    Raises:
        UserError: it does not fit.
    """
    own = module.state_dict()
    try:
        # It would convert whole numbers silently.
        if other := [key for key, it in state.items() if key in own and it.dtype != own[key].dtype]:
            raise RuntimeError(f"{other[0]} is of another type")
        module.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"The weights '{name}' do not fit the network of this version.") from error


def resolve_device(choice: str) -> torch.device:
    """The device that 'auto', 'cpu' or 'cuda' means here.

    Raises:
        UserError: 'cuda' was asked for and there is none.
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no CUDA device here; choose --device cpu or auto.")
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def gpus() -> tuple[str, ...]:
    """The CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    named = [] if told is None else [name.strip() for name in told.split(",")]
    return tuple(named[:count]) if told is not None else tuple(str(number) for number in range(count))


def device_name() -> str:
    """The device that 'auto' means here, in words."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU (no CUDA device)"


def cpu_computes() -> str:
    """How the processor runs the networks: number of threads and type of numbers, in words."""
    kind = str(compute_type(torch.device("cpu"))).removeprefix("torch.")
    return f"{torch.get_num_threads()} threads, computes in {kind}"


def load_propagation(
    size: str,
    device: torch.device,
    weights: Path | None = None,
    *,
    adapted: bytes | None = None,
    exact: bool = False,
) -> MaskPropagationNet:
    """N_mp with its weights, ready to run: norms folded, channels last.

    Args:
        size: 'lite' or 'paper'.
        weights: a safetensors file instead of the shipped one.
        adapted: tensors that take the place of the network's own, see `training.adaptation`.
        exact: compute in float32, also where the device is faster in `compute_type`.

    Raises:
        UserError: see `shipped`; or the adapted tensors belong to other weights.
    """
    network = propagations.SIZES[size].build()
    name = f"propagation-{size}"
    fill(network, read_weights(weights) if weights else shipped(name), str(weights or name))
    network.eval().requires_grad_(False)
    fold_norms(network)
    if adapted is not None:
        _replace(network, adapted)
    dtype = torch.float32 if exact else compute_type(device)
    return network.to(device, dtype).to(memory_format=torch.channels_last)


def check_propagation(size: str, weights: Path) -> None:
    """Make sure that a file holds the weights of an N_mp of this size.

    Raises:
        UserError: see `read_weights` and `fill`.
    """
    load_propagation(size, torch.device("cpu"), weights, exact=True)


def load_inference(
    size: str, device: torch.device, weights: Path | None = None, *, adapted: bytes | None = None
) -> Inference:
    """N_mp in the form in which the device is fastest, see `load_propagation`."""
    compiled = size == "lite" and device.type == "cpu"
    network = load_propagation(size, device, weights, adapted=adapted, exact=compiled)
    return CompiledInference(network) if compiled else TorchInference(network)


def _replace(network: nn.Module, adapted: bytes) -> None:
    unfit = "The adaptation does not fit the network of this version."
    state = _tensors(adapted, unfit, "The tensors of the adaptation")
    try:
        left = network.load_state_dict(state, strict=False).unexpected_keys
    except RuntimeError as error:
        raise UserError(unfit) from error
    if left:
        raise UserError(unfit)


def load_detector(size: str, boxes: int, device: torch.device) -> Detector:
    """N_det with its weights. The one of size 'paper' takes torchvision's, from the hub cache."""
    # Torchvision takes 160 MB, which a run without detection does not need.
    from ..nets import detector as detectors  # noqa: PLC0415

    if size == "paper":
        return detectors.paper_detector(detectors.paper_weights(), boxes, device)
    return detectors.lite_detector(shipped("detector-lite"), boxes, device)


def load_embedder(size: str, device: torch.device) -> Embedder:
    """N_reid with its weights."""
    return embedder(size, shipped(f"embedding-{size}"), device)
