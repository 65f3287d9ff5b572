from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import vsreid_studio
from vsreid_studio import __version__, app
from vsreid_studio.cli import evaluate, train
from vsreid_studio.errors import UserError

ROOT = Path(vsreid_studio.__file__).parents[1]


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    logger = logging.getLogger("vsreid_studio")
    level = logger.level
    yield
    logger.setLevel(level)


def started(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("way", [["main.py"], ["-m", "vsreid_studio"], ["-m", "vsreid_studio.app"]])
def test_every_way_to_start(way: list[str]) -> None:
    done = started(*way, "--version")
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0]) == (0, f"vsreid-studio {__version__}")
    assert lines[1].startswith("torch ")
    assert "propagation-lite" in lines[2]


def test_nothing_heavy_is_loaded_before_it_is_known_what_to_do() -> None:
    code = """
import sys
import time
from argparse import Namespace
from vsreid_studio import app
for line in ("run x --masks y --output z", "demo", "export x --output y", "train detector", "video.mp4", ""):
    app.parse(line.split())
heavy = {"torch", "torchvision", "cv2", "numpy", "av", "PIL", "tqdm", "PySide6"}
print(sorted(heavy & sys.modules.keys()))
"""
    done = started("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f" {name} " in text for name in ("run", "demo", "export", "evaluate", "train"))
    assert "make-clips" in text


@pytest.mark.parametrize("command", ["run", "demo", "export", "evaluate", "train", "make-clips"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main([command, "--help"])
    assert stop.value.code == 0
    assert f"vsreid-studio {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "path", "demo"),
    [([], None, False), (["."], Path(), False), (["--verbose"], None, False), (["demo"], None, True)],
)
def test_the_window_opens(
    arguments: list[str], path: Path | None, demo: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsreid_studio.gui import application  # noqa: PLC0415  (Qt)

    opened = []
    monkeypatch.setattr(application, "run", lambda path, demo=False: opened.append((path, demo)) or 0)
    assert app.main(arguments) == 0
    assert opened == [(path, demo)]


def test_without_a_screen_the_commands_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert app.main([]) == 2
    assert "no screen" in capsys.readouterr().err


def test_a_misspelt_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["rum"]) == 2
    assert capsys.readouterr().err == "'rum' is neither a command nor a file: see vsreid-studio --help.\n"


def test_sigterm_ends_as_ctrl_c_does() -> None:
    # In a process of its own: the networks of other tests have threads that a signal may come to.
    code = """
import os, signal, time
from argparse import Namespace
from vsreid_studio import app

def handler(_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    return 0

before = signal.getsignal(signal.SIGTERM)
app.parse = lambda _: Namespace(handler=handler, verbose=False)
code = app.main([])
assert signal.getsignal(signal.SIGTERM) == before
raise SystemExit(code)
"""
    done = started("-c", code)
    assert (done.returncode, done.stderr) == (143, "Stopped.\n")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UserError("It is broken."), 2, "It is broken.\n"),
        (UserError("\x1b[2Ja\u202e.png is broken."), 2, "\ufffd[2Ja\ufffd.png is broken.\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
        (OSError(28, "No space left on device", "/x/y"), 2, "/x/y: No space left on device.\n"),
        (OSError(28, "No space left on device"), 2, "The system says: No space left on device.\n"),
        (MemoryError(), 2, "There is not enough memory for this.\n"),
    ],
)
def test_errors_are_one_sentence(
    error: Exception,
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(evaluate, "run", fail)
    assert app.main(["evaluate", "--truth", "a", "--results", "b"]) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", sentence)


def test_mistakes_of_ours_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr(evaluate, "run", fail)
    with pytest.raises(KeyError):
        app.main(["evaluate", "--truth", "a", "--results", "b"])


@pytest.mark.parametrize("order", [["--verbose", "evaluate"], ["evaluate", "--verbose"]])
def test_verbose_in_both_places(order: list[str]) -> None:
    assert app.parse([*order, "--truth", "a", "--results", "b"]).verbose
    assert not app.parse(["evaluate", "--truth", "a", "--results", "b"]).verbose


@pytest.mark.parametrize(("module", "policy"), [(evaluate, "passive"), (train, None)])
def test_idle_threads_sleep_except_in_training(
    module: ModuleType, policy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    met = []
    monkeypatch.setattr(module, "run", lambda args: met.append(os.environ.get("OMP_WAIT_POLICY")) or 0)
    options = {evaluate: ["--truth", "x", "--results", "y"], train: ["detector"]}[module]
    assert app.main([module.__name__.rpartition(".")[2], *options]) == 0
    assert met == [policy]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_closed_streams_do_no_harm(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, stream, None)
    assert app.main(["completion", "bash"]) == 0
    assert app.main(["nowhere.mp4"]) == 2
    getattr(sys, stream).close()


def test_ctrl_c_while_modules_are_loaded() -> None:
    code = """
import sys
class Stop:
    def find_spec(self, name, *_):
        if name == "vsreid_studio.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
from vsreid_studio.__main__ import main
raise SystemExit(main())
"""
    done = started("-c", code)
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


def test_a_misspelt_command_is_told_and_not_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["exprot", "p.vsreid", "--output", "x"]) == 2
    told = "'exprot' is neither a command nor a file: see vsreid-studio --help.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("output", [["--output", ""], ["--output="]])
def test_an_empty_argument_is_no_path(output: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main(["run", "clip", "--masks", "first.png", *output])
    assert stop.value.code == 2
    assert "one of the arguments is empty" in capsys.readouterr().err
