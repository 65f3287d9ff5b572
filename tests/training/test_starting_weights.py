from pathlib import Path

import pytest
import torch
from torchvision.models import resnet50, resnet101

from vsreid_studio.engine.nets.embedding import ResNetPool
from vsreid_studio.engine.nets.stream import ResNetTrunk
from vsreid_studio.training import initial_weights


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def test_without_weights_training_starts_at_random(hub: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert initial_weights.resnet101_weights() is None and initial_weights.resnet50_weights() is None
    assert "starts at random" in caplog.text


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("deeplabv3_resnet101_coco-586e9e4e.pth", "backbone."), ("resnet101-cd907fc2.pth", "")],
)
def test_torchvision_weights_fit_the_dilated_trunk(hub: Path, name: str, prefix: str) -> None:
    torch.manual_seed(0)
    published = resnet101(weights=None).state_dict()
    if prefix:
        published = {key: value for key, value in published.items() if not key.startswith("fc.")}
        published = {prefix + key: value for key, value in published.items()}
        published["classifier.4.bias"] = torch.zeros(21)
    torch.save(published, hub / name)
    found = initial_weights.resnet101_weights()
    assert found is not None
    trunk = ResNetTrunk()
    trunk.net.load_state_dict(found)
    assert torch.equal(trunk.net.layer4[2].conv3.weight, published[prefix + "layer4.2.conv3.weight"])


def test_torchvision_weights_fit_the_embedding(hub: Path) -> None:
    published = resnet50(weights=None).state_dict()
    torch.save(published, hub / "resnet50-11ad3fa6.pth")
    found = initial_weights.resnet50_weights()
    assert found is not None
    pool = ResNetPool()
    pool.net.load_state_dict(found)
    assert torch.equal(pool.net.layer4[2].conv3.weight, published["layer4.2.conv3.weight"])
