"""The one exception that a person is meant to read."""


class UserError(Exception):
    """Bad input or a bad surrounding, told in one clear sentence.

    The command line prints the sentence and exits with code 2; the window shows it in a bar.
    Whoever raises it leaves nothing half-written behind.
    """
