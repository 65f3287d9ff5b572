"""Many clips on the workers of a cluster: in this process with stand-ins, and in processes of their own."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
from cluster_stand_ins import KILLED_AT, Threads, threads_of
from stand_ins import Calls, make_clip

import vsreid_studio
from vsreid_studio.app import main
from vsreid_studio.errors import UserError

distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")

ROOT = Path(vsreid_studio.__file__).parents[1]
NAMES = ("ant", "bee", "cow", "dog")
PATIENCE = 240


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for name in NAMES:
        make_clip(tmp_path / "clips" / name, tmp_path / "clips" / f"{name}.png")
    return tmp_path / "clips"


@pytest.fixture
def scheduler() -> Iterator[str]:
    """A cluster of two workers in this process, where the stand-ins are."""
    with distributed.LocalCluster(
        2,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        yield cluster.scheduler_address


def call(clips: Path, output: Path, *options: str) -> int:
    return main(["run", "--clips", str(clips), "--output", str(output), *options])


def files(folder: Path) -> dict[str, bytes]:
    return {str(it.relative_to(folder)): it.read_bytes() for it in sorted(folder.rglob("*")) if it.is_file()}


def test_the_caller_does_not_load_torch() -> None:
    code = "import sys, vsreid_studio.headless.cluster; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT) == "False\n"


def test_same_masks_as_one_after_another(
    clips: Path, calls: Calls, scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(clips, tmp_path / "one") == 0
    assert call(clips, tmp_path / "many", "--scheduler", scheduler) == 0
    assert files(tmp_path / "many") == files(tmp_path / "one")
    assert len(files(tmp_path / "one")) == len(NAMES) * 12
    capsys.readouterr()
    steps = len(calls.propagated)
    assert call(clips, tmp_path / "many", "--scheduler", scheduler) == 0
    assert capsys.readouterr().out.count(": complete, left as it is\n") == len(NAMES)
    assert len(calls.propagated) == steps


@pytest.mark.parametrize("many", [False, True])
def test_what_fails_is_told_at_the_end(
    many: bool,
    clips: Path,
    calls: Calls,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    (clips / "ant.png").write_bytes(b"no picture")
    (clips / "cow.png").unlink()
    options = ["--scheduler", request.getfixturevalue("scheduler")] if many else []
    assert call(clips, tmp_path / "out", *options) == 2
    lines = capsys.readouterr().err.splitlines()[-3:]
    told = sorted(lines[:2])
    assert told[0].startswith("ant: ") and "ant.png cannot be read" in told[0]
    assert told[1].startswith("cow: There are no masks and no points beside ")
    assert lines[2] == "2 of 4 clips failed; the same command tries them again."
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bee", "dog"]


def test_a_set_of_davis(calls: Calls, scheduler: str, tiny_set: Path, tmp_path: Path) -> None:
    options = ["run", "--davis", str(tiny_set), "--set", "val", "--output", str(tmp_path / "out")]
    assert main([*options, "--scheduler", scheduler]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bear", "cat"]


@pytest.fixture
def tiny_set(tmp_path: Path) -> Path:
    root = tmp_path / "davis"
    for name in ("bear", "cat"):
        make_clip(root / "JPEGImages/480p" / name, root / "Annotations/480p" / name / "00000.png", 4)
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("bear\ncat\n")
    return root


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["x", "--masks", "m", "--workers", "2"], "--workers and --scheduler are for many clips"),
        (["--clips", "CLIPS", "--davis", "x"], "--clips brings its own videos and masks"),
        (
            ["--clips", "CLIPS", "--scheduler", "nonsense://x:1"],
            "No Dask scheduler answers at nonsense://x:1",
        ),
    ],
)
def test_options_that_are_refused(
    options: list[str], sentence: str, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(clips) if option == "CLIPS" else option for option in options]
    assert main(["run", *given, "--output", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_client_that_cannot_connect_is_closed() -> None:
    """As garbage it would be closed at any time, also where that waits for ever."""
    from vsreid_studio.headless import cluster  # noqa: PLC0415

    gc.collect()
    with pytest.raises(UserError, match="No Dask scheduler answers") as failed, ExitStack() as stack:
        stack.enter_context(cluster.connected(cluster.Workers(scheduler="nonsense://x:1")))
    made = [one for one in gc.get_objects() if type(one) is cluster._Connection]
    assert failed and [one.status for one in made] == ["closed"]


def test_scores_of_many_sequences(
    tiny_davis: Path, scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = str(tiny_davis / "Annotations/480p")
    options = ["evaluate", "--truth", truth, "--results", truth]
    assert main([*options, "--json", str(tmp_path / "one.json")]) == 0
    alone = capsys.readouterr().out
    assert main([*options, "--json", str(tmp_path / "many.json"), "--scheduler", scheduler]) == 0
    assert capsys.readouterr().out == alone
    assert (tmp_path / "many.json").read_bytes() == (tmp_path / "one.json").read_bytes()
    (tiny_davis / "Annotations/480p/gone/00003.png").write_bytes(b"")
    assert main([*options, "--scheduler", scheduler]) == 2
    assert "gone/00003.png cannot be read" in capsys.readouterr().err


def test_rows_of_the_tables(
    tiny_davis: Path, calls: Calls, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["tables", "--davis", str(tiny_davis), "--set", "both", "--timing", "skip", "--on", "frames"]
    common += ["--rows", "box", "reid"]
    for name, more in (("one", []), ("many", ["--scheduler", scheduler])):
        work = ["--work", str(tmp_path / name), "--output", str(tmp_path / name / "page.md")]
        assert main([*common, *work, *more]) == 0
    masks = {name: files(tmp_path / name / "frames") for name in ("one", "many")}
    assert sum(name.endswith(".png") for name in masks["one"]) == 2 * 2 * 10
    assert masks["one"] == masks["many"]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the stand-ins into the workers' own processes; returns their log."""
    settings = {
        "DASK_DISTRIBUTED__WORKER__PRELOAD": '["cluster_stand_ins"]',
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
        "TEST_LOG": str(tmp_path / "log"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "log"


def start(clips: Path, output: Path) -> subprocess.Popen[str]:
    """The command in a session of its own, as a terminal starts one."""
    command = [sys.executable, "main.py", "run", "--clips", str(clips), "--output", str(output)]
    # A shell lets what it starts in the background ignore SIGINT, and a process inherits that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [*command, "--workers", "2"],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def steps_of(log: Path) -> list[tuple[int, str, int]]:
    """(process, clip, frame) of each step."""
    rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(int(process), clip, int(frame)) for process, clip, frame in rows]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [None, 3])
def test_a_worker_computes_with_its_share_of_the_cores(asked: int | None, environment: Path) -> None:
    from dask.system import CPU_COUNT  # noqa: PLC0415

    from vsreid_studio.headless import cluster  # noqa: PLC0415  (Dask)

    with cluster.connected(cluster.Workers(count=1, threads=asked)) as one:
        plugin = cluster.Networks("threads", cast(cluster.MakeEngine, Threads), one.workers)
        one.client.register_plugin(plugin, name="threads")
        assert list(one.client.run(threads_of, "threads").values()) == [asked or CPU_COUNT]


@pytest.mark.slow
def test_the_task_of_a_killed_worker_goes_on_in_another(
    clips: Path, environment: Path, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KILL", str(tmp_path / "killed"))
    with start(clips, tmp_path / "many") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.count(" masks") == len(NAMES)
    assert (tmp_path / "killed").exists()
    processes = {process for process, _, _ in steps_of(environment)}
    assert len(processes) >= 2
    of_two = {clip for clip in NAMES if len({p for p, name, _ in steps_of(environment) if name == clip}) == 2}
    assert len(of_two) == 1
    taken_up = [(process, frame) for process, name, frame in steps_of(environment) if name in of_two]
    second = [frame for process, frame in taken_up if process != taken_up[0][0]]
    # What the dead worker had committed was not done again.
    assert second[0] == KILLED_AT
    assert call(clips, tmp_path / "one") == 0
    assert files(tmp_path / "many") == files(tmp_path / "one")


@pytest.mark.slow
def test_ctrl_c_and_a_second_call(
    clips: Path, environment: Path, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SLOW", "0.3")
    with start(clips, tmp_path / "many") as process:
        end = time.monotonic() + PATIENCE
        while len(steps_of(environment)) < 6:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].startswith("Stopped. What is done is kept in ")
    assert "Traceback" not in err
    kept = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert kept and set(kept) <= {f"{name}.vsreid" for name in NAMES}
    before = len(steps_of(environment))
    monkeypatch.setenv("TEST_SLOW", "0")
    with start(clips, tmp_path / "many") as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    again = steps_of(environment)[before:]
    assert not {(name, 1) for name in kept} & {(f"{clip}.vsreid", frame) for _, clip, frame in again}
    assert call(clips, tmp_path / "one") == 0
    assert files(tmp_path / "many") == files(tmp_path / "one")
