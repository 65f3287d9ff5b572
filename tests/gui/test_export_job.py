"""An export that is cancelled wrote nothing, and one that was too late to cancel says so."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest
from small_clip import LENGTH, true_mask

from vsreid_studio.engine.events import Progress
from vsreid_studio.engine.runtime.run import Control, drive
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, Click
from vsreid_studio.engine.video import Video
from vsreid_studio.errors import UserError
from vsreid_studio.formats.catalogue import ExportRequest
from vsreid_studio.formats.points import Clicked, Prompt
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.worker import jobs
from vsreid_studio.gui.worker.jobs import Export
from vsreid_studio.project.sources import noted, setting_of


@pytest.mark.parametrize(("cancelled_at", "written"), [(3, False), (LENGTH - 1, True)])
def test_what_is_told_of_a_cancelled_export_is_true(
    pictures: Path, tmp_path: Path, cancelled_at: int, written: bool
) -> None:
    out = tmp_path / "out"
    annotation = Annotation(LENGTH, {CellKey(0, 1): Cell(true_mask(0, 1), 0, pinned=True)})
    export = Export(ExportRequest("davis", out, ("480p",), "clip", "val", False), pictures, annotation)
    control = Control()

    def send(event: object) -> None:
        if isinstance(event, Progress) and event.frame == cancelled_at:
            control.cancel()

    done = drive(export.steps(control, send), control, send)
    assert done is written
    assert bool(list(out.rglob("*.png"))) is written


def test_a_video_that_is_not_the_documents_any_more_is_not_exported(pictures: Path, tmp_path: Path) -> None:
    def refuse(video: Video) -> None:
        raise UserError(f"{video.path} has changed.")

    annotation = Annotation(LENGTH, {CellKey(0, 1): Cell(true_mask(0, 1), 0, pinned=True)})
    request = ExportRequest("davis", tmp_path / "out", ("480p",), "clip", "val", False)
    export = Export(request, pictures, annotation, check=refuse)
    with pytest.raises(UserError, match="has changed"):
        drive(export.steps(Control(), lambda event: None), Control(), lambda event: None)
    assert not (tmp_path / "out").exists()


def test_points_on_their_way_to_the_disk_are_in_the_record(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session, busy = window.session, threading.Event()
    asked: list[Any] = []
    monkeypatch.setattr(window.conductor, "start", asked.append)
    clicked = Clicked(Prompt(CellKey(0, 1), (Click(3, 4, True),), None), False, "abc", "mask")
    session.writer.post(lambda: busy.wait(60), lambda error, text: None)
    try:
        session.keep_setting(setting_of(CellKey(0, 1)), noted(None, clicked))
        window.files.export(ExportRequest("mots", tmp_path / "out", (), "clip", "", False))
    finally:
        busy.set()
    assert asked[0].points == {CellKey(0, 1): (clicked,)}


@pytest.mark.parametrize(("form", "asked"), [("mots", [False]), ("overlay", [])])
def test_no_search_for_cycles_stops_the_window_while_a_record_is_made(
    pictures: Path, tmp_path: Path, form: str, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[bool] = []

    def made(*arguments: object) -> dict[str, object]:
        searched.append(gc.isenabled())
        return {}

    monkeypatch.setattr(jobs, "provenance", made)
    annotation = Annotation(LENGTH, {CellKey(0, 1): Cell(true_mask(0, 1), 0, pinned=True)})
    export = Export(ExportRequest(form, tmp_path / "out", (), "clip", "", False), pictures, annotation)
    assert drive(export.steps(Control(), lambda event: None), Control(), lambda event: None)
    assert searched == asked
    assert gc.isenabled()
