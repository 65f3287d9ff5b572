"""What every format that knows names of instances has to stand."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from grids import HEIGHT, NAMES, WIDTH, awkward_maps, everything_in, frames_like, same

from vsreid_studio.engine.types import Frame, LabelMap
from vsreid_studio.errors import UserError
from vsreid_studio.formats import catalogue
from vsreid_studio.formats.catalogue import FORMATS, ExportFormat, ExportRequest
from vsreid_studio.formats.coco import read_coco_masks, read_coco_video
from vsreid_studio.formats.cutouts import read_cutouts
from vsreid_studio.formats.exports import ExportSource, export
from vsreid_studio.formats.footage import Footage
from vsreid_studio.formats.masks import read_label_map
from vsreid_studio.formats.mots import read_mots
from vsreid_studio.formats.owned import MARKER
from vsreid_studio.formats.youtube_vos import read_masks

READERS = {
    catalogue.YOUTUBE_VOS: lambda root: read_masks(root, "clip"),
    catalogue.COCO: lambda root: read_coco_masks(root / "annotations/instances_clip.json"),
    catalogue.COCO_VIDEO: lambda root: read_coco_video(root / "instances_clip.json"),
    catalogue.MOTS: lambda root: read_mots(root / "clip.txt", HEIGHT, WIDTH, 7),
    catalogue.CUTOUTS: lambda root: read_cutouts(root / "clip"),
}
EACH = pytest.mark.parametrize("form", READERS, ids=lambda form: form.key)


def write(
    form: ExportFormat,
    root: Path,
    maps: Sequence[LabelMap] | None = None,
    frames: Sequence[Frame] | None = None,
    overwrite: bool = False,
    name: str = "clip",
) -> int:
    maps = awkward_maps() if maps is None else maps
    frames = frames_like(maps) if frames is None else frames
    request = ExportRequest(form.key, root, (), name, "", overwrite)
    return export(request, ExportSource(iter(frames), iter(maps), NAMES))


@EACH
def test_masks_read_back_to_the_pixel(form: ExportFormat, tmp_path: Path) -> None:
    assert write(form, tmp_path / "new" / "set") == 7
    assert same(READERS[form](tmp_path / "new" / "set"), awkward_maps())
    assert all((tmp_path / "new" / "set" / part).exists() for part in form.parts("clip"))


@EACH
def test_what_is_there_stays_unless_told(form: ExportFormat, tmp_path: Path) -> None:
    write(form, tmp_path)
    before = everything_in(tmp_path)
    other = [np.flip(labels, 1) for labels in awkward_maps()]
    with pytest.raises(UserError, match="is there already"):
        write(form, tmp_path, other)
    assert everything_in(tmp_path) == before
    with pytest.raises(UserError, match="as many masks"):
        write(form, tmp_path, other, frames_like(other)[1:], overwrite=True)
    assert everything_in(tmp_path) == before
    write(form, tmp_path, other, overwrite=True)
    assert same(READERS[form](tmp_path), other)
    write(form, tmp_path, name="second")
    assert same(READERS[form](tmp_path), other)
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == [tmp_path / MARKER]


@EACH
def test_a_single_file_of_another_is_not_replaced(form: ExportFormat, tmp_path: Path) -> None:
    for part in form.parts("clip"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).touch()
        with pytest.raises(UserError, match=r"is there already|a folder is needed"):
            write(form, tmp_path)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / part]
        (tmp_path / part).unlink()


@EACH
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda maps: maps[:-1], "as many masks as frames"),
        (lambda maps: [*maps, maps[0]], "as many masks as frames"),
        (lambda maps: [maps[0], maps[1][1:], *maps[2:]], "Frame 1 of clip and its mask differ in size"),
        (lambda maps: [*maps[:6], np.full_like(maps[0], 255)], "frame 6 of clip has a value above 254"),
    ],
)
def test_unfit_masks_leave_nothing(
    form: ExportFormat, tmp_path: Path, change: Callable[[list[LabelMap]], list[LabelMap]], sentence: str
) -> None:
    frames = frames_like(awkward_maps())
    with pytest.raises(UserError, match=sentence):
        write(form, tmp_path, change(awkward_maps()), frames)
    assert not everything_in(tmp_path)


@EACH
def test_unfit_frames_and_names(form: ExportFormat, tmp_path: Path) -> None:
    maps = awkward_maps()
    maps[3] = maps[3][:, 2:]
    with pytest.raises(UserError, match="Frame 3 of clip has another size"):
        write(form, tmp_path, maps)
    with pytest.raises(UserError, match="no frame of clip"):
        write(form, tmp_path, [], [])
    with pytest.raises(UserError, match="cannot name a sequence"):
        write(form, tmp_path, name="../clip")
    assert not everything_in(tmp_path)


@EACH
def test_a_video_without_any_instance(form: ExportFormat, tmp_path: Path) -> None:
    empty = [np.zeros((HEIGHT, WIDTH), np.uint8)] * 7
    if form is catalogue.CUTOUTS:
        with pytest.raises(UserError, match="no mask in clip"):
            write(form, tmp_path, empty)
        assert not everything_in(tmp_path)
    else:
        assert write(form, tmp_path, empty) == 7
        assert same(READERS[form](tmp_path), empty)


@EACH
def test_what_reads_back_differently_is_not_delivered(
    form: ExportFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Footage.__iter__

    def spoilt(self: Footage) -> Iterator[tuple[int, Frame, LabelMap]]:
        for number, frame, labels in kept(self):
            changed = labels.copy()
            changed[0, 0] = 7 if number == 2 else labels[0, 0]
            yield number, frame, changed

    monkeypatch.setattr(Footage, "__iter__", spoilt)
    with pytest.raises(UserError, match="frame 2 reads back differently"):
        write(form, tmp_path)
    assert not everything_in(tmp_path)


@EACH
def test_a_full_disk_leaves_nothing(form: ExportFormat, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    try:
        with pytest.raises(UserError, match="cannot be written: file too large"):
            write(form, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not everything_in(tmp_path)


@EACH
def test_a_folder_that_is_a_file(form: ExportFormat, tmp_path: Path) -> None:
    (tmp_path / "set").touch()
    with pytest.raises(UserError, match="set is a file where a folder is needed"):
        write(form, tmp_path / "set")


def test_davis_and_overlay_by_the_same_call(tmp_path: Path) -> None:
    maps = awkward_maps()
    frames = frames_like(maps)
    davis = ExportRequest("davis", tmp_path, ("Full-Resolution",), "clip", "mine", False)
    assert export(davis, ExportSource(frames, maps)) == 7
    path = tmp_path / "Annotations" / "Full-Resolution" / "clip" / "00000.png"
    assert np.array_equal(read_label_map(path), maps[0])
    assert export(ExportRequest("overlay", tmp_path, (), "clip", "", False), ExportSource(frames, maps)) == 7
    assert (tmp_path / "clip.mp4").is_file()
    with pytest.raises(ValueError, match="no format 'x'"):
        export(ExportRequest("x", tmp_path, (), "clip", "", False), ExportSource(frames, maps))


def test_the_catalogue_can_be_listed() -> None:
    assert len({form.key for form in FORMATS}) == len(FORMATS) == 7
    for form in FORMATS:
        assert form.title and form.summary.endswith(".") and len(form.summary) <= 65
        assert form.places
