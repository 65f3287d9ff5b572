"""Online instance matching, and training of N_reid."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from vsreid_studio.engine.nets.embedding import Embedding, ResNetPool, embedder, lite_embedding
from vsreid_studio.engine.types import Box
from vsreid_studio.errors import UserError
from vsreid_studio.training import embedding, loop
from vsreid_studio.training.embedding import measure
from vsreid_studio.training.embedding_data import (
    UNKNOWN,
    CropMaker,
    OnlineInstanceMatching,
    background_boxes,
    davis_identities,
    draw,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def unit(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, dtype=dtype), dim=-1)


def test_oim_is_the_softmax_over_table_and_queue() -> None:
    oim = OnlineInstanceMatching(3, 4, 5, temperature=0.1)
    oim.table.copy_(unit(3, 4))
    strangers = unit(2, 4)
    x = unit(2, 4)
    loss = oim(torch.cat([x, strangers]), torch.tensor([2, 0, UNKNOWN, UNKNOWN]))
    memory = torch.cat([oim.table, strangers])
    scores = torch.exp(x @ memory.T / 0.1)
    expected = -torch.log(torch.stack([scores[0, 2], scores[1, 0]]) / scores.sum(1)).mean()
    assert torch.allclose(loss, expected, atol=1e-5)


def test_oim_gradients_are_right() -> None:
    oim = OnlineInstanceMatching(4, 6, 3).double()
    oim.table.copy_(unit(4, 6, dtype=torch.float64))
    oim(unit(3, 6, dtype=torch.float64), torch.full((3,), UNKNOWN))
    x = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    identities = torch.tensor([0, 3, 2, 0, 1])
    assert torch.autograd.gradcheck(lambda v: oim(functional.normalize(v, dim=1), identities), (x,))


def test_oim_memories_change_as_published() -> None:
    oim = OnlineInstanceMatching(2, 3, 4, momentum=0.5)
    oim.table.copy_(torch.eye(3)[:2])
    oim.remember(torch.eye(3)[[2, 0]], torch.tensor([0, UNKNOWN]))
    half = 0.5**0.5
    assert torch.allclose(oim.table, torch.tensor([[half, 0, half], [0, 1.0, 0]]))
    rows = unit(6, 3)
    oim(rows[:3], torch.full((3,), UNKNOWN))
    assert int(oim.filled) == 3
    oim(rows[3:], torch.full((3,), UNKNOWN))
    # The fourth fills the queue, the fifth and sixth take the oldest places.
    assert int(oim.filled) == 4 and torch.equal(oim.queue, rows[[4, 5, 2, 3]])
    assert set(oim.state_dict()) == {"table", "queue", "filled", "place"}


def test_oim_lets_backward_run_after_remember() -> None:
    oim = OnlineInstanceMatching(2, 3, 2)
    x = unit(2, 3).requires_grad_()
    loss = oim(x, torch.tensor([0, 1]))
    oim.remember(x, torch.tensor([0, 1]))
    loss.backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()


def test_oim_without_known_identities_is_zero() -> None:
    oim = OnlineInstanceMatching(2, 3, 0)
    loss = oim(unit(2, 3).requires_grad_(), torch.full((2,), UNKNOWN))
    loss.backward()
    assert float(loss.detach()) == 0


def test_oim_falls_on_a_toy_problem() -> None:
    centres = torch.randn(6, 10)
    layer = torch.nn.Linear(10, 4)
    oim = OnlineInstanceMatching(6, 4, 8)
    optimizer = torch.optim.Adam(layer.parameters(), 0.02)
    losses = []
    for _ in range(80):
        identities = torch.randint(0, 6, (12,))
        x = functional.normalize(layer(centres[identities] + 0.2 * torch.randn(12, 10)), dim=1)
        loss = oim(x, identities)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        oim.remember(x, identities)
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.35 * np.mean(losses[:10])


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(array).save(path)
    else:
        cv2.imwrite(str(path), array)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three sequences of a coloured rectangle that moves, and four stills."""
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    for number, name in enumerate("abc"):
        for index in range(4):
            frame = rng.integers(0, 60, (80, 120, 3), dtype=np.uint8)
            labels = np.zeros((80, 120), np.uint8)
            labels[20:60, 10 + 10 * index : 50 + 10 * index] = 1
            frame[labels > 0] = np.eye(3, dtype=np.uint8)[number] * 200
            write(root / "davis2016" / "JPEGImages" / "480p" / name / f"{index:05d}.jpg", frame)
            write(root / "davis2016" / "Annotations" / "480p" / name / f"{index:05d}.png", labels)
    (root / "davis2016" / "ImageSets" / "2016").mkdir(parents=True)
    (root / "davis2016" / "ImageSets" / "2016" / "train.txt").write_text("a\nb\nc\n")
    for index in range(4):
        labels = np.zeros((90, 70), np.uint8)
        labels[10:50, 20:60] = 1
        write(
            root / "stills" / "ccp" / "images" / f"{index}.jpg",
            rng.integers(0, 255, (90, 70, 3), dtype=np.uint8),
        )
        write(root / "stills" / "ccp" / "masks" / f"{index}.png", labels)
    return root


def arguments(*words: str) -> Namespace:
    parser = ArgumentParser()
    embedding.add_arguments(parser)
    return parser.parse_args(words)


def test_a_run_trains_resumes_to_the_same_state_and_loads(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {name: value.clone() for name, value in lite_embedding().pool.net.state_dict().items()}
    monkeypatch.setattr(embedding, "imagenet_lite0", lambda: state)
    words = ["--data", str(data), "--identities", "4", "--strangers", "8", "--held", "1", "--steps", "3"]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert embedding.run(arguments(*words, "--output", str(straight))) == 0
    figures = json.loads((straight / "measured.json").read_text())
    assert set(figures) == {"before", "after"} and figures["after"]["rank1"] == 1
    whole = loop.Trainer._update

    def breaks(self: loop.Trainer, loss: Tensor) -> None:
        whole(self, loss)
        if self.step == 2:
            self.save()
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Trainer, "_update", breaks)
    with pytest.raises(KeyboardInterrupt):
        embedding.train(arguments(*words, "--output", str(broken)))
    monkeypatch.setattr(loop.Trainer, "_update", whole)
    embedding.train(arguments(*words, "--output", str(broken)))
    first, second = (load_file(folder / "embedding.safetensors") for folder in (straight, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    rows = embedder("lite", second).embed(
        np.zeros((40, 40, 3), np.uint8), np.array([[0, 0, 20, 20]], np.int32)
    )
    assert np.isclose(np.linalg.norm(rows), 1, atol=1e-5)


def test_the_paper_size_trains_by_the_same_command(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller crops than it is used with: the weights are the same, and the test takes seconds.
    monkeypatch.setitem(embedding.SIZES, "paper", lambda: Embedding(ResNetPool(), 256, 64))  # type: ignore[attr-defined]
    monkeypatch.setattr(embedding, "resnet50_weights", lambda: None)
    words = ["--data", str(data), "--identities", "4", "--strangers", "8", "--held", "1", "--steps", "2"]
    assert embedding.run(arguments(*words, "--size", "paper", "--output", str(tmp_path))) == 0
    box = np.array([[0, 0, 20, 20]], np.int32)
    rows = embedder("paper", load_file(tmp_path / "embedding.safetensors")).embed(
        np.zeros((40, 40, 3), np.uint8), box
    )
    assert rows.shape == (1, 256) and np.isclose(np.linalg.norm(rows), 1, atol=1e-5)


def test_the_projection_starts_at_damped_principal_components() -> None:
    network = lite_embedding().eval()
    network.low_precision = False
    crops = np.random.default_rng(0).integers(0, 256, (12, 128, 128, 3), dtype=np.uint8)
    crops[:, 40:90, 40:90] = np.arange(12, dtype=np.uint8)[:, None, None, None] * 20
    embedding.start_projection(network, crops, power=1.0)
    with torch.no_grad():
        features = network.pooled(torch.from_numpy(crops).permute(0, 3, 1, 2))
        projected = network.projection(features)
    assert torch.allclose(projected.mean(0), torch.zeros(128), atol=1e-2)
    useful = projected[:, :8].std(0)
    # Whitened: all components vary alike.
    assert float(useful.max() / useful.min()) < 1.5


def test_crops_pair_each_identity_and_repeat_by_seed(data: Path) -> None:
    identities = davis_identities(data / "davis2016", "abc", step=1)
    assert [len(views) for views in identities] == [4, 4, 4]
    maker = CropMaker(identities, 32, 2)
    first, second = (maker.crops(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.pictures, second.pictures)
    known = first.identities[first.identities >= 0]
    assert len(known) == 4 and all((known == n).sum() == 2 for n in known)
    assert first.pictures.shape[1:] == (32, 32, 3) and first.pictures.dtype == np.uint8


def test_strangers_keep_away_from_the_object() -> None:
    box = Box(30, 20, 60, 50)
    for other in background_boxes(np.random.default_rng(0), box, (100, 140), 10):
        assert other.iou(box) < 0.2 and other.clip(100, 140) == other and other.area


def test_some_sequences_are_held_out() -> None:
    kept, held = embedding.held_out(list("abcdefghij"), 3)
    assert len(held) == 3 and sorted(kept + held) == list("abcdefghij")
    assert embedding.held_out(["a", "b"], 0) == (["a", "b"], [])
    with pytest.raises(UserError, match="held out"):
        embedding.held_out(["a"], 1)


def test_nothing_to_draw_from_is_told() -> None:
    with pytest.raises(UserError, match="no object"):
        draw(np.random.default_rng(0), [], 4, 0.5)


def test_measuring_a_perfect_embedding() -> None:
    class Colours(torch.nn.Module):
        dimensions = 3

        def forward(self, crops: Tensor) -> Tensor:
            return functional.normalize(crops.float().mean((2, 3)) + 1e-3, dim=1)

    from vsreid_studio.training.embedding import Search  # noqa: PLC0415

    red, green = (np.eye(3, dtype=np.uint8)[n] * np.ones((4, 4, 1), np.uint8) for n in (0, 1))
    wrong = np.stack([np.stack([green] * 12), np.stack([red] * 12)])
    search = Search(np.stack([red, green]), np.stack([red, green]), wrong, np.array([0, 1]))
    figures = measure(Colours(), search)  # type: ignore[arg-type]
    assert figures["rank1"] == 1 and figures["beats"] == 1 and figures["gap"] > 0.9
