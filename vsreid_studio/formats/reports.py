"""Files of figures that a command writes where a person tells it to."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from .targets import Sources


def refuse_report(path: Path, sources: Sources, like: str) -> None:
    """Check before the work that a report may be written.

    Args:
        path: the report; the file of an earlier call is replaced, any other is not.
        sources: what is never written over.
        like: how every report of the kind begins, white space apart.

    Raises:
        UserError: the report would lie on or in a source, or replace a file of another kind.
    """
    sources.refuse(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder where a file is needed.")
    if path.exists() and not _begins(path, like):
        raise UserError(f"{path} is there already, and is not what this command writes: choose another name.")


def _begins(path: Path, like: str) -> bool:
    """Whether a file is empty or begins so, white space apart; a picture tells it in its header."""
    try:
        with path.open("rb") as file:
            head = file.read(4096).decode("utf-8", "replace")
    except OSError:
        return False
    text, sign = "".join(head.split()), "".join(like.split())
    return not head or text.startswith(sign) or (head[1:4] == "PNG" and sign in text)
