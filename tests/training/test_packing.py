"""Training data go into parts and come out as they were; what is damaged or mixed up is refused."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.app import main
from vsreid_studio.errors import UserError
from vsreid_studio.training import pack as packing
from vsreid_studio.training.clips import read_clips, read_stills, split
from vsreid_studio.training.parts import FLOW_UNIT, Index, PackPart, decoded_flow, encoded_flow
from vsreid_studio.training.unpack import unpack

SIZE = 24_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sequences of a disk that moves over a texture, and two stills."""
    root = tmp_path_factory.mktemp("packed") / "data"
    davis, stills = root / "davis2016", root / "stills" / "coco"
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(0, 200, (10, 13, 3), dtype=np.uint8), np.ones((10, 10, 1), np.uint8))
    for name, count in (("one", 4), ("two", 3)):
        for number in range(count):
            paths = (f"JPEGImages/480p/{name}/{number:05d}.jpg", f"Annotations/480p/{name}/{number:05d}.png")
            _write(ground, 40 + 3 * number, *(davis / path for path in paths))
    for name in "ab":
        _write(ground, 60, stills / "images" / f"{name}.jpg", stills / "masks" / f"{name}.png")
    (davis / "ImageSets" / "2016").mkdir(parents=True)
    (davis / "ImageSets" / "2016" / "train.txt").write_text("one\ntwo\n")
    return root


def _write(ground: np.ndarray, x: int, picture: Path, mask: Path) -> None:
    rows, columns = np.mgrid[0:100, 0:130]
    disk = (rows - 48) ** 2 + (columns - x) ** 2 < 22**2
    frame = np.where(disk[..., None], np.array([230, 200, 40], np.uint8), ground)
    for path, image in ((picture, frame), (mask, disk.astype(np.uint8))):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def pack(data: Path, parts: Path, *options: str) -> Index:
    words = ["train", "pack", "--data", str(data), "--output", str(parts), "--part-size", str(SIZE), *options]
    assert main(words) == 0
    return Index.read(parts)


def test_what_is_unpacked_is_what_was_packed(data: Path, tmp_path: Path) -> None:
    index = pack(data, tmp_path / "parts")
    assert index.complete and len(index.parts) > 2
    for part in index.parts:
        assert (tmp_path / "parts" / part.name).stat().st_size == part.size <= SIZE
    there, cache = tmp_path / "there", tmp_path / "cache"
    command = ["train", "unpack", tmp_path / "parts", "--data", there, "--cache", cache]
    assert main([str(word) for word in command]) == 0
    files = [path.relative_to(data) for path in data.rglob("*") if path.is_file()]
    assert len(files) == 2 * 9 + 1
    for file in files:
        assert (there / file).read_bytes() == (data / file).read_bytes()
    assert not (there / "flow" / "one").exists()
    names = split(there / "davis2016", "train")
    own = read_clips(data / "davis2016", names, tmp_path / "own")
    brought = read_clips(there / "davis2016", names, cache)
    for mine, other in zip(own, brought, strict=True):
        assert np.array_equal(mine.frames, other.frames) and np.array_equal(mine.labels, other.labels)
        for one, two in ((mine.forward, other.forward), (mine.backward, other.backward)):
            assert one.shape == two.shape and one.dtype == two.dtype
            assert 0 < np.abs(one.astype(float) - two.astype(float)).max() <= FLOW_UNIT / 2 + 0.01
    assert len(read_stills([there / "stills" / "coco"])) == 2


def test_the_same_data_make_the_same_bytes(data: Path, tmp_path: Path) -> None:
    assert pack(data, tmp_path / "first").parts == pack(data, tmp_path / "second").parts


def test_packing_goes_on_where_it_stopped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack(data, tmp_path / "whole")
    parts = tmp_path / "parts"
    written = packing._written

    def stop(path: Path, contents: list[tuple[str, bytes]]) -> PackPart:
        if path.name == "part-003.zip":
            raise UserError("the disk is full")
        return written(path, contents)

    with monkeypatch.context() as patch, pytest.raises(UserError, match="full"):
        patch.setattr(packing, "_written", stop)
        packing.run(_options(data, parts))
    assert not Index.read(parts).complete
    with pytest.raises(UserError, match="not complete"):
        unpack(parts, tmp_path / "there", tmp_path / "cache")
    first = (parts / "part-001.zip").stat().st_mtime_ns
    (parts / "part-002.zip").write_bytes(b"damaged")
    assert pack(data, parts) == whole
    assert (parts / "part-001.zip").stat().st_mtime_ns == first


def _options(data: Path, parts: Path) -> Namespace:
    parser = ArgumentParser()
    packing.add_arguments(parser)
    return parser.parse_args(["--data", str(data), "--output", str(parts), "--part-size", str(SIZE)])


def test_another_pack_is_not_mixed_in(data: Path, tmp_path: Path) -> None:
    pack(data, tmp_path / "parts")
    with pytest.raises(UserError, match="other data or settings"):
        packing.run(Namespace(**{**vars(_options(data, tmp_path / "parts")), "every": 2}))


def test_parts_may_come_one_by_one(data: Path, tmp_path: Path) -> None:
    index = pack(data, tmp_path / "parts")
    there = tmp_path / "there"
    for number, part in enumerate(index.parts):
        brought = tmp_path / f"brought{number}"
        brought.mkdir()
        shutil.copy(tmp_path / "parts" / "index.json", brought)
        shutil.copy(tmp_path / "parts" / part.name, brought)
        with pytest.raises(UserError, match="list of sequences"):
            split(there / "davis2016", "train")
        missing = unpack(brought, there, tmp_path / "cache")
        assert missing == [it.name for it in index.parts[number + 1 :]]
    assert split(there / "davis2016", "train") == ["one", "two"]
    # Once more changes nothing.
    assert unpack(brought, there, tmp_path / "cache") == []


def test_a_damaged_part_is_refused(data: Path, tmp_path: Path) -> None:
    index = pack(data, tmp_path / "parts")
    path = tmp_path / "parts" / index.parts[1].name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"part-002\.zip is not as it was written"):
        unpack(tmp_path / "parts", tmp_path / "there", tmp_path / "cache")


def test_a_data_set_is_not_written_over(data: Path, tmp_path: Path) -> None:
    pack(data, tmp_path / "parts")
    with pytest.raises(UserError, match="not from these parts"):
        unpack(tmp_path / "parts", data, tmp_path / "cache")
    pack(data, tmp_path / "fewer", "--sequences", "one")
    unpack(tmp_path / "parts", tmp_path / "there", tmp_path / "cache")
    with pytest.raises(UserError, match="another pack"):
        unpack(tmp_path / "fewer", tmp_path / "there", tmp_path / "cache")


def test_less_is_packed_where_asked(data: Path, tmp_path: Path) -> None:
    options = ("--every", "2", "--sequences", "one", "--stills", "1", "--no-flow")
    index = pack(data, tmp_path / "parts", *options)
    assert sum(part.members for part in index.parts) == 2 + 2 * 2
    unpack(tmp_path / "parts", tmp_path / "there", tmp_path / "cache")
    (clip,) = read_clips(tmp_path / "there" / "davis2016", ["one"], tmp_path / "cache")
    assert len(clip.frames) == 2 and clip.forward.shape == (1, 50, 65, 2)


def test_unknown_sequences_and_small_parts_are_told(data: Path, tmp_path: Path) -> None:
    options = vars(_options(data, tmp_path / "parts"))
    with pytest.raises(UserError, match="three is not a sequence"):
        packing.run(Namespace(**{**options, "sequences": ["three"]}))
    with pytest.raises(UserError, match="larger --part-size"):
        packing.run(Namespace(**{**options, "part_size": 200}))


@pytest.mark.parametrize(("text", "size"), [("60MiB", 60 * 2**20), ("1.5 kB", 1500), ("99", 99)])
def test_sizes_are_understood(text: str, size: int) -> None:
    assert packing.part_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "many", "-3MB", "3 parsecs"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        packing.part_size(text)


def test_a_flow_is_rounded_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    flow = rng.normal(0, 30, (17, 23, 2)).astype(np.float16)
    flow[0, 0] = 900, -900
    found = decoded_flow(encoded_flow(flow))
    assert found.shape == flow.shape
    assert np.abs(found[1:].astype(float) - flow[1:].astype(float)).max() <= FLOW_UNIT / 2 + 0.04
    assert found[0, 0].tolist() == [900, -900]
    with pytest.raises(ValueError, match="Invalid"):
        decoded_flow(b"\x02\x00\x02\x00nothing")
