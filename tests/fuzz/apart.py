"""Reads videos in a process of its own: a hang or a crash inside FFmpeg ends that process and is reported.

A signal cannot interrupt a call into a library, so that a time limit in the same process would wait for ever.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from vsreid_studio.errors import UserError

from .videos import use_video

ROOT = Path(__file__).parents[2]
MEGABYTES = 600
"""What an 8K picture needs in a decoder and in RGB; damage may announce one."""
CPU_SECONDS = 10.0
"""Of one video; a machine that is busy or asleep costs none."""
WAIT = 120.0
"""Seconds that a process may take which does nothing: a deadlock."""
_COMMAND = (sys.executable, "-m", "tests.fuzz.apart")


class VideosApart:
    """Opens and reads videos as `use_video` does, in a process that starts when first asked."""

    def __init__(self, command: Sequence[str] = _COMMAND, wait: float = WAIT) -> None:
        """Start nothing yet.

        Args:
            command: reads paths line by line, and answers each with a line of JSON.
            wait: seconds for an answer.
        """
        self._command, self._wait = command, wait
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] | None = None

    def read(self, path: Path) -> None:
        """Read a video.

        Raises:
            UserError: it was refused.
            RuntimeError: something else was raised, time or memory was used up, or the process died.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], self._wait)
        except BaseException:
            self.close()
            raise
        if not ready:
            process.send_signal(signal.SIGPROF)
        line = process.stdout.readline()
        if not line:
            said = self.close()
            code = process.returncode
            what = "no answer" if code == -signal.SIGPROF else f"the process ended with {code}"
            raise RuntimeError(f"{what}\n{said}")
        answer = json.loads(line)
        if answer["refused"]:
            raise UserError(answer["refused"])
        if answer["raised"]:
            raise RuntimeError(answer["raised"])

    def close(self) -> str:
        """End the process; the end of what it wrote to its standard error."""
        if self._process is None or self._said is None:
            return ""
        with self._process as process:
            process.kill()
        with self._said as said:
            said.seek(0)
            text = said.read()[-4000:].decode("utf-8", "replace")
        self._process = self._said = None
        return text

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            pipe = subprocess.PIPE
            self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=self._said, text=True
            )
        return self._process


def _answer(path: Path) -> dict[str, str]:
    before = _peak()
    refused = raised = ""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        use_video(path)
    except UserError as error:
        refused = str(error)
    except Exception:
        raised = traceback.format_exc(limit=-4)
    signal.setitimer(signal.ITIMER_PROF, 0)
    if _peak() - before > MEGABYTES:
        raised = f"{_peak() - before:.0f} MB of memory"
    return {"refused": refused, "raised": raised}


def _peak() -> float:
    """Most megabytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    faulthandler.enable()
    # It writes down where it is, and ends.
    faulthandler.register(signal.SIGPROF, chain=True)
    for name in sys.stdin:
        sys.stdout.write(json.dumps(_answer(Path(name.rstrip("\n")))) + "\n")
        sys.stdout.flush()
