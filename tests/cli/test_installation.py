from __future__ import annotations

import configparser
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from vsreid_studio import app
from vsreid_studio.cli import installation
from vsreid_studio.engine.runtime import models
from vsreid_studio.errors import UserError
from vsreid_studio.headless import diagnosis


def test_doctor_finds_everything_here_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [
        "version",
        "python",
        "system",
        "packages",
        "processor",
        "device",
        "weights",
        "codecs",
        "window",
        "self-test",
    ]
    assert "IoU 0.9" in lines[-1]


def test_doctor_names_what_is_wrong_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(*_: object) -> None:
        raise UserError("The weights are damaged.")

    monkeypatch.setattr(models, "read_weights", damaged)
    monkeypatch.setattr(diagnosis, "_window", lambda: "a window")
    assert app.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    failed = [line.split()[1] for line in lines if line.startswith("FAIL")]
    assert failed == ["weights", "self-test"]
    assert "The weights are damaged." in lines[6]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "score-gaps" in script
    assert "--no-reid" in script or "no-reid" in script


def test_the_bash_script_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app.main(["completion", "bash"])
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    ask = f"""
source {script}
COMP_WORDS=(vsreid-studio expo); COMP_CWORD=1; COMP_LINE='vsreid-studio expo'
_shtab_vsreid_studio
echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "export"


@pytest.mark.skipif(sys.platform != "linux", reason="for Linux desktops")
def test_a_desktop_entry_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert app.main(["install-desktop"]) == 0
    entry = configparser.RawConfigParser(strict=False)
    entry.read(tmp_path / "applications/vsreid-studio.desktop")
    command = entry["Desktop Entry"]["Exec"]
    assert command.endswith("%f")
    assert sys.executable.rpartition("/")[0] in command
    kinds = ET.parse(tmp_path / "mime/packages/vsreid-studio.xml").getroot()
    assert [glob.get("pattern") for glob in kinds.iter() if glob.tag.endswith("glob")] == ["*.vsreid"]
    assert (tmp_path / "icons/hicolor/scalable/apps/vsreid-studio.svg").exists()
    assert app.main(["install-desktop", "--remove"]) == 0
    assert not list(tmp_path.rglob("*vsreid*"))


def test_the_command_of_an_entry_is_quoted() -> None:
    assert installation._quoted("/a b/$x%") == '"/a b/\\\\$x%%"'


def test_there_is_no_entry_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert app.main(["install-desktop"]) == 2
    assert "Linux" in capsys.readouterr().err
