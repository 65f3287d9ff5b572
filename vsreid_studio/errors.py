"""The one exception that a person is meant to read, one sentence for the system's own, and being stopped."""

from dataclasses import dataclass


class UserError(Exception):
    """Bad input or a bad environment, described in one clear sentence.

    The command line prints the sentence and exits with code 2; the window shows it in a bar.
    Whoever raises it leaves nothing half-written behind.
    """


class Refusal(UserError):  # noqa: N818
    """What was asked cannot be done as things are: nothing failed, and the sentence says what to do first.

    The window shows it as a notice.
    """


INTERRUPTED = 130
"""As shells report a program that Ctrl-C ended: 128 + SIGINT."""
TERMINATED = 143
"""128 + SIGTERM."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which does what Ctrl-C does: by default Python would end without leaving anything in order."""


def stopped(error: KeyboardInterrupt) -> int:
    """The exit code of a program that was asked to stop."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


@dataclass(frozen=True)
class TaskFailure:
    """A task that could not be carried out.

    Attributes:
        name: of the task.
        sentence: what is wrong, for a person.
    """

    name: str
    sentence: str


def sentence(error: Exception) -> str:
    """The message to a person about an error: a `UserError`'s own words, or the system's in a sentence."""
    if isinstance(error, MemoryError):
        return "There is not enough memory for this."
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return f"{error.filename}: {what}." if error.filename else f"The system says: {what}."
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
