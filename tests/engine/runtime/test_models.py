from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from vsreid_studio.engine.nets import propagation as nets
from vsreid_studio.engine.nets.layers import compute_type
from vsreid_studio.engine.runtime import models
from vsreid_studio.errors import UserError


def test_every_listed_file_is_there_and_whole() -> None:
    for entry in models.entries().values():
        assert models.read_weights(entry.file, entry.sha256)


def test_weights_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing or cannot be read"):
        models.read_weights(tmp_path / "none.safetensors")


def test_weights_damaged(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_file({"a": torch.zeros(8)}, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="does not hold the weights"):
        models.read_weights(path)
    with pytest.raises(UserError, match="damaged"):
        models.read_weights(path, "0" * 64)


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    state = nets.lite().state_dict()
    state.pop("rgb.decoder.head.bias")
    path = tmp_path / "part.safetensors"
    save_file(state, path)
    with pytest.raises(UserError, match="do not fit"):
        models.load_propagation("lite", torch.device("cpu"), path)


def test_half_precision_on_disk_is_enough(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "half.safetensors"
    save_file(
        {name: v.half() if v.is_floating_point() else v for name, v in nets.lite().state_dict().items()}, path
    )
    network = models.load_propagation("lite", torch.device("cpu"), path)
    assert next(network.parameters()).dtype == compute_type(torch.device("cpu"))
    assert not network.training


@pytest.mark.parametrize(
    "text",
    [b"model = 3", b"model = ", b"model = [3]", b"[[model]]\nname = 'a'", b"\xff\xfe", b"name = '\xe4'"],
)
def test_list_damaged(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "models.toml").write_bytes(text)
    with pytest.raises(UserError, match=r"models\.toml"):
        models.entries(tmp_path)


def test_no_such_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert models.resolve_device("auto").type == "cpu"
    with pytest.raises(UserError, match="no CUDA device"):
        models.resolve_device("cuda")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "diverged.safetensors"
    state = nets.lite().state_dict()
    state["rgb.decoder.head.bias"][0] = value
    save_file(state, path)
    with pytest.raises(UserError, match=r"diverged\.safetensors are damaged: rgb\.decoder\.head\.bias"):
        models.load_propagation("lite", torch.device("cpu"), path)


def test_values_beyond_single_precision_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    save_file({"a": torch.full((2,), 1e300, dtype=torch.float64)}, path)
    with pytest.raises(UserError, match="infinity"):
        models.read_weights(path)


def test_an_adaptation_that_is_no_numbers_is_refused() -> None:
    adapted = save({"rgb.decoder.head.bias": torch.tensor([float("nan")])})
    with pytest.raises(UserError, match="adaptation"):
        models.load_propagation("lite", torch.device("cpu"), adapted=adapted)


def test_whole_numbers_are_no_weights() -> None:
    module = torch.nn.Linear(2, 1)
    state = {key: value.to(torch.int32) for key, value in module.state_dict().items()}
    with pytest.raises(UserError, match=r"my\.safetensors' do not fit"):
        models.fill(module, state, "my.safetensors")
